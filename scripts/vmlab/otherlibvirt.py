# SPDX-License-Identifier: GPL-2.0-or-later
"""The libvirt that LIBVIRT names, where that is not the machine's own: unpacked in the cache by
scripts/libvirt.sh, and for one run in the place of the machine's.

Owns mounts that only this process and its children see: the programs, and folders of its own for
all that libvirt keeps or listens on. The machine's libvirt may run meanwhile. Main thread.
"""

import os
import shutil
import subprocess
from pathlib import Path

from . import mounts, procs
from .errors import LabError
from .paths import ROOT

INSTALLED = "9"
KNOWN = (INSTALLED, "11")
NAME = os.environ.get("LIBVIRT") or INSTALLED
# Whole folders of it: the other version's files must not be seen among them.
PROGRAMS = ("usr/lib/x86_64-linux-gnu/libvirt", "usr/lib/libvirt", "usr/share/libvirt")
# What it writes to, as its packages bring it.
STATE = ("etc/libvirt", "var/lib/libvirt", "var/cache/libvirt", "var/log/libvirt")


class OtherLibvirt:
    """Its daemons, which the kernel ends with this process if nobody does before."""

    def __init__(self, tree, logs):
        self._tree = tree
        self._logs = logs
        self._daemons = {}

    def start(self, program):
        """The pid. Started by its name in the cache, for which AppArmor has no profile."""
        log = self._logs / f"{program}.log"
        self._daemons[program] = procs.spawn([self._tree / "usr/sbin" / program], log)
        return self._daemons[program].pid

    def check(self, program):
        """LabError when it has ended."""
        if self._daemons[program].poll() is not None:
            words = (self._logs / f"{program}.log").read_text(errors="replace").splitlines()
            raise LabError(f"{program} does not start: {words[-1] if words else 'no word why'}")


def enter(session, say):
    """An OtherLibvirt, in the place of the machine's until session ends; None where the
    machine's is wanted. LabError says what is missing for it."""
    if NAME == INSTALLED:
        return None
    if NAME not in KNOWN:
        raise LabError(f"LIBVIRT={NAME} is not known; there are {' and '.join(KNOWN)}")
    try:
        tree = _fetch()
        own = session.dir / "libvirt"
        for folder in STATE:
            shutil.copytree(tree / folder, own / folder)
        mounts.own_namespace()
        _mount(session, tree, own)
    except (LabError, OSError) as error:
        raise LabError(f"libvirt {NAME} is missing: {error}") from error
    say(f"libvirt of {tree.parent} in the place of the machine's, for this run alone")
    return OtherLibvirt(tree, own)


def _fetch():
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "libvirt.sh"],
        env=dict(os.environ, LIBVIRT=NAME),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["scripts/libvirt.sh failed"]
        raise LabError(words[-1].removeprefix("error: "))
    return Path(done.stdout.strip())


def _mount(session, tree, own):
    def mount(at, *how):
        procs.call("mount", *how, at)
        # by its path no longer, at once; the rest when nobody uses it
        session.later(procs.call, "umount", "--lazy", at)

    mount("/usr", "-t", "overlay", "-o", f"ro,lowerdir={tree}/usr:/usr", "overlay")
    for folder in PROGRAMS:
        mount(f"/{folder}", "--bind", tree / folder)
    for folder in STATE:
        mount(f"/{folder}", "--bind", own / folder)
    # sockets, pid files, and systemd's and D-Bus's, by which it would be known outside
    mount("/run", "-t", "tmpfs", "-o", "mode=755", "tmpfs")
