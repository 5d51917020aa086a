# SPDX-License-Identifier: GPL-2.0-or-later
"""Frame by frame: what the guest's kernel marks as ballooned, what the host backs.

The guest's /proc/kpageflags is the kernel's own record, not the driver's word;
the host's is the pagemap of QEMU. Guests below 3 GiB only: there a guest frame
is an offset into its memory.
"""

import ctypes
import gzip
import os
from contextlib import contextmanager

from vmlab.waits import wait_for

from .env import PAGE, scaled

KPF_OFFLINE_BYTE, KPF_OFFLINE_BIT = 2, 0x80  # bit 23 of a little-endian word
PR_SET_THP_DISABLE = 41
OFFLINE = bytes(1 if byte & KPF_OFFLINE_BIT else 0 for byte in range(256))


def ballooned(vm):
    """One byte per guest frame from 0: 1 where the kernel has it ballooned. The driver may mark
    them a moment after they came in: waits until they are as many as the balloon has pages."""
    pages = (vm.memory_mib << 20) - vm.qmp.cmd("query-balloon")["actual"]
    what = f"the guest's kernel to mark {pages // PAGE} ballooned pages"

    def look():
        # gzip first: the command channel is a serial line
        job = vm.guest.start("gzip -1 -c </proc/kpageflags")
        job.wait(scaled(60))
        marks = gzip.decompress(job.raw)[KPF_OFFLINE_BYTE::8].translate(OFFLINE)
        return marks if marks.count(1) * PAGE == pages else None

    return wait_for(look, scaled(10), what)


def backed_though_ballooned(vm):
    """Numbers of the frames that are in the balloon and yet cost the host memory."""
    marks, present = ballooned(vm), vm.ram().present()
    return [frame for frame, both in enumerate(zip(marks, present)) if both == (1, 1)]


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
