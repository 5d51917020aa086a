# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is put on the ops queue: an answer, or DEVICE_NEEDS_RESET where none
is possible; never a crash, a hang, or a page too much.
"""

import random
import struct
import time

import pytest

import pci
from balloon import INFLATE, MIB, PAGE, PLAY
from ops import NAME, OpsBalloon, op, raw
from ring import WRITE
from test_malformed import (head_outside, indirect_loop, indirect_ragged, looped, looped_over_two,
                            next_outside, outside_memory, readable_after_writable, zero_length)

FIRST = PLAY // PAGE


@pytest.fixture
def b(boot):
    return boot(driver=OpsBalloon)


def works(b, at=FIRST + 8192):
    b.m.fill(at * PAGE, 8 * PAGE)
    b.ok(("I", at, 8))
    assert b.m.backed(at * PAGE, 8) == 0


def broken(b):
    b.kick(b.number)
    b.m.until(b.needs_reset, "DEVICE_NEEDS_RESET")
    assert b.shown("balloon-pages") == 0
    b.bring_up()
    works(b)


@pytest.mark.parametrize("breakage", [
    looped, looped_over_two, zero_length, next_outside, head_outside, readable_after_writable,
    indirect_ragged, indirect_loop, outside_memory,
], ids=lambda f: f.__name__)
def test_broken_ring(b, breakage):
    breakage(b.opsq)
    broken(b)


@pytest.mark.parametrize("room", [0, 1, 7])
def test_no_room_for_a_status(b, room):
    at = b.place(op("I", FIRST, 1))
    b.opsq.add([(at, 24, 0)] + ([(b.place(bytes(8)), room, WRITE)] if room else []))
    broken(b)


def test_status_before_operations(b):
    b.opsq.add([(b.place(bytes(8)), 8, WRITE), (b.place(op("I", FIRST, 1)), 24, 0)])
    broken(b)


def test_what_came_before_is_answered(b):
    first, at = b.offer(op("I", FIRST, 1))
    b.opsq.add([(b.place(op("I", FIRST + 1, 1)), 24, 0)])
    b.offer(op("I", FIRST + 2, 1))
    b.kick(b.number)
    b.m.until(b.needs_reset, "DEVICE_NEEDS_RESET")
    assert b.opsq.take_used() == [(first, 8)] and b.status_at(at) == ("OK", 1)
    assert b.shown("balloon-pages") == 1 and b.shown("rejected-buffers") == 1


def test_more_room_than_a_status_needs(b):
    """8 bytes are written, and only those."""
    head, at = b.offer(op("I", FIRST, 1), room=4096)
    b.kick(b.number)
    assert b.wait_used(b.number) == [(head, 8)]
    assert b.status_at(at) == ("OK", 1)
    assert b.m.read(at + 8, 4088) == b"\xee" * 4088


def test_everything_in_pieces_of_a_byte(b):
    data = op("I", FIRST, 2) + op("D", FIRST, 1)
    at, status = b.place(data), b.place(b"\xee" * 8)
    head = b.opsq.add([(at + i, 1, 0) for i in range(48)] +
                      [(status + i, 1, WRITE) for i in range(8)])
    b.kick(b.number)
    assert b.wait_used(b.number) == [(head, 8)]
    assert b.status_at(status) == ("OK", 2)
    assert b.holds((FIRST + 1, 1))


@pytest.mark.parametrize("length", [1, 23, 25, 47])
def test_torn(b, length):
    data = (op("I", FIRST, 1) + op("I", FIRST + 1, 1))[:length]
    assert b.send_raw(data) == ("MALFORMED", length // 24)
    assert b.holds(*[(FIRST, 1)] * (length // 24))


def test_torn_after_a_failure(b):
    """The operation that failed is the first concerned."""
    assert b.send_raw(op("D", FIRST, 1) + bytes(5)) == ("WRONG_STATE", 0)


@pytest.mark.parametrize("more, answer", [
    (0, ("OK", 0)), (1, ("MALFORMED", 0)), (24, ("MALFORMED", 0)), (64 * MIB, ("MALFORMED", 0)),
])
def test_around_ops_max(b, more, answer):
    most = b.io.config_read(28)
    data = b.place(b"".join(op("ID"[i % 2], FIRST, 1) for i in range(most)) + bytes(24))
    status = b.place(bytes(8))
    head = b.opsq.add([(data, most * 24 + more, 0), (status, 8, WRITE)])
    b.kick(b.number)
    assert b.wait_used(b.number) == [(head, 8)]
    if more in (0, 1):
        answer = (answer[0], most)  # torn: the whole ones are done
    assert b.status_at(status) == answer
    works(b)


@pytest.mark.parametrize("data", [
    raw(0, PLAY, 1), raw(4, PLAY, 1), raw(0xFFFF, PLAY, 1), raw("I", PLAY + 1, 1),
    raw("I", PLAY, 0), raw("D", PLAY, 0), raw("S", PLAY, 0, PLAY + MIB),
    raw("D", PLAY, 1, 4096), raw("I", PLAY, 1, 1), raw("S", PLAY, 1, PLAY + MIB + 2048),
    raw("S", PLAY + 8, 1, PLAY + MIB), raw("S", PLAY, 1, PLAY), raw("S", PLAY, 8, PLAY + 7 * PAGE),
    raw("S", PLAY + 7 * PAGE, 8, PLAY), op("I", FIRST, 1, reserved=0x8000),
    raw("I", (1 << 64) - PAGE, 2), raw("I", (1 << 64) - PAGE, 0xFFFFFFFF),
    raw("S", PLAY, 2, (1 << 64) - PAGE), raw("S", (1 << 64) - PAGE, 2, PLAY),
])
def test_malformed(b, data):
    b.ok(("I", FIRST, 8))
    assert b.send_raw(data) == ("MALFORMED", 0)
    assert b.send_raw(op("D", FIRST, 1) + data + op("D", FIRST + 1, 1)) == ("MALFORMED", 1)
    assert b.shown("ops-malformed") == 2
    assert b.holds((FIRST + 1, 7))


def test_the_last_page_of_the_address_space(b):
    assert b.send_raw(raw("I", (1 << 64) - PAGE, 1)) == ("NOT_RAM", 0)


def test_status_in_an_operation(b):
    """The device reads once: what it writes over the array changes nothing."""
    at = b.place(op("I", FIRST, 1) + op("I", FIRST + 1, 1))
    head = b.opsq.add([(at, 48, 0), (at + 24, 8, WRITE)])
    b.kick(b.number)
    assert b.wait_used(b.number) == [(head, 8)]
    assert b.status_at(at + 24) == ("OK", 2)


def test_status_in_ballooned_memory(b):
    """A foolish guest harms itself alone."""
    b.m.fill(PLAY, PAGE)
    at = b.place(op("I", FIRST, 1))
    head = b.opsq.add([(at, 24, 0), (PLAY, 8, WRITE)])
    b.kick(b.number)
    assert b.wait_used(b.number) == [(head, 8)]
    assert b.status_at(PLAY) == ("OK", 1)
    works(b)


def test_rubbish(b):
    """Random bytes: always an answer that is one, and a ledger that agrees with it."""
    rng = random.Random(4)
    for _ in range(300):
        data = bytearray(b"".join(
            raw(rng.choice("IDS"), PLAY + rng.randrange(64) * PAGE, rng.randrange(20),
                rng.choice((0, PLAY + rng.randrange(64) * PAGE))) for _ in range(rng.randrange(6))))
        for _ in range(rng.randrange(3) if data else 0):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.1:
            data += bytes(rng.randrange(24))
        name, index = b.send_raw(bytes(data))
        assert name in NAME.values() and index <= len(data) // 24
        assert (name == "OK") == (index * 24 == len(data) and index > 0)
        if b.buffer > 32 * MIB:
            b.buffer = 2 * MIB
    assert b.shown("balloon-pages") <= 512 * MIB // PAGE
    b.bring_up()
    works(b)


def test_flood_is_done_in_slices(boot):
    """64 buffers of ops_max operations each: QMP is answered all the while."""
    b = boot(driver=OpsBalloon)
    most = b.io.config_read(28)
    data = b.place(b"".join(op("ID"[i % 2], FIRST, 16384) for i in range(most)))
    status = b.place(bytes(8))
    for _ in range(64):
        b.opsq.add([(data, most * 24, 0), (status, 8, WRITE)])
    b.kick(b.number)
    took = []
    while not took or b.opsq.used_index() < 64:
        t0 = time.monotonic()
        b.m.qmp("query-status")
        took.append(time.monotonic() - t0)
        assert b.shown("ops-inflates") <= 64 * most
    took.sort()
    assert took[len(took) // 2] < 0.05 and took[-1] < 5, f"{len(took)} answers, {took[-3:]}"
    assert b.shown("ops-inflates") == b.shown("ops-deflates") == 32 * most


def test_index_runs_away(b):
    """A thousand buffers on a ring of 128: the same one, over and over."""
    at, status = b.place(op("I", FIRST, 1)), b.place(bytes(8))
    b.opsq.put_desc(0, at, 24, 1, 1)
    b.opsq.put_desc(1, status, 8, WRITE)
    b.opsq.avail_index += 1000
    b.opsq.offer(0)
    b.kick(b.number)
    b.m.until(lambda: b.opsq.used_index() == 1001 or b.m.log(), "the end of it")
    b.bring_up()
    works(b)


def test_bytes_are_little_endian(b):
    """Whatever the machine's order: the layout, byte by byte."""
    data = bytes.fromhex("0100 0000 02000000") + (PLAY).to_bytes(8, "little") + bytes(8)
    head, at = b.offer(data)
    b.kick(b.number)
    assert b.wait_used(b.number) == [(head, 8)]
    assert b.m.read(at, 8) == struct.pack("<II", 0, 1)
    assert b.holds((FIRST, 2))


def test_pfn_queue_takes_no_operations(b):
    b.ring[INFLATE].add([(b.place(op("I", FIRST, 1)), 24, 0)])
    b.kick(INFLATE)
    b.wait_used(INFLATE)
    assert b.shown("balloon-pages") == 0


def test_status_aimed_at_the_device_itself(b):
    """A status written onto the device's own status register does not reset it half-way."""
    first, second, third = (b.place(op("I", FIRST + k, 1)) for k in range(3))
    room = [b.place(b"\xff" * 8) for _ in range(2)]
    b.m.qmp("stop")
    b.opsq.add([(first, 24, 0), (room[0], 8, WRITE)])
    b.opsq.add([(second, 24, 0), (b.io.common + pci.COMMON_STATUS, 8, WRITE)])
    b.opsq.add([(third, 24, 0), (room[1], 8, WRITE)])
    # Found by the device itself then, outside of any access to it.
    b.m.qmp("cont")
    b.m.until(lambda: b.opsq.used_index() == 3, "answers to all three")
    assert b.status_at(room[1]) == ("OK", 1)
    assert b.io.status() & pci.STATUS_DRIVER_OK
    assert b.shown("balloon-pages") == 3
