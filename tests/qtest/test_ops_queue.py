# SPDX-License-Identifier: GPL-2.0-or-later
"""Page ops: when they are offered and negotiated, where their queue is, what
configuration space says, and how seldom the device wants to be notified.
"""

import itertools
import os
import time

import pytest

import pci
from balloon import (DEFLATE, F_FREE_PAGE_HINT, F_PAGE_POISON, F_REPORTING, F_STATS_VQ, INFLATE,
                     PAGE, PLAY, SLOT, STATS, Balloon)
from ops import CONFIG, F_PAGE_OPS, OpsBalloon, op

FIRST = PLAY // PAGE


def offered(b):
    return bool(b.io.offered() >> F_PAGE_OPS & 1)


@pytest.mark.parametrize("options, on", [
    ("", True), ("page-ops=on", True), ("page-ops=auto", True), ("page-ops=off", False),
    # The legacy I/O region must not outgrow the stock device's unless it is asked for.
    ("page-poison=off", False), ("page-poison=off,page-ops=on", True),
    ("page-poison=off,qemu-4-0-config-size=on", True),
])
def test_offered(boot, options, on):
    b = boot(options=options)
    assert offered(b) == on
    assert b.queue_sizes(128, 128, 128, 128 if on else 0, 0)
    length = 32 if on else 8 if "poison=off" in options else 16
    assert b.io.config_read(length) == 0xFFFFFFFF
    assert b.io.config_read(length - 4) != 0xFFFFFFFF


@pytest.mark.parametrize("machine, on", [
    ("pc-q35-7.2", True), ("pc-q35-5.1", True), ("pc-q35-5.0", False), ("pc-q35-4.1", False),
    ("pc-q35-4.0", True), ("pc-q35-3.1", False), ("pc-i440fx-4.2", False),
])
def test_offered_by_machine_type(boot, machine, on):
    assert offered(boot(machine=machine)) == on


@pytest.mark.parametrize("device, seen", [
    ("virtio-balloon-pci", True), ("virtio-balloon-pci-transitional", True),
    ("virtio-balloon-pci-non-transitional", True), ("virtio-balloon-pci,disable-modern=on", False),
])
def test_offered_only_with_version_1(boot, device, seen):
    m = boot.machine("-device", f"{device},id=balloon,addr={SLOT:#x}")
    status = m.qmp("x-query-virtio-status", path="/machine/peripheral/balloon/virtio-backend")
    bits = status["host-features"]
    assert bool(bits.get("unknown-dev-features", 0) >> F_PAGE_OPS & 1) == seen
    assert ("VIRTIO_F_VERSION_1" in str(bits["transports"])) == seen


def test_legacy_driver_has_none_of_it(boot):
    b = boot(interface=pci.Legacy)
    assert b.shown("page-ops-negotiated") is False
    b.m.fill(PLAY, 2 * PAGE)
    b.inflate(PLAY, 1)
    assert b.m.backed(PLAY, 2) == 1
    assert b.shown("closed-buffers") == 0


class NotVersion1(pci.Modern):
    def accept(self, bits):
        for half in (0, 1):
            self._set(4, 8, half)
            self._set(4, 0xC, bits >> 32 * half & 0xFFFFFFFF)
        self.set_status(self.status() | pci.STATUS_FEATURES_OK)
        return True


def test_accepted_without_version_1_is_not_negotiated(boot):
    b = boot(interface=NotVersion1, features=1 << F_STATS_VQ | 1 << F_PAGE_OPS)
    assert b.shown("page-ops-negotiated") is False
    b.m.fill(PLAY, 2 * PAGE)
    b.inflate(PLAY, 1)
    assert b.m.backed(PLAY, 2) == 1


def test_not_negotiated_the_queue_is_dead(boot):
    b = boot(queues=4)
    head = b.ring[3].add([(b.place(op("I", FIRST, 1)), 24, 0), (b.place(bytes(8)), 8, 2)])
    b.kick(3)
    b.send(INFLATE, [FIRST])
    assert b.ring[3].take_used() == [] and head == 0
    assert b.shown("balloon-pages") == 1


def test_configuration(boot):
    b = boot(driver=OpsBalloon)
    block, most = b.io.config_read(CONFIG), b.io.config_read(CONFIG + 4)
    assert block >= PAGE and block & (block - 1) == 0
    assert most >= 1
    b.io.config_write(CONFIG, 1)
    b.io.config_write(CONFIG + 4, 1)
    assert (b.io.config_read(CONFIG), b.io.config_read(CONFIG + 4)) == (block, most)
    assert (b.io.config_read(16), b.io.config_read(20)) == (0, 0)
    b.io.config_write(4, 77)  # the standard fields stay writable
    assert b.io.config_read(4) == 77


def subsets(bits):
    return itertools.chain.from_iterable(itertools.combinations(bits, n)
                                         for n in range(len(bits) + 1))


CASES = [(offer, accept) for offer in subsets((F_FREE_PAGE_HINT, F_REPORTING))
         for accept in subsets((F_STATS_VQ, *offer))]
SHORT = {F_STATS_VQ: "stats", F_FREE_PAGE_HINT: "hint", F_REPORTING: "reporting"}


@pytest.mark.parametrize("offer, accept", CASES, ids=lambda bits: "+".join(map(SHORT.get, bits))
                         or "none")
def test_number_of_the_queue(boot, offer, accept):
    """Whatever is offered: the number follows from what is accepted."""
    hint = F_FREE_PAGE_HINT in offer
    options = ",".join(["free-page-hint=on,iothread=io"] * hint +
                       ["free-page-reporting=on"] * (F_REPORTING in offer))
    b = boot(*(("-object", "iothread,id=io") if hint else ()), driver=OpsBalloon, options=options,
             features=sum(1 << bit for bit in accept) | 1 << F_PAGE_POISON)
    assert b.number == 2 + len(accept)
    assert b.shown("page-ops-negotiated") is True
    b.m.fill(PLAY, 4 * PAGE)
    b.ok(("I", FIRST, 2))
    assert b.m.backed(PLAY, 4) == 2
    if F_STATS_VQ in accept:
        b.stats([(4, 99)])
        b.kick(STATS)
        b.m.until(lambda: b.guest_stats()["last-update"], "the statistics")
    if F_REPORTING in accept:
        ring = 1 + len(accept)
        head = b.ring[ring].add([(PLAY + 2 * PAGE, PAGE, 2)])
        b.kick(ring)
        assert b.wait_used(ring) == [(head, 0)]
        assert b.m.backed(PLAY, 4) == 1
    b.m.qmp("stop")
    b.m.qmp("cont")
    b.ok(("D", FIRST, 2))
    assert b.holds()


@pytest.mark.parametrize("queue", [INFLATE, DEFLATE])
def test_standard_queues_are_closed(boot, queue):
    b = boot(driver=OpsBalloon)
    b.m.fill(PLAY, 4 * PAGE)
    b.ok(("I", FIRST, 1))
    b.send(queue, [FIRST, FIRST + 1])
    assert b.shown("balloon-pages") == 1 and b.shown("closed-buffers") == 1
    assert b.m.backed(PLAY, 4) == 3
    b.bring_up()
    for _ in range(3):
        b.send(queue, [FIRST + 1])
    assert b.shown("closed-buffers") == 4 and b.shown("balloon-pages") == 0


def test_negotiated_anew_without(boot):
    """The next driver may be one that knows nothing of page ops."""
    b = boot(driver=OpsBalloon)
    b.ok(("I", FIRST, 8))
    plain = Balloon(b.m)
    assert plain.shown("page-ops-negotiated") is False and plain.shown("balloon-pages") == 0
    plain.m.fill(PLAY, 2 * PAGE)
    plain.inflate(PLAY, 1)
    assert plain.m.backed(PLAY, 2) == 1
    again = OpsBalloon(b.m)
    again.ok(("I", FIRST, 1))


def test_few_notifications(boot):
    """After a buffer the device looks by itself for a while, then wants to be told."""
    b = boot(driver=OpsBalloon)
    assert not b.opsq.no_notify()
    b.ok(("I", FIRST, 1))
    for i in range(50):
        b.offer(op("I", FIRST + 1 + i, 1))
        # asked after the offer, as a driver does: the device may stop looking at any moment
        unasked = b.opsq.no_notify()
        if not unasked:
            b.kick(b.number)
        assert len(b.wait_used(b.number)) == 1
        if unasked:
            break
    else:
        raise AssertionError("the device never looks by itself")
    b.m.until(lambda: not b.opsq.no_notify(), "the device to want notifications again")
    b.ok(("I", FIRST + 100, 1))


def cpu_seconds(m):
    with open(f"/proc/{m.process.pid}/stat") as f:
        user, system = f.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_idle_costs_nothing(boot):
    b = boot(driver=OpsBalloon)
    b.ok(("I", FIRST, 1))
    b.m.until(lambda: not b.opsq.no_notify(), "the end of the looking")
    before = cpu_seconds(b.m)
    end = time.monotonic() + 0.5
    b.m.until(lambda: time.monotonic() > end, "half a second to pass")
    assert cpu_seconds(b.m) - before < 0.1


def test_lone_requests_are_answered_soon(boot):
    b = boot(driver=OpsBalloon)
    took, trips = [], []
    for i in range(100):
        t0 = time.monotonic()
        b.ok(("I", FIRST + i, 1))
        t1 = time.monotonic()
        took.append(t1 - t0)
        b.m.qmp("query-status")
        trips.append(time.monotonic() - t1)
    took, trip = sorted(took)[50], sorted(trips)[50]
    # Some dozen trips through sockets and the wait's own steps are in it.
    assert took < 0.02 + 15 * trip, f"the median was {took * 1000:.1f} ms, of a trip {trip * 1000}"


def test_standard_driver_is_not_polled_for(boot):
    """One that waits for each answer would wait for each look: it is told to notify."""
    b = boot()
    for i in range(20):
        b.inflate(PLAY + i * PAGE, 1)
        assert not b.ring[INFLATE].no_notify()
