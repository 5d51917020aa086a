# SPDX-License-Identifier: GPL-2.0-or-later
"""What the device writes to guest memory (used rings, statuses, events, interrupt
messages) may land on any register of the machine, and so reset or unplug the device
before the write returns. The emulator must live through it in good order, and the
device must serve its next driver. Here: its own registers, which QEMU guards while the
device is in a kick or a bottom half, and in no timer or stop. (Finding C1.)
"""

import pytest

import pci
from balloon import INFLATE, PAGE, PLAY, Balloon
from nested import (EACH_QUEUE, FIRST, LONG_BUFFERS, OPS, SETUP, begin_long,
                    cut_short, drive, long_machine, machine, parts_for,
                    serves_the_next_driver, took_or_reset)
from ops import OpsBalloon, op
from test_inhibited import end_snapshot, snapshot  # noqa: F401

STATUS = pci.MODERN_BAR + pci.COMMON_STATUS


# The device's own registers: device_status, where a written 0 is a reset.

def drive_over_status(m, kind, number, part):
    """The used ring of a queue begins so that this offset of it is on device_status. It is short:
    one longer than the registers are is none."""
    return drive(m, kind, sizes={number: 128}, used={number: STATUS - part})


def head_of(n):
    """The offset of the head of answer n; a head of 0 written to device_status is a reset."""
    return 4 + 8 * n


@pytest.mark.parametrize("queue", ["inflate", "deflate", "ops"])
def test_own_register_by_a_poll(boot, queue):
    """After page operations the device looks at its rings by timer for a while."""
    m = machine(boot)
    number = SETUP[queue][1]
    done = 1 if queue == "ops" else 0
    b = drive_over_status(m, OpsBalloon, number, head_of(done))
    b.offer(op("I", FIRST + 64, 1))
    b.kick(OPS)
    m.until(lambda: took_or_reset(b, OPS), "the first")
    assert not b.needs_reset()
    b.ring[number].next_desc = 0
    b.ring[number].add(parts_for(b, queue))
    m.until(lambda: took_or_reset(b, number, done), "the look")
    serves_the_next_driver(m)


@pytest.mark.parametrize("queue", ["inflate", "deflate"])
def test_own_register_by_a_retry(boot, snapshot, queue):  # noqa: F811
    """Discards that were inhibited are tried again by timer, which looks at the rings too."""
    m = machine(boot)
    number = SETUP[queue][1]
    done = 1 if queue == "inflate" else 0
    m.fill(PLAY, 64 * PAGE)
    b = drive_over_status(m, Balloon, number, head_of(done))
    snapshot(m)
    b.queue(INFLATE, [FIRST + 32])
    b.kick(INFLATE)
    m.until(lambda: took_or_reset(b, INFLATE), "the first")
    end_snapshot(m)
    b.ring[number].next_desc = 0
    b.ring[number].add(parts_for(b, queue))
    try:
        m.until(lambda: took_or_reset(b, number, done), "the retry", limit=5)
    except AssertionError:
        b.kick(number)  # a device that has nothing to try again
    serves_the_next_driver(m)


@EACH_QUEUE
@pytest.mark.parametrize("part", [0, 2, 4, 8], ids=["flags", "index", "head", "length"])
def test_own_register_by_a_kick(boot, queue, part):
    """Refused by QEMU where the kick is a register's write, and not where it is an eventfd."""
    m = machine(boot)
    kind, number = SETUP[queue]
    b = drive_over_status(m, kind, number, part)
    b.ring[number].add(parts_for(b, queue))
    b.kick(number)
    m.qmp("query-status")
    serves_the_next_driver(m)


@LONG_BUFFERS
def test_own_register_by_a_long_buffer(boot, queue, end):
    m = long_machine(boot)
    kind, number = SETUP[queue]
    b = drive_over_status(m, kind, number, head_of(0))
    begin_long(b, queue)
    cut_short(b, queue, end)
    m.until(lambda: took_or_reset(b, number), "the buffer's end")
    serves_the_next_driver(m)
