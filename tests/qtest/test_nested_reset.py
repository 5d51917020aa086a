# SPDX-License-Identifier: GPL-2.0-or-later
"""What the device writes to guest memory (used rings, statuses, events, interrupt
messages) may land on any register of the machine, and so reset or unplug the device
before the write returns. The emulator must live through it in good order, and the
device must serve its next driver. (Finding C1.)
"""

import pytest

import pci
from machine import QmpError
from nested import (EACH_QUEUE, FIRST, LONG_BUFFERS, MANY, OPS, RINGS, SETUP, begin_long,
                    cut_short, devctl, drive, flood, long_machine, machine, parts_for,
                    serves_the_next_driver, was_reset)
from ops import SENTINEL, OpsBalloon, op
from packed import F_EVENT_IDX, PackedRing
from packed import FEATURES as PACKED
from ring import WRITE

HEAD = 0x80  # the first of a chain, and at the same time FLR's bit in its byte
LENGTH = 256  # of a ring that has such a head


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
    # while it polls, the device writes none
    flood(b, queue, lambda: was_reset(m), quiet=pci.BUS_RESET if queue == "ops" else 0)
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


@LONG_BUFFERS
def test_long_buffer(boot, queue, end):
    """Pushed from a bottom half, by a stop, or as another queue is reset."""
    m = long_machine(boot)
    kind, number = SETUP[queue]
    b = drive(m, kind, sizes={number: LENGTH}, used={number: devctl(m) + 1 - 4})
    b.ring[number].next_desc = HEAD
    begin_long(b, queue)
    cut_short(b, queue, end)
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
