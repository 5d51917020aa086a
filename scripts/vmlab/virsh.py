# SPDX-License-Identifier: GPL-2.0-or-later
"""virsh, one bounded call at a time. No state but the connection's name."""

import os

from . import procs
from .errors import LabError, Missing

URI = "qemu:///system"


class VirshError(LabError):
    """virsh said no; the text is its first error line."""


def virsh(*args, timeout=30, tick=None):
    """stdout of `virsh ARGS`. VirshError when it fails or does not answer."""
    what = f"virsh {args[0]}"
    command = ["virsh", "-q", "-c", URI, *args]
    try:
        status, out, err = procs.run(command, timeout, what, _environ(), tick)
    except Missing as error:
        raise Missing("virsh is missing: apt-get install libvirt-clients") from error
    except LabError as error:
        raise LabError(f"{error}: libvirtd is busy or hangs; see `virsh -c {URI} list`") from error
    if status:
        raise VirshError(f"{what}: {_first_error(err or out)}")
    return out


def _environ():
    keep = ("PATH", "HOME", "XDG_RUNTIME_DIR")
    return {"LC_ALL": "C", **{key: os.environ[key] for key in keep if key in os.environ}}


def _first_error(text):
    lines = [line.removeprefix("error: ") for line in text.splitlines() if line.strip()]
    # virsh first says what it could not do, then why
    return "; ".join(lines[:2]) or "failed without a word"
