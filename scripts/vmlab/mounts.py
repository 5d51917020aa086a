# SPDX-License-Identifier: GPL-2.0-or-later
"""Mounts that only this process and its children see, and that end with them,
whatever happens. Call from the main thread, before threads that should see them.
"""

import ctypes
import os

from . import procs
from .errors import LabError

CLONE_NEWNS = 0x00020000
LIBC = ctypes.CDLL(None, use_errno=True)


def own_namespace():
    """Mounts made from here on are seen by this process and its children only."""
    if LIBC.unshare(CLONE_NEWNS):
        raise LabError(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    call("mount", "--make-rprivate", "/")


def call(*command, timeout=60):
    """stdout of a program of this machine; LabError with its last words if it fails."""
    status, out, err = procs.run(command, timeout, command[0])
    if status:
        words = (err or out).strip().splitlines() or ["it says nothing"]
        raise LabError(f"{command[0]}: {words[-1]}")
    return out
