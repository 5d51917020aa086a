# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's own share: one madvise(MADV_DONTNEED) over touched memory of a size,
by nobody but the caller. A program of its own; prints the seconds it took.

usage: host_floor.py MIB huge|small    (huge pages as QEMU asks for them, or none)
"""

import ctypes
import mmap
import sys
import time

POPULATE_WRITE = 23


def main(mib, kind):
    size = mib << 20
    libc = ctypes.CDLL(None, use_errno=True)
    memory = mmap.mmap(-1, size + (2 << 20), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE if kind == "huge" else mmap.MADV_NOHUGEPAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    start = ctypes.c_void_p(address + (-address) % (2 << 20))
    length = ctypes.c_size_t(size)
    if libc.madvise(start, length, POPULATE_WRITE):
        ctypes.memset(start, 1, size)
    begin = time.perf_counter()
    if libc.madvise(start, length, mmap.MADV_DONTNEED):
        raise SystemExit("madvise failed")
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
