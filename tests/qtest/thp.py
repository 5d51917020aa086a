# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's transparent huge pages: how many back a guest, and emulators that find
other settings than this host has (seen by that one process; the host's stay)."""

import os
import subprocess
import sys

import pytest

from vmlab import hostmem

SETTINGS = "/sys/kernel/mm/transparent_hugepage"
SIZED = f"{SETTINGS}/hugepages-2048kB"
SIZE = 2 << 20


def size():
    """Bytes of a transparent huge page; the tests' numbers are made for 2 MiB."""
    try:
        with open(f"{SETTINGS}/hpage_pmd_size") as f:
            found = int(f.read())
    except OSError:
        pytest.skip("this host's kernel has no transparent huge pages")
    if found != SIZE:
        pytest.skip(f"transparent huge pages of this host are {found} bytes")
    return found


def backed(m, gpa):
    """Bytes in transparent huge pages of the mapping that guest memory at @gpa is in."""
    return hostmem.smaps(m.process.pid, m.hva(gpa))["AnonHugePages"]


def script(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


def with_settings(binary, folder, settings, mounts=()):
    """An emulator that reads `settings` {file: text} in place of the host's; the files
    are in `folder`. mounts: commands that mount something only it sees."""
    if os.geteuid():
        pytest.skip("other settings for one process need root")
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    lines = list(mounts)
    for number, (name, text) in enumerate(settings.items()):
        if not os.path.exists(name):
            pytest.skip(f"this host's kernel has no {name}")
        (folder / str(number)).write_text(text + "\n")
        lines.append(f"mount --bind {folder}/{number} {name} || exit 1")
    script(folder / "inside", "#!/bin/sh", *lines, f'exec {binary} "$@"')
    return script(folder / "qemu", "#!/bin/sh", f'exec unshare -m {folder}/inside "$@"')


def told_off(binary, folder, flags):
    """An emulator started with PR_SET_THP_DISABLE and these flags."""
    code = ("import ctypes, os, sys; "
            f"ctypes.CDLL(None).prctl(41, 1, {flags}, 0, 0) and sys.exit('no such prctl'); "
            f"os.execv({binary!r}, [{binary!r}] + sys.argv[1:])")
    return script(folder / "qemu", f"#!/bin/sh\nexec {sys.executable} -c \"{code}\" \"$@\"")
