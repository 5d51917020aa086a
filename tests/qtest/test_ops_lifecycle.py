# SPDX-License-Identifier: GPL-2.0-or-later
"""Page ops over reset, stop, queue reset and unplug, with buffers in flight."""

import pytest

from balloon import MIB, PAGE, PLAY
from ops import OpsBalloon, op
from test_discard import memory_backend

FIRST = PLAY // PAGE
LOT = 256 * MIB // PAGE


def start(boot, **kw):
    """Shared memory, which is slow to discard: what is in flight stays so for a while."""
    return boot(*memory_backend("memory-backend-memfd", "1G"), driver=OpsBalloon, memory="1G", **kw)


def in_flight(b, n=64):
    b.m.fill(PLAY, LOT * PAGE)
    step = LOT // n
    for i in range(n):
        b.offer(op("I", FIRST + i * step, step))
    b.kick(b.number)


def test_reset_by_the_driver(boot):
    b = start(boot)
    for _ in range(5):
        in_flight(b)
        b.bring_up()
        assert b.shown("balloon-pages") == 0
    b.m.fill(PLAY, LOT * PAGE, 0x33)
    b.ok(("I", FIRST, 16))
    assert b.m.backed(PLAY, LOT) == LOT - 16
    assert b.m.read(PLAY + 16 * PAGE, PAGE) == b"\x33" * PAGE


def test_system_reset(boot):
    b = start(boot)
    in_flight(b)
    b.m.qmp("system_reset")
    b.m.event("RESET")
    assert b.shown("page-ops-negotiated") is False
    b = OpsBalloon(b.m)
    assert b.shown("balloon-pages") == 0
    b.m.fill(PLAY, LOT * PAGE, 0x33)
    b.ok(("I", FIRST, 1))
    assert b.m.backed(PLAY, LOT) == LOT - 1


def inuse(b):
    return b.m.qmp("x-query-virtio-queue-status", queue=b.number,
                   path="/machine/peripheral/balloon/virtio-backend")


def test_stop_and_cont(boot):
    """Each buffer is back or still on the ring; the rest is done after."""
    b = start(boot)
    in_flight(b)
    b.m.qmp("stop")
    done = b.opsq.take_used()
    queue = inuse(b)
    assert (queue["inuse"], queue["last-avail-idx"]) == (0, len(done))
    before = b.shown("balloon-pages")
    assert before == len(done) * LOT // 64
    b.m.qmp("query-status")
    assert b.shown("balloon-pages") == before
    b.m.qmp("cont")
    b.wait_used(b.number, 64 - len(done))
    b.m.until(lambda: not b.shown("withheld-pages"), "the last discards")
    assert b.m.backed(PLAY, LOT) == 0
    assert b.holds((FIRST, LOT))


def test_offered_while_stopped(boot):
    b = boot(driver=OpsBalloon)
    b.m.fill(PLAY, 4 * PAGE)
    b.m.qmp("stop")
    b.offer(op("I", FIRST, 1))
    b.kick(b.number)
    b.m.qmp("query-status")
    assert b.m.backed(PLAY, 4) == 4
    b.m.qmp("cont")
    b.wait_used(b.number)
    assert b.m.backed(PLAY, 4) == 3


LONG = (12 << 30) // PAGE


def long_buffer(b):
    """A buffer that takes longer than a stop may: 12 GiB in and out, ops_max times."""
    most = b.io.config_read(28)
    head, at = b.offer(b"".join(op("ID"[i % 2], (4 << 30) // PAGE, LONG) for i in range(most)))
    return head, at, most


def test_put_back_and_resumed(boot):
    """What was done of it before the stop is not done again, and nothing is left out."""
    b = boot(*memory_backend("memory-backend-ram,reserve=off", "16G"), driver=OpsBalloon,
             memory="16G")
    head, at, most = long_buffer(b)
    b.kick(b.number)
    resumed = 0
    while True:
        b.m.qmp("stop")
        queue = inuse(b)
        assert queue["inuse"] == 0
        if queue["last-avail-idx"]:
            break
        done = b.shown("ops-inflates") + b.shown("ops-deflates")
        assert done < most
        b.m.qmp("query-status")
        assert done == b.shown("ops-inflates") + b.shown("ops-deflates")
        resumed += 1
        b.m.qmp("cont")
    assert resumed, "done before it could be stopped: the test needs more"
    b.m.qmp("cont")
    assert b.wait_used(b.number) == [(head, 8)]
    assert b.status_at(at) == ("OK", most)
    assert b.shown("ops-inflates") == b.shown("ops-deflates") == most // 2
    assert b.holds()


def test_put_back_and_reset(boot):
    """A new driver's first buffer has nothing to do with the old one's."""
    b = boot(*memory_backend("memory-backend-ram,reserve=off", "16G"), driver=OpsBalloon,
             memory="16G")
    long_buffer(b)
    b.kick(b.number)
    b.m.qmp("stop")
    assert inuse(b)["last-avail-idx"] == 0
    b.m.qmp("cont")
    b.bring_up()
    b.ok(("I", FIRST, 1), ("I", FIRST + 1, 1))
    assert b.holds((FIRST, 2))


@pytest.mark.parametrize("busy", [False, True])
def test_queue_reset(boot, busy):
    b = start(boot)
    b.ok(("I", FIRST + LOT + 8, 4))
    if busy:
        in_flight(b)
    b.io.reset_queue(b.number)
    b.opsq.clear()
    b.io.enable_queue(b.number, b.opsq)
    b.m.fill(PLAY + 600 * MIB, 4 * PAGE)
    b.ok(("I", FIRST + 600 * 256, 4))
    assert b.m.backed(PLAY + 600 * MIB, 4) == 0
    b.ok(("D", FIRST + LOT + 8, 4))


def test_unplug(boot):
    m = boot.machine(machine="pc")
    for _ in range(3):
        m.qmp("device_add", driver="virtio-balloon-pci", id="balloon", addr="4")
        b = OpsBalloon(m)
        b.ok(("I", FIRST, 16))
        b.offer(op("I", FIRST + 20, 1))
        m.qmp("device_del", id="balloon")
        m.io_write(4, 0xAE08, 1 << 4)
        m.event("DEVICE_DELETED")


def test_quit(boot):
    b = start(boot)
    in_flight(b)
    b.m.qmp("quit")
    assert b.m.wait_exit() == 0


def test_memory_module_unplugged(boot):
    """Its pages leave the ledger with it, and are no RAM afterwards."""
    b = boot(driver=OpsBalloon, memory="512M,slots=2,maxmem=1G", machine="pc")
    b.m.qmp("object-add", qom_type="memory-backend-ram", id="more", size=128 * MIB)
    b.m.qmp("device_add", driver="pc-dimm", id="dimm", memdev="more")
    page = b.m.qmp("query-memory-devices")[0]["data"]["addr"] // PAGE
    b.ok(("I", page, 128), ("I", FIRST, 10), ("S", FIRST, page + 200, 1))
    b.m.qmp("device_del", id="dimm")
    b.m.io_write(4, 0xA00, 0)
    b.m.io_write(1, 0xA14, 1 << 3)
    b.m.event("DEVICE_DELETED")
    b.m.qmp("object-del", id="more")
    b.m.until(lambda: b.shown("balloon-pages") == 9, "the block's pages to go")
    assert b.do(("D", page, 1)) == ("NOT_RAM", 0)
    assert b.holds((FIRST + 1, 9))
