# SPDX-License-Identifier: GPL-2.0-or-later
"""guest-stats: what the guest tells of its memory is true, fresh, and can be turned off."""

import functools
import time

import pytest

from vmlab.qmp import QmpError
from vmlab.vm import BALLOON_PATH
from vmlab.waits import wait_for

from vmtest import kept, size
from vmtest.env import MIB, PAGE, scaled
from vmtest.pairs import EVERY, OURS, STOCK, every_pair, first_often

INTERVAL = "guest-stats-polling-interval"
UNSET = (1 << 64) - 1
# Since Linux 6.12 drivers know more; ours fills those on older kernels too.
LATER = {"oom-kills", "alloc-stalls"}
LATER |= {f"{way}-{what}" for way in ("async", "direct") for what in ("scans", "reclaims")}

# Ours alone (spec/statistics-tags.md); no kernel tells a module of pressure.
LISTS = {f"{which}-{what}": f"nr_{which}_{what}"
         for which in ("active", "inactive") for what in ("anon", "file")}
REFAULTS = {f"refaults-{what}": f"workingset_refault_{what}" for what in ("anon", "file")}
PRESSURE = {"pressure-some", "pressure-full"}
PRIVATE = {"sequence", "balloon", *LISTS, *REFAULTS, *PRESSURE}


def poll(vm, seconds):
    vm.qmp.qom_set(BALLOON_PATH, INTERVAL, seconds)


def raw(vm):
    return vm.qmp.qom_get(BALLOON_PATH, "guest-stats")


def fresh(vm):
    """The stats of an answer that was asked for after this call began, in a later second, as
    their time is told in whole ones. To begin to ask is to ask at once."""
    poll(vm, 0)
    # an answer to an earlier question may still come in
    wait_for(lambda: int(time.time()) > raw(vm)["last-update"], scaled(20), "another second")
    start = raw(vm)["last-update"]
    poll(vm, 1)
    wait_for(lambda: raw(vm)["last-update"] > start, scaled(20), "fresh guest-stats")
    return raw(vm)["stats"]


@pytest.fixture
def polled(guest_for):
    """polled(pair): a guest whose stats are asked for every second."""
    guests = []

    def start(pair, **options):
        vm = guest_for(**pair.options, **options)
        guests.append(vm)
        poll(vm, 1)
        return vm

    yield start
    for vm in guests:
        poll(vm, 0)


@every_pair
def test_every_tag_is_filled(polled, pair):
    """Each statistic that QEMU knows has a value, of the driver's time at least."""
    vm = polled(pair)
    stats = fresh(vm)
    missing = {name.removeprefix("stat-") for name, value in stats.items() if value == UNSET}
    missing -= PRESSURE
    if pair.driver == "stock":
        missing -= LATER | PRIVATE
    assert len(stats) >= 10
    assert not missing, f"without a value: {missing}"


def assert_near(stats, name, before, after, slack=16 * MIB):
    value = stats[f"stat-{name}"]
    least, most = min(before, after) - slack, max(before, after) + slack
    assert least <= value <= most, f"{name}: {value}, the guest says {before} to {after}"


@pytest.mark.arch
@every_pair
def test_values_are_the_guests(polled, pair):
    """The values are those of the guest's /proc, total memory to the byte."""
    vm = polled(pair)
    kept.keep(vm, 100, 1, "shared")  # page cache, so that caches are not nought
    low, start = vm.guest.vmstat(), vm.guest.meminfo()
    stats = fresh(vm)
    high, end = vm.guest.vmstat(), vm.guest.meminfo()
    kept.drop(vm)

    near = functools.partial(assert_near, stats)
    for name, key in (("free-memory", "MemFree"), ("available-memory", "MemAvailable")):
        near(name, start[key] << 10, end[key] << 10)
    near("total-memory", start["MemTotal"] << 10, end["MemTotal"] << 10, slack=0)
    caches = [(m["Cached"] + m["Buffers"] + m["SwapCached"]) << 10 for m in (start, end)]
    assert caches[0] > 100 * MIB
    near("disk-caches", *caches)
    near("minor-faults", low["pgfault"], high["pgfault"], slack=0)
    near("major-faults", low["pgmajfault"], high["pgmajfault"], slack=0)
    if "htlb_buddy_alloc_success" in low:
        for name, key in (("htlb-pgalloc", "success"), ("htlb-pgfail", "fail")):
            near(name, *(m[f"htlb_buddy_alloc_{key}"] for m in (low, high)), slack=0)
    if pair == OURS:
        near("oom-kills", low["oom_kill"], high["oom_kill"], slack=0)
        for name, key in (LISTS | REFAULTS).items():
            near(name, low[key] * PAGE, high[key] * PAGE)
        # what is kept is shared memory, which is on the lists of anonymous memory
        assert stats["stat-active-anon"] + stats["stat-inactive-anon"] > 100 * MIB
        assert stats["stat-balloon"] == 0
        near("direct-scans", *(m["pgscan_direct"] << 12 for m in (low, high)), slack=0)


def swapped(vm):
    """Bytes that the guest has swapped in and out, which its stats have, too."""
    low, stats, high = vm.guest.vmstat(), fresh(vm), vm.guest.vmstat()
    for name, key in (("swap-in", "pswpin"), ("swap-out", "pswpout")):
        assert_near(stats, name, low[key] * PAGE, high[key] * PAGE, slack=0)
    return stats["stat-swap-in"], stats["stat-swap-out"]


@first_often(EVERY)
def test_swap_in_and_out_are_told_apart(polled, pair, tmp_path):
    """What a guest swaps out, and later in again, each under its own name."""
    disk = tmp_path / "swap"
    with open(disk, "wb") as file:
        file.truncate(192 * MIB)
    vm = polled(pair, fresh=True, memory_mib=256, modules=("virtio_blk",),
                qemu_args=("-drive", f"file={disk},format=raw,if=virtio"))
    vm.pooled.keep = False
    vm.guest.run("mkswap /dev/vda >/dev/null && swapon /dev/vda", scaled(30))
    assert swapped(vm) == (0, 0)
    kept.keep(vm, "free-24", 1, "small", seconds=120)
    kept.keep(vm, 48, 2, "small", name="more", seconds=120)
    went_in, out = swapped(vm)
    assert out > went_in + 16 * MIB, f"{went_in} bytes in, {out} out: the test proves nothing"
    kept.drop(vm, "more")
    kept.verify(vm, seconds=120)
    now_in, _ = swapped(vm)
    assert now_in > went_in + 16 * MIB, f"{now_in} bytes in: the test proves nothing"
    kept.drop(vm)


@every_pair
def test_total_follows_the_balloon(polled, pair):
    """After a shrink the total is smaller by exactly what was given."""
    vm = polled(pair)
    before = fresh(vm)["stat-total-memory"]
    size.resize(vm, size.full(vm) - 200 * MIB)
    assert before - fresh(vm)["stat-total-memory"] == 200 * MIB
    size.resize(vm, size.full(vm))
    assert fresh(vm)["stat-total-memory"] == before


@every_pair
def test_interval_and_off(guest_for, pair):
    """The interval is kept, the guest is asked once in each, nought stops the asking, and it can
    be started again."""
    vm = guest_for(**pair.options)
    poll(vm, 3)
    assert vm.qmp.qom_get(BALLOON_PATH, INTERVAL) == 3
    poll(vm, 1)
    start = int(time.time())
    wait_for(lambda: raw(vm)["last-update"] >= start + 2, scaled(20), "two more answers")
    poll(vm, 0)
    assert vm.qmp.qom_get(BALLOON_PATH, INTERVAL) == 0
    answers = {raw(vm)["last-update"]}
    for _ in range(3):
        # longer than the old interval, in guest time
        vm.guest.run("sleep 1.2")
        answers.add(raw(vm)["last-update"])
    # what was asked before may still be answered
    assert len(answers) <= 2, "it still asks"
    poll(vm, 1)
    fresh(vm)
    poll(vm, 0)


def test_bad_intervals_are_refused_as_stock_does(guest_for):
    """Negative and oversized intervals: stock's words, and nothing changes."""
    ours, stock = guest_for(**OURS.options), guest_for(**STOCK.options)
    for value in (-1, 1 << 32, 1 << 62):
        words = []
        for vm in (ours, stock):
            with pytest.raises(QmpError) as caught:
                poll(vm, value)
            words.append((caught.value.kind, caught.value.desc))
            assert vm.qmp.qom_get(BALLOON_PATH, INTERVAL) == 0
        assert words[0] == words[1]


def test_stats_have_stocks_names(guest_for):
    """Stock's keys are all there; beside them only what newer stock versions have, and ours."""
    ours, stock = (raw(guest_for(**pair.options)) for pair in (OURS, STOCK))
    assert set(ours) == set(stock)
    more = set(ours["stats"]) - set(stock["stats"])
    assert set(stock["stats"]) <= set(ours["stats"])
    assert more <= {f"stat-{name}" for name in LATER | PRIVATE}


def test_stats_before_a_driver(guest_for):
    """Without a driver the stats can be read and polled: no value, no error, as stock."""
    for which in ("ours", "stock"):
        vm = guest_for(qemu=which, driver=None)
        poll(vm, 1)
        answer = raw(vm)
        assert answer["last-update"] == 0
        assert set(answer["stats"].values()) == {UNSET}
