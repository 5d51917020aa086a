# SPDX-License-Identifier: GPL-2.0-or-later
"""The stats queue and its two properties."""

import random

import pytest

import pci
from balloon import SPEC, STATS
from machine import QmpError
from ring import WRITE

NAMES = {
    "SWAP_IN": "stat-swap-in", "SWAP_OUT": "stat-swap-out", "MAJFLT": "stat-major-faults",
    "MINFLT": "stat-minor-faults", "MEMFREE": "stat-free-memory", "MEMTOT": "stat-total-memory",
    "AVAIL": "stat-available-memory", "CACHES": "stat-disk-caches",
    "HTLB_PGALLOC": "stat-htlb-pgalloc", "HTLB_PGFAIL": "stat-htlb-pgfail",
    "OOM_KILL": "stat-oom-kills", "ALLOC_STALL": "stat-alloc-stalls",
    "SCAN_ASYNC": "stat-async-scans", "SCAN_DIRECT": "stat-direct-scans",
    "RECLAIM_ASYNC": "stat-async-reclaims", "RECLAIM_DIRECT": "stat-direct-reclaims",
}
PRIVATE = {
    "SEQUENCE": "stat-sequence", "BALLOON": "stat-balloon",
    "ACTIVE_ANON": "stat-active-anon", "INACTIVE_ANON": "stat-inactive-anon",
    "ACTIVE_FILE": "stat-active-file", "INACTIVE_FILE": "stat-inactive-file",
    "REFAULT_ANON": "stat-refaults-anon", "REFAULT_FILE": "stat-refaults-file",
    "PRESSURE_SOME": "stat-pressure-some", "PRESSURE_FULL": "stat-pressure-full",
}
UNKNOWN = 2 ** 64 - 1


def known(b, kind):
    """How many tags this device knows: ours all, the stock one since 10.0."""
    return 16 if kind == "ours" or b.m.version() >= 10 else 10


def interval(b, seconds):
    b.m.qmp("qom-set", path="/machine/peripheral/balloon",
            property="guest-stats-polling-interval", value=seconds)


def after_the_first(b):
    """A legacy driver's first buffer means nothing: it gives that and gets it back."""
    if b.io.name == "legacy":
        interval(b, 1)
        b.stats([(0x8000, 0)])
        b.kick(STATS)
        b.m.step_clock(2 * 10 ** 9)
        b.wait_used(STATS)
        interval(b, 0)


def test_before_the_guest_said_anything(boot_both):
    b = boot_both()
    stats = b.guest_stats()
    assert set(stats) == {"stats", "last-update"}
    assert stats["last-update"] == 0
    assert set(stats["stats"].values()) == {UNKNOWN}
    private = len(PRIVATE) if boot_both.kind == "ours" else 0
    assert len(stats["stats"]) == known(b, boot_both.kind) + private


def test_private_tags(boot_both):
    """Ours shows them beside the standard ones; the stock device passes over them, and takes
    what stands around them."""
    b = boot_both()
    tags = {SPEC[f"VIRTIO_BALLOON_S_{k}"]: name for k, name in PRIVATE.items()}
    assert sorted(tags) == list(range(0x8000, 0x8000 + SPEC["VIRTIO_BALLOON_S_PRIVATE_NR"]))
    beyond = max(tags) + 1
    b.stats([(4, 40), (0x7FFF, 1), *((tag, 1000 + tag) for tag in tags), (beyond, 2), (5, 50)])
    b.kick(STATS)
    b.m.until(lambda: b.guest_stats()["last-update"], "the statistics")
    stats = b.guest_stats()["stats"]
    said = {name: value for name, value in stats.items() if value != UNKNOWN}
    wanted = {"stat-free-memory": 40, "stat-total-memory": 50}
    if boot_both.kind == "ours":
        wanted |= {name: 1000 + tag for tag, name in tags.items()}
    assert said == wanted


def test_every_tag_by_name(boot_both, interface):
    b = boot_both(interface=interface)
    tags = {SPEC[f"VIRTIO_BALLOON_S_{k}"]: name for k, name in NAMES.items()}
    after_the_first(b)
    b.stats([(tag, 1000 + tag) for tag in tags])
    b.kick(STATS)
    b.m.until(lambda: b.guest_stats()["last-update"], "the statistics")
    stats = b.guest_stats()["stats"]
    wanted = {n: 1000 + t for t, n in tags.items() if t < known(b, boot_both.kind)}
    assert {n: v for n, v in stats.items() if n in NAMES.values()} == wanted
    assert not b.ring[STATS].take_used(), "the device keeps the buffer until it asks again"


def test_asks_in_the_interval(boot_both, interface):
    """The buffer is the question: it comes back when the interval is over, and
    values that the guest does not repeat are forgotten."""
    b = boot_both(interface=interface)
    interval(b, 3)
    assert b.shown("guest-stats-polling-interval") == 3
    b.m.step_clock(10 ** 9)  # the first question comes at once, but there is no buffer yet
    if interface.name == "legacy":  # whose first buffer means nothing
        b.stats([(0x8000, 0)])
        b.kick(STATS)
        b.m.step_clock(4 * 10 ** 9)
        b.wait_used(STATS)
    head = b.stats([(0, 1), (4, 2)])
    b.kick(STATS)
    assert b.guest_stats()["stats"]["stat-swap-in"] == 1
    b.m.step_clock(2 * 10 ** 9)
    assert not b.ring[STATS].take_used()
    b.m.step_clock(2 * 10 ** 9)
    assert b.wait_used(STATS) == [(head, 0)]
    b.stats([(4, 3)])
    b.kick(STATS)
    stats = b.guest_stats()["stats"]
    assert (stats["stat-swap-in"], stats["stat-free-memory"]) == (UNKNOWN, 3)
    interval(b, 0)
    b.m.step_clock(100 * 10 ** 9)
    assert not b.ring[STATS].take_used()


def test_waits_for_a_buffer(boot_both):
    b = boot_both()
    interval(b, 1)
    for _ in range(5):
        b.m.step_clock(10 ** 9)
    head = b.stats([(4, 7)])
    b.kick(STATS)
    b.m.step_clock(10 ** 9)
    assert b.wait_used(STATS) == [(head, 0)]


@pytest.mark.parametrize("value, text", [
    (-1, "timer value must be greater than zero"),
    (2 ** 32, "timer value is too big"),
])
def test_wrong_interval(boot_both, value, text):
    b = boot_both()
    with pytest.raises(QmpError) as e:
        interval(b, value)
    assert e.value.desc == text
    assert b.shown("guest-stats-polling-interval") == 0


def test_interval_can_be_set_again_and_again(boot_both):
    b = boot_both()
    for seconds in (1, 2 ** 32 - 1, 0, 0, 5, 5, 1, 0):
        interval(b, seconds)
        assert b.shown("guest-stats-polling-interval") == seconds


def test_unknown_and_repeated_tags(boot_both):
    b = boot_both()
    b.stats([(0xFFFF, 1), (0x7000, 2), (16, 3), (4, 4), (4, 5)])
    b.kick(STATS)
    stats = b.guest_stats()["stats"]
    assert stats["stat-free-memory"] == 5
    assert sum(v != UNKNOWN for v in stats.values()) == 1


@pytest.mark.parametrize("seed", range(3))
def test_any_order(boot_both, seed):
    b = boot_both()
    count = known(b, boot_both.kind)
    tags = list(range(count)) + [0x8000, 0xFFFF]
    random.Random(seed).shuffle(tags)
    b.stats([(tag, 1000 + tag) for tag in tags])
    b.kick(STATS)
    stats = b.guest_stats()["stats"]
    names = {SPEC[f"VIRTIO_BALLOON_S_{k}"]: name for k, name in NAMES.items()}
    assert [stats[names[tag]] for tag in range(count)] == [1000 + tag for tag in range(count)]


def test_first_buffer_of_a_legacy_driver(boot):
    """Historical drivers left in it whatever was there; what they said before a reset stands."""
    b = boot(interface=pci.Legacy)
    for round_, told in enumerate([UNKNOWN, 7]):
        interval(b, 1)
        head = b.stats([(4, 0x5A5A5A5A)])
        b.kick(STATS)
        assert b.guest_stats()["stats"]["stat-free-memory"] == told
        b.m.step_clock(2 * 10 ** 9)
        assert b.wait_used(STATS) == [(head, 0)]
        b.stats([(4, 7 + round_)])
        b.kick(STATS)
        assert b.guest_stats()["stats"]["stat-free-memory"] == 7 + round_
        interval(b, 0)
        b.bring_up()


def test_ragged_and_writable(boot_both):
    b = boot_both()
    at = b.place(b"\x04\x00" + b"\x09" + bytes(7) + b"\xff" * 7)
    spare = b.place(b"\x77" * 16)
    b.ring[STATS].add([(at, 17, 0), (spare, 16, WRITE)])
    b.kick(STATS)
    assert b.guest_stats()["stats"]["stat-free-memory"] == 9
    assert b.m.read(spare, 16) == b"\x77" * 16


def test_a_second_buffer_sends_the_first_back(boot_both):
    b = boot_both()
    first = b.stats([(4, 1)])
    b.kick(STATS)
    assert not b.ring[STATS].take_used()
    b.stats([(4, 2)])
    b.kick(STATS)
    assert b.wait_used(STATS) == [(first, 0)]
    assert b.guest_stats()["stats"]["stat-free-memory"] == 2


def test_a_long_buffer(boot):
    """Read so far only: 256 statistics are more than there are tags."""
    b = boot()
    b.stats([(4, i) for i in range(6000)])
    b.kick(STATS)
    assert b.guest_stats()["stats"]["stat-free-memory"] == 255


def test_stop_and_cont_keep_the_question_open(boot_both):
    b = boot_both()
    interval(b, 1)
    b.m.step_clock(10 ** 9)
    head = b.stats([(4, 1)])
    b.kick(STATS)
    b.m.qmp("stop")
    b.m.qmp("cont")
    b.m.step_clock(2 * 10 ** 9)
    assert b.wait_used(STATS) == [(head, 0)]


def test_reset_of_the_machine(boot_both):
    """From 10.0 on a new guest is not shown the old one's figures; 7.2 keeps them."""
    b = boot_both()
    b.stats([(4, 5)])
    b.kick(STATS)
    b.m.until(lambda: b.guest_stats()["last-update"], "the statistics")
    b.bring_up()  # the driver's own reset is no reason to forget
    assert b.guest_stats()["stats"]["stat-free-memory"] == 5
    b.m.qmp("system_reset")
    b.m.event("RESET")
    stats = b.guest_stats()
    if b.m.version() >= 10:
        assert stats["last-update"] == 0
        assert set(stats["stats"].values()) == {UNKNOWN}
    else:
        assert stats["stats"]["stat-free-memory"] == 5


def test_reset_lets_the_buffer_go(boot_both, interface):
    b = boot_both(interface=interface)
    interval(b, 1)
    b.stats([(4, 1)])
    b.kick(STATS)
    b.bring_up()
    b.m.step_clock(5 * 10 ** 9)
    assert not b.ring[STATS].take_used()
    head = b.stats([(4, 2)])
    b.kick(STATS)
    b.m.step_clock(2 * 10 ** 9)
    assert b.wait_used(STATS) == [(head, 0)]
