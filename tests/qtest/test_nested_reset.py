# SPDX-License-Identifier: GPL-2.0-or-later
"""What the device writes to guest memory (used rings, statuses, events, interrupt
messages) may land on any register of the machine, and so reset or unplug the device
before the write returns. The emulator must live through it in good order, and the
device must serve its next driver. (Finding C1.)
"""

import struct

import pytest

import pci
from balloon import (DEFLATE, F_FREE_PAGE_HINT, F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE, PLAY,
                     STATS, Balloon)
from machine import QmpError
from ops import SENTINEL, OpsBalloon, op
from packed import F_EVENT_IDX, PackedRing
from packed import FEATURES as PACKED
from ring import WRITE, Ring
from test_inhibited import end_snapshot, snapshot  # noqa: F401

FIRST = PLAY // PAGE
HINT, REPORTING, OPS = 3, 4, 5
OFFER = "free-page-hint=on,iothread=io,free-page-reporting=on,packed=on"
DEVICE = ("-object", "iothread,id=io", "-device",
          f"virtio-balloon-pci,id=balloon,bus=rp,addr=0,{OFFER}")
ALL = 1 << F_STATS_VQ | 1 << F_FREE_PAGE_HINT | 1 << F_REPORTING | 1 << pci.F_RING_RESET
SETUP = {"inflate": (Balloon, INFLATE), "deflate": (Balloon, DEFLATE), "stats": (Balloon, STATS),
         "hint": (Balloon, HINT), "reporting": (Balloon, REPORTING), "ops": (OpsBalloon, OPS)}
HEAD = 0x80  # the first of a chain, and at the same time FLR's bit in its byte
LENGTH = 256  # of a ring that has such a head
STATUS = pci.MODERN_BAR + pci.COMMON_STATUS

RINGS = pytest.mark.parametrize("ring, more", [(Ring, 0), (PackedRing, PACKED)],
                                ids=["split", "packed"])
EACH_QUEUE = pytest.mark.parametrize("queue", SETUP)
MANY = pytest.mark.parametrize("queue", [q for q in SETUP if q != "stats"])  # at once


def machine(boot, **kw):
    return boot.machine(*pci.PORT, *DEVICE, **kw)


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


# Function-level reset, through the device's own registers in MMCONFIG.

@EACH_QUEUE
def test_used_ring(boot, queue):
    """The head in the used ring, written as the buffer is pushed."""
    m = machine(boot)
    kind, number = SETUP[queue]
    for _ in range(8):  # what is let go once too often shows at some time
        b = drive(m, kind, sizes={number: LENGTH}, used={number: devctl(m) + 1 - 4})
        b.ring[number].next_desc = HEAD
        b.ring[number].add(parts_for(b, queue))
        if queue == "stats":  # the first goes back as the second comes
            b.ring[number].add(parts_for(b, queue))
            b.kick(number)
        b.kick(number)
        m.until(lambda: was_reset(m), "the reset")
    serves_the_next_driver(m)


def consumed(b, number):
    """Buffers that the device took from a split ring, modulo 2^16; None: it is gone."""
    try:
        return b.m.qmp("x-query-virtio-queue-status", queue=number,
                       path="/machine/peripheral/balloon/virtio-backend")["last-avail-idx"]
    except QmpError:
        return None


def flood(b, queue, over):
    """Offers one buffer again and again, a whole ring of it each time, until over()."""
    number = SETUP[queue][1]
    ring = b.ring[number]
    head = ring.add(parts_for(b, queue))
    b.m.write(ring.avail + 4, struct.pack("<H", head) * ring.size)
    while True:
        b.kick(number)
        b.m.until(lambda: over() or consumed(b, number) == ring.avail_index, "the buffers")
        if over():
            return
        assert ring.avail_index + ring.size < 1 << 16, "never over"
        ring.avail_index += ring.size - 1
        ring.offer(head)


@MANY
def test_used_index(boot, queue):
    """The same by the index, which counts to FLR's bit."""
    m = machine(boot)
    kind, number = SETUP[queue]
    b = drive(m, kind, sizes={number: 1024}, used={number: devctl(m) - 2})
    flood(b, queue, lambda: was_reset(m))
    serves_the_next_driver(m)


@RINGS
def test_status_of_operations(boot, ring, more):
    """The first byte of the index is a descriptor of its own, on the register."""
    m = machine(boot)
    for _ in range(4):
        b = drive(m, OpsBalloon, more, ring=ring)
        data = b"".join(op("I", FIRST + i, 1) for i in range(HEAD)) + op("I", FIRST, 1)
        at = b.place(SENTINEL * 8)
        b.opsq.add([(b.place(data), len(data), 0), (at, 4, WRITE), (devctl(m) + 1, 1, WRITE),
                    (at + 4, 3, WRITE)])
        b.kick(OPS)
        m.until(lambda: was_reset(m), "the reset")
    serves_the_next_driver(m)


@RINGS
def test_status_with_others_behind_it(boot, ring, more):
    """Buffers that are answered together: the reset comes in the middle of them."""
    m = machine(boot)
    b = drive(m, OpsBalloon, more, ring=ring)
    b.offer(op("I", FIRST, 1))
    data = b"".join(op("I", FIRST + 1 + i, 1) for i in range(HEAD)) + op("I", FIRST, 1)
    b.opsq.add([(b.place(data), len(data), 0), (b.place(bytes(8)), 4, WRITE),
                (devctl(m) + 1, 1, WRITE), (b.place(bytes(8)), 3, WRITE)])
    for i in range(8):
        b.offer(op("I", FIRST + 1000 + i, 1))
    b.kick(OPS)
    m.until(lambda: was_reset(m), "the reset")
    serves_the_next_driver(m)


@MANY
def test_available_event(boot, queue):
    """Written as a buffer is taken from the ring: the reset comes within virtqueue_pop(). Here
    it is one of the whole bus, as the number written counts to its bit sooner."""
    m = machine(boot)
    kind, number = SETUP[queue]
    size = 2
    reset = pci.PciDevice(m, pci.PORT_SLOT).mmconfig(pci.BRIDGE_CONTROL)
    b = drive(m, kind, 1 << F_EVENT_IDX, sizes={number: size},
              used={number: reset - 4 - 8 * size})
    flood(b, queue, lambda: was_reset(m))
    serves_the_next_driver(m)


@EACH_QUEUE
def test_event_of_a_packed_ring(boot, queue):
    """Written as the device asks to be told again, or no more."""
    m = machine(boot)
    kind, number = SETUP[queue]
    for _ in range(4):
        b = drive(m, kind, PACKED, ring=PackedRing, used={number: devctl(m)})
        b.ring[number].add(parts_for(b, queue))
        b.kick(number)
        m.qmp("query-status")
        if queue not in ("stats", "hint"):  # these two never switch it
            m.until(lambda: was_reset(m), "the reset")
        m.qmp("system_reset")
        m.event("RESET")
    serves_the_next_driver(m)


@pytest.mark.parametrize("queue", ["inflate", "deflate", "ops", "reporting"])
@pytest.mark.parametrize("end", ["by itself", "stop", "reset of another queue"])
def test_long_buffer(boot, queue, end):
    """Pushed from a bottom half, by a stop, or as another queue is reset."""
    m = machine(boot, memory="2G")
    kind, number = SETUP[queue]
    b = drive(m, kind, sizes={number: LENGTH}, used={number: devctl(m) + 1 - 4})
    m.fill(PLAY, 512 * MIB)
    b.ring[number].next_desc = HEAD
    if queue == "reporting":
        b.ring[number].add([(PLAY + k * 8 * MIB, 8 * MIB, WRITE) for k in range(64)])
    elif queue == "ops":
        data = op("I", FIRST, 512 * MIB // PAGE)
        b.ring[number].add([(b.place(data), len(data), 0), (b.place(bytes(8)), 8, WRITE)])
    else:
        b.ring[number].add(parts_for(b, queue, 512 * MIB // PAGE))
    b.kick(number)
    if end == "stop":
        m.qmp("stop")
        m.qmp("cont")
    elif end != "by itself":
        b.io.reset_queue(STATS if queue == "deflate" else DEFLATE)
    m.until(lambda: was_reset(m), "the reset")
    serves_the_next_driver(m)


@EACH_QUEUE
def test_interrupt_message(boot, queue):
    """An MSI-X entry whose message goes to the register."""
    m = machine(boot)
    if m.version() < 10:
        pytest.skip("the balloon has no MSI-X before QEMU 10.0")
    kind, number = SETUP[queue]
    at = devctl(m)
    b = drive(m, kind)
    assert b.io.message(number, at, pci.FLR)
    b.ring[number].add(parts_for(b, queue))
    if queue == "stats":
        b.ring[number].add(parts_for(b, queue))
        b.kick(number)
    b.kick(number)
    m.until(lambda: was_reset(m), "the reset")
    serves_the_next_driver(m)


# The device's own registers: device_status, where a written 0 is a reset.

def lay_over_status(part):
    """Where the used ring begins so that this offset of it is on device_status."""
    return STATUS - part


def head_of(n):
    """The offset of the head of answer n; a head of 0 written to device_status is a reset."""
    return 4 + 8 * n


@pytest.mark.parametrize("queue", ["inflate", "deflate", "ops"])
def test_own_register_by_a_poll(boot, queue):
    """After page operations the device looks at its rings by timer for a while."""
    m = machine(boot)
    number = SETUP[queue][1]
    done = 1 if queue == "ops" else 0
    b = drive(m, OpsBalloon, used={number: lay_over_status(head_of(done))})
    b.offer(op("I", FIRST + 64, 1))
    b.kick(OPS)
    m.until(lambda: consumed(b, OPS), "the first")
    b.ring[number].next_desc = 0
    b.ring[number].add(parts_for(b, queue))
    m.until(lambda: not b.io.status() or consumed(b, number) > done, "the look")
    serves_the_next_driver(m)


@pytest.mark.parametrize("queue", ["inflate", "deflate"])
def test_own_register_by_a_retry(boot, snapshot, queue):  # noqa: F811
    """Discards that were inhibited are tried again by timer, which looks at the rings too."""
    m = machine(boot)
    number = SETUP[queue][1]
    done = 1 if queue == "inflate" else 0
    m.fill(PLAY, 64 * PAGE)
    b = drive(m, used={number: lay_over_status(head_of(done))})
    snapshot(m)
    b.queue(INFLATE, [FIRST + 32])
    b.kick(INFLATE)
    m.until(lambda: consumed(b, INFLATE), "the first")
    end_snapshot(m)
    b.ring[number].next_desc = 0
    b.ring[number].add(parts_for(b, queue))
    try:
        m.until(lambda: not b.io.status() or consumed(b, number) > done, "the retry", limit=5)
    except AssertionError:
        b.kick(number)  # a device that has nothing to try again
    serves_the_next_driver(m)


@EACH_QUEUE
@pytest.mark.parametrize("part", [0, 2, 4, 8], ids=["flags", "index", "head", "length"])
def test_own_register_by_a_kick(boot, queue, part):
    """Refused by QEMU where the kick is a register's write, and not where it is an eventfd."""
    m = machine(boot)
    kind, number = SETUP[queue]
    b = drive(m, kind, used={number: lay_over_status(part)})
    b.ring[number].add(parts_for(b, queue))
    b.kick(number)
    m.qmp("query-status")
    serves_the_next_driver(m)


@pytest.mark.parametrize("end", ["by itself", "stop", "reset of another queue"])
@pytest.mark.parametrize("queue", ["inflate", "deflate", "ops", "reporting"])
def test_own_register_by_a_long_buffer(boot, queue, end):
    m = machine(boot, memory="2G")
    kind, number = SETUP[queue]
    b = drive(m, kind, used={number: lay_over_status(head_of(0))})
    m.fill(PLAY, 512 * MIB)
    if queue == "reporting":
        b.ring[number].add([(PLAY + k * 16 * MIB, 16 * MIB, WRITE) for k in range(31)])
    elif queue == "ops":
        data = op("I", FIRST, 512 * MIB // PAGE)
        b.ring[number].add([(b.place(data), len(data), 0), (b.place(bytes(8)), 8, WRITE)])
    else:
        b.ring[number].add(parts_for(b, queue, 512 * MIB // PAGE))
    b.kick(number)
    if end == "stop":
        m.qmp("stop")
        m.qmp("cont")
    elif end != "by itself":
        b.io.reset_queue(STATS if queue == "deflate" else DEFLATE)
    if (queue, end) != ("ops", "stop"):  # there QEMU itself puts the status back after the reset
        m.until(lambda: not b.io.status() or consumed(b, number), "the buffer's end")
    serves_the_next_driver(m)


# The power of the slot: off, and the device is reset; its indicator off as well, and it is
# unplugged in the middle of its write.

def unplugged(m):
    try:
        m.qmp("qom-get", path="/machine/peripheral/balloon", property="type")
    except QmpError:
        return True
    return False


def plug(m):
    pci.Port(m).switch_on()
    m.qmp("device_add", driver="virtio-balloon-pci", id="balloon", bus="rp", addr="0",
          free_page_hint=True, iothread="io", free_page_reporting=True, packed=True)


@RINGS
def test_unplugged_by_a_status(boot, ring, more):
    m = machine(boot)
    sltctl = pci.PciDevice(m, pci.PORT_SLOT).express(pci.SLTCTL)
    for _ in range(3):
        b = drive(m, OpsBalloon, more, ring=ring)
        data = b"".join(op("I", FIRST + i, 1) for i in range(pci.POWER_OFF)) + op("I", FIRST, 1)
        b.opsq.add([(b.place(data), len(data), 0), (b.place(bytes(8)), 4, WRITE),
                    (sltctl, 4, WRITE)])
        b.kick(OPS)
        m.until(lambda: unplugged(m), "the device to go")
        plug(m)
    serves_the_next_driver(m)


@EACH_QUEUE
def test_unplugged_by_an_interrupt_message(boot, queue):
    m = machine(boot)
    if m.version() < 10:
        pytest.skip("the balloon has no MSI-X before QEMU 10.0")
    kind, number = SETUP[queue]
    sltctl = pci.PciDevice(m, pci.PORT_SLOT).express(pci.SLTCTL)
    for _ in range(3):
        b = drive(m, kind)
        assert b.io.message(number, sltctl, pci.POWER_OFF)
        b.ring[number].add(parts_for(b, queue))
        if queue == "stats":
            b.ring[number].add(parts_for(b, queue))
            b.kick(number)
        b.kick(number)
        m.until(lambda: unplugged(m), "the device to go")
        plug(m)
    serves_the_next_driver(m)


@MANY
def test_powered_off_by_a_used_index(boot, queue):
    m = machine(boot)
    kind, number = SETUP[queue]
    sltctl = pci.PciDevice(m, pci.PORT_SLOT).express(pci.SLTCTL)
    b = drive(m, kind, sizes={number: 1024}, used={number: sltctl - 2})
    flood(b, queue, pci.Port(m).is_off)
    pci.Port(m).switch_on()
    serves_the_next_driver(m)
