# SPDX-License-Identifier: GPL-2.0-or-later
"""Frame by frame: what the guest's kernel marks as ballooned, what the host backs.

The guest's /proc/kpageflags is the kernel's own record, not the driver's word;
the host's is the pagemap of QEMU. Guests below 3 GiB only: there a guest frame,
less the first, is an offset into its memory.
"""

import ctypes
import gzip
import os
from contextlib import contextmanager

from vmlab.hostmem import PAGE as HOST_PAGE
from vmlab.waits import wait_for

from .env import PAGE, scaled

KPF_OFFLINE_BYTE, KPF_OFFLINE_BIT = 2, 0x80  # bit 23 of a word of 8 bytes, the lowest first
PR_SET_THP_DISABLE = 41
OFFLINE = bytes(1 if byte & KPF_OFFLINE_BIT else 0 for byte in range(256))


def ballooned(vm):
    """One byte per guest frame from the first: 1 where the kernel has it ballooned. The driver
    may mark them a moment after they came in: waits until they are as many as the
    balloon has pages."""
    byte = KPF_OFFLINE_BYTE if vm.machine.little_endian else 7 - KPF_OFFLINE_BYTE
    pages = (vm.memory_mib << 20) - vm.qmp.cmd("query-balloon")["actual"]
    what = f"the guest's kernel to mark {pages // PAGE} ballooned pages"

    def look():
        # gzip first: the command channel is a serial line
        skip = vm.machine.ram // PAGE * 8 // 65536
        job = vm.guest.start(f"dd if=/proc/kpageflags bs=65536 skip={skip} 2>/dev/null | gzip -1")
        job.wait(scaled(60))
        flags = gzip.decompress(job.raw)
        marks = flags[byte::8].translate(OFFLINE)
        return marks if marks.count(1) * PAGE == pages else None

    return wait_for(look, scaled(30), what)


def both(marks, present):
    """Numbers of the frames that are 1 in both."""
    return [frame for frame, seen in enumerate(zip(marks, present)) if seen == (1, 1)]


def at_two_looks(look):
    """What two looks in a row find, where the first finds any. Guest and host cannot be looked at
    in one moment: a page that moves in between shows as ballooned and backed, but not twice."""
    found = look()
    return sorted(set(found) & set(look())) if found else found


def backed_though_ballooned(vm):
    """Numbers of the frames that are in the balloon and yet cost the host memory."""

    def look():
        marks, present = ballooned(vm), vm.ram().present()
        step = PAGE // HOST_PAGE
        backed = (any(present[i : i + step]) for i in range(0, len(present), step))
        return both(marks, backed)

    return at_two_looks(look)


@contextmanager
def small_host_pages():
    """A QEMU started inside never gets transparent huge pages: the host then backs a guest's
    frame only because that frame was used, not for the sake of a neighbour."""
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, 1)
    try:
        yield
    finally:
        _prctl(libc, 0)


def _prctl(libc, value):
    if libc.prctl(PR_SET_THP_DISABLE, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
