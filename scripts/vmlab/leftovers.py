# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends guests under libvirt that were left by lab runs which were killed, by their names.

libvirtd must run (libvirtd.ensure). No state.
"""

import re
from pathlib import Path

from . import procs
from .domain import remove_log
from .session import sweep_folders
from .virsh import virsh

NAME = r"ballonet-(\d+)-[0-9a-f]{6}"


def sweep():
    """The names of those that were ended; removes the folders of such runs, too."""
    gone = []
    for name in virsh("list", "--name").split():
        if _is_lost(name):
            virsh("destroy", name)
            remove_log(name)
            gone.append(name)
    # those of a libvirt of the run's own, which ended with the run (otherlibvirt.py)
    for name, pid in _running():
        if _is_lost(name):
            procs.end(pid)
            gone.append(name)
    sweep_folders()
    return gone


def _is_lost(name):
    found = re.fullmatch(NAME, name)
    return bool(found) and not procs.alive(int(found.group(1)))


def _running():
    """(name, pid) of every QEMU that a libvirt gave one of our names."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found = re.search(rf"\0guest=({NAME}),", path.read_bytes().decode(errors="replace"))
        except OSError:
            continue  # it has ended
        if found:
            yield found.group(1), int(path.parent.name)
