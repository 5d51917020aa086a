# SPDX-License-Identifier: GPL-2.0-or-later
"""A buffer that is being worked on when the machine stops is put back on its ring, whole:
it is answered once after the machine goes on, and so is what follows it. (Finding C4.)
"""

import pytest

import pci
from balloon import DEFLATE, F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE, PLAY, Balloon
from ops import SENTINEL, OpsBalloon, op
from packed import FEATURES as PACKED
from packed import PackedRing
from ring import WRITE, Ring
from test_discard import memory_backend

FIRST = PLAY // PAGE
REPORTING, OPS = 3, 4
FEATURES = 1 << F_STATS_VQ | 1 << F_REPORTING | 1 << pci.F_RING_RESET
LOT = 256 * MIB // PAGE
TIMES = 120  # that the pages of a long PFN buffer are named
FAR = (4 << 30) // PAGE
OPERATIONS = 1024
LONG = (3 << 30) // PAGE


@pytest.fixture(params=["split", "packed"])
def start(request, boot):
    """start(kind of driver, memory) brings it up on rings of either sort."""
    packed = request.param == "packed"

    def make(kind=Balloon, memory="1G", backend="memory-backend-memfd"):
        m = boot.machine(*memory_backend(backend, memory), "-device",
                         "virtio-balloon-pci,id=balloon,addr=0x4,free-page-reporting=on,packed=on",
                         memory=memory)
        return kind(m, features=FEATURES | (PACKED if packed else 0),
                    queues=OPS + (kind is OpsBalloon), ring=PackedRing if packed else Ring)
    return make


def split(at, length, pieces):
    """A part of a chain in several descriptors."""
    step = length // pieces // 8 * 8
    cuts = [i * step for i in range(pieces)] + [length]
    return [(at + a, e - a, 0) for a, e in zip(cuts, cuts[1:])]


def long_pfns(b):
    at = b.pfns([FIRST + i for i in range(LOT)])
    return [(at, 4 * LOT, 0)] * TIMES


def long_report(b):
    return [(PLAY + k * 16 * MIB, 16 * MIB, WRITE) for k in range(31)]


def long_operations(b):
    """Ranges of 3 GiB that enter and leave."""
    data = b"".join(op("ID"[i % 2], FAR, LONG) for i in range(OPERATIONS))
    status = b.place(SENTINEL * 8)
    return split(b.place(data), len(data), 3) + [(status, 4, WRITE), (status + 4, 4, WRITE)]


def offer(b, number, parts, indirect):
    ring = b.ring[number]
    buffer = ring.add([ring.indirect(b.place, parts)] if indirect else parts)
    b.kick(number)
    return buffer


def interrupted(b, number, parts, indirect, stops=1):
    """Stops so often in the middle of a buffer, and waits for its answer.
    Return: its length of use."""
    buffer = offer(b, number, parts, indirect)
    early = 0
    for _ in range(stops):
        b.m.qmp("stop")
        done = b.ring[number].take_used()
        b.m.qmp("cont")
        if done:
            break
        early += 1
        b.m.qmp("query-status")
    done = done or b.wait_used(number)
    assert [at for at, _ in done] == [buffer]
    assert early, "done before it could be stopped"
    return done[0][1]


CHAIN = pytest.mark.parametrize("indirect", [False, True], ids=["chain", "indirect"])


@CHAIN
def test_operations(start, indirect):
    b = start(OpsBalloon, "16G", "memory-backend-ram,reserve=off")
    parts = long_operations(b)
    assert interrupted(b, OPS, parts, indirect, stops=5) == 8
    assert b.status_at(parts[-2][0]) == ("OK", OPERATIONS)
    assert b.shown("ops-inflates") == b.shown("ops-deflates") == OPERATIONS // 2
    for _ in range(5):
        b.ok(("I", FIRST, 16), ("D", FIRST, 16))


@CHAIN
@pytest.mark.parametrize("queue", [INFLATE, DEFLATE])
def test_pfns(start, queue, indirect):
    b = start()
    b.m.fill(PLAY, LOT * PAGE)
    if queue == DEFLATE:
        b.send(INFLATE, [FIRST + i for i in range(LOT)])
    assert interrupted(b, queue, long_pfns(b), indirect) == 0
    assert b.shown("balloon-pages") == (LOT if queue == INFLATE else 0)
    if queue == INFLATE:
        assert b.m.backed(PLAY, LOT) == 0
    for i in range(5):
        b.send(INFLATE, [FIRST + LOT + i])
        b.send(DEFLATE, [FIRST + LOT + i])


@CHAIN
def test_reports(start, indirect):
    b = start()
    pages = 31 * 16 * MIB // PAGE
    b.m.fill(PLAY, pages * PAGE)
    assert interrupted(b, REPORTING, long_report(b), indirect) == 0
    assert b.m.backed(PLAY, pages) == 0
    b.m.fill(PLAY, MIB)
    for _ in range(5):
        buffer = b.ring[REPORTING].add([(PLAY, MIB, WRITE)])
        b.kick(REPORTING)
        assert b.wait_used(REPORTING) == [(buffer, 0)]
