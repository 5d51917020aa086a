# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds a kernel module of the lab's own for the guest: one folder with a Kbuild and sources.

Works on a copy, so that the source folder stays clean, and leaves nothing behind.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from .errors import LabError


def build(headers, source):
    """The bytes of FOLDER/NAME.ko, where source is that folder and NAME its name.

    headers: the guest kernel's, see Paths. Takes some seconds.
    """
    source = Path(source)
    with tempfile.TemporaryDirectory(prefix="ballonet-module-") as folder:
        copy = Path(folder) / source.name
        shutil.copytree(source, copy)
        command = ["make", "-s", "-C", headers, f"M={copy}", "CC=gcc-12", "W=1", "KCFLAGS=-Werror"]
        done = subprocess.run(
            [*map(str, command), "modules"],
            capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            faults = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            raise LabError(f"cannot build the guest module {source.name}: "
                           f"{(faults or [done.stderr])[0]}")
        return (copy / f"{source.name}.ko").read_bytes()
