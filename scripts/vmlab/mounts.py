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
    procs.call("mount", "--make-rprivate", "/")
