# SPDX-License-Identifier: GPL-2.0-or-later
"""First inputs for QEMU's generic fuzzer: a driver that brings the device up and
hands it one buffer, for each queue and kind of ring. By chance alone the
fuzzer needs long to find the order of all that.

An input is commands that SEPARATOR divides: a number, then the fields of that
command as the C compiler lays them out (tests/qtest/fuzz/generic_fuzz.c of QEMU).
What the device reads of memory is filled from the patterns, in turn.

usage: qemu_seeds.py FOLDER
"""

import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "qtest"))

from balloon import SPEC  # noqa: E402

SEPARATOR = b"FUZZ"
WRITE, PATTERN, CLOCK = 3, 7, 9
BYTE, WORD, LONG = range(3)
COMMON, _, _, NOTIFY = range(4)  # the device's regions, by address
QUEUES = 6
OFFERED = sum(1 << SPEC["VIRTIO_BALLOON_F_" + name]
              for name in ("STATS_VQ", "FREE_PAGE_HINT", "PAGE_POISON", "REPORTING"))
OPS = 1 << SPEC["VIRTIO_BALLOON_F_PAGE_OPS"]
INDIRECT, EVENT, MODERN, PACKED = (1 << bit for bit in (28, 29, 32, 34))

PFNS = (0, 1, struct.pack("<I", 0x4000))
OP = (8, 16, struct.pack("<HHIQQ", 1, 0, 1, 0x4000000, 0))
PLACE = 0x200000


def write(size, region, offset, value):
    return struct.pack("<BBBxxIQ", WRITE, size, region, offset, value)


def pattern(index, stride, data):
    return bytes((PATTERN, index, stride)) + data


def common(offset, value, size=LONG):
    return write(size, COMMON, offset, value)


def bring_up(features):
    yield common(0x14, 3, BYTE)
    for half in (0, 1):
        yield common(0x08, half)
        yield common(0x0C, features >> 32 * half & 0xFFFFFFFF)
    yield common(0x14, 11, BYTE)
    for queue in range(QUEUES):
        yield common(0x16, queue, WORD)
        for offset, part in ((0x20, 0), (0x28, 0x4000), (0x30, 0x8000)):
            yield common(offset, 0x100000 + 0x10000 * queue + part)
        yield common(0x1C, 1, WORD)
    yield common(0x14, 15, BYTE)


def split(content):
    """The index of what is available, a head, a descriptor, its buffer, one for the answer."""
    yield pattern(0, 0, struct.pack("<H", 1))
    yield pattern(0, 0, struct.pack("<H", 0))
    yield pattern(0, 0, struct.pack("<QIHH", PLACE, 96, 1, 1))
    yield pattern(*content)
    yield pattern(0, 0, struct.pack("<QIHH", PLACE + 0x10000, 8, 2, 0))


def packed(content):
    yield pattern(0, 0, struct.pack("<QIHH", PLACE, 96, 0, 1 | 1 << 7))
    yield pattern(*content)
    yield pattern(0, 0, struct.pack("<QIHH", PLACE + 0x10000, 8, 0, 2 | 1 << 7))


def main(folder):
    kinds = {"pfns": (OFFERED, split), "ops": (OFFERED | OPS, split),
             "event": (OFFERED | OPS | EVENT | INDIRECT, split),
             "packed": (OFFERED | OPS | EVENT | PACKED, packed)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, (features, ring) in kinds.items():
        for queue in range(QUEUES):
            commands = [*bring_up(features | MODERN),
                        *ring(OP if queue == QUEUES - 1 else PFNS),
                        write(WORD, NOTIFY, 4 * queue, queue), bytes((CLOCK,)),
                        write(WORD, NOTIFY, 4 * queue, queue), common(0x14, 0, BYTE)]
            (folder / f"{name}-{queue}").write_bytes(SEPARATOR.join(commands))


main(pathlib.Path(sys.argv[1]))
