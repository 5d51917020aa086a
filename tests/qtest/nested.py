# SPDX-License-Identifier: GPL-2.0-or-later
"""A balloon behind a root port, whose rings and buffers the tests lay over registers: what
the device writes there resets it, or its bus, or unplugs it.
"""

import struct

import pytest

import pci
from balloon import (DEFLATE, F_FREE_PAGE_HINT, F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE, PLAY,
                     STATS, Balloon)
from machine import QmpError
from ops import SENTINEL, OpsBalloon, op
from packed import FEATURES as PACKED
from packed import PackedRing
from ring import WRITE, Ring
from test_discard import memory_backend

FIRST = PLAY // PAGE
HINT, REPORTING, OPS = 3, 4, 5
OFFER = "free-page-hint=on,iothread=io,free-page-reporting=on,packed=on"
DEVICE = ("-object", "iothread,id=io", "-device",
          f"virtio-balloon-pci,id=balloon,bus=rp,addr=0,{OFFER}")
ALL = 1 << F_STATS_VQ | 1 << F_FREE_PAGE_HINT | 1 << F_REPORTING | 1 << pci.F_RING_RESET
# The kind of driver that has this queue, and its number.
SETUP = {"inflate": (Balloon, INFLATE), "deflate": (Balloon, DEFLATE), "stats": (Balloon, STATS),
         "hint": (Balloon, HINT), "reporting": (Balloon, REPORTING), "ops": (OpsBalloon, OPS)}

RINGS = pytest.mark.parametrize("ring, more", [(Ring, 0), (PackedRing, PACKED)],
                                ids=["split", "packed"])
EACH_QUEUE = pytest.mark.parametrize("queue", SETUP)
MANY = pytest.mark.parametrize("queue", [q for q in SETUP if q != "stats"])  # at once


def machine(boot, *args, **kw):
    return boot.machine(*pci.PORT, *DEVICE, *args, **kw)


def drive(m, kind=Balloon, more=0, **kw):
    return kind(m, pci.behind_port, features=ALL | more,
                queues=range(OPS + (kind is OpsBalloon)), **kw)


def parts_for(b, queue, count=1):
    """What a buffer of this queue is made of."""
    if queue == "ops":
        data = b"".join(op("I", FIRST + i, 1) for i in range(count))
        return [(b.place(data), len(data), 0), (b.place(SENTINEL * 8), 8, WRITE)]
    if queue in ("hint", "reporting"):
        return [(PLAY, MIB, WRITE)]
    if queue == "stats":
        return [(b.place(bytes(10)), 10, 0)]
    return [(b.pfns([FIRST + i for i in range(count)]), 4 * count, 0)]


def devctl(m):
    pci.behind_port(m, 0)
    return pci.PciDevice(m, 0, bus=1).express(pci.DEVCTL)


def was_reset(m):
    """A function-level reset took its bus mastering."""
    return not pci.PciDevice(m, 0, bus=1).config_read(2, 4) & pci.COMMAND_MASTER


def serves_the_next_driver(m):
    assert m.qmp("query-status")["running"]
    b = drive(m)
    assert b.shown("balloon-pages") == 0
    m.fill(PLAY, 64 * PAGE)
    b.inflate(PLAY + 16 * PAGE, 32)
    assert m.present(PLAY, 64) == [i not in range(16, 48) for i in range(64)]
    b.deflate(PLAY + 16 * PAGE, 32)
    assert b.shown("balloon-pages") == 0


def queue_status(b, number):
    """What QEMU knows of a queue; None: the device is gone."""
    try:
        return b.m.qmp("x-query-virtio-queue-status", queue=number,
                       path="/machine/peripheral/balloon/virtio-backend")
    except QmpError:
        return None


def consumed(b, number):
    """Buffers that the device took from a split ring, modulo 2^16."""
    status = queue_status(b, number)
    return status and status["last-avail-idx"]


def took_or_reset(b, number, more_than=0):
    """Whether the device took more buffers than that, or a reset took the ring away. (Not by
    device_status: QEMU sets that anew after a stop, whatever happened in it.)"""
    status = queue_status(b, number)
    return not status["vring-desc"] or status["last-avail-idx"] > more_than


def flood(b, queue, over, quiet=0):
    """Offers one buffer again and again, a whole ring of it each time, until over(). quiet: a bit
    of the index at which nothing more is offered until the device no longer polls its ring."""
    number = SETUP[queue][1]
    ring = b.ring[number]
    head = ring.add(parts_for(b, queue))
    b.m.write(ring.avail + 4, struct.pack("<H", head) * ring.size)
    while True:
        b.kick(number)
        b.m.until(lambda: over() or consumed(b, number) == ring.avail_index, "the buffers")
        if ring.avail_index & quiet:
            b.m.until(over, "the device to ask for a notification")
        if over():
            return
        assert ring.avail_index + ring.size < 1 << 16, "never over"
        ring.avail_index += ring.size - 1
        ring.offer(head)


LONG = 496 * MIB  # memory of a long buffer
LONG_QUEUES = ("inflate", "deflate", "ops", "reporting")
ENDS = ("by itself", "stop", "reset of another queue")
# Each queue and each end in each run, all of them with each other in the long one.
OFTEN = {("inflate", ENDS[0]), ("deflate", ENDS[1]), ("ops", ENDS[2]), ("reporting", ENDS[1])}
LONG_BUFFERS = pytest.mark.parametrize("queue, end", [
    pytest.param(queue, end, marks=[] if (queue, end) in OFTEN else pytest.mark.slow)
    for queue in LONG_QUEUES for end in ENDS])


def long_machine(boot):
    """Shared memory is slow to discard."""
    return machine(boot, *memory_backend("memory-backend-memfd", "1G"), memory="1G")


def begin_long(b, queue):
    """A buffer that takes the device several slices."""
    number = SETUP[queue][1]
    b.m.fill(PLAY, LONG)
    if queue == "reporting":
        parts = [(PLAY + k * 16 * MIB, 16 * MIB, WRITE) for k in range(31)]
    elif queue == "ops":
        data = op("I", FIRST, LONG // PAGE)
        parts = [(b.place(data), len(data), 0), (b.place(bytes(8)), 8, WRITE)]
    else:
        parts = parts_for(b, queue, LONG // PAGE)
    b.ring[number].add(parts)
    b.kick(number)


def cut_short(b, queue, end):
    """It is ended by a stop, or as another queue is reset; or not."""
    if end == "stop":
        b.m.qmp("stop")
        b.m.qmp("cont")
    elif end != "by itself":
        b.io.reset_queue(STATS if queue == "deflate" else DEFLATE)
