# SPDX-License-Identifier: GPL-2.0-or-later
"""deflate-on-oom again and again: the guest answers all along, nobody is killed, the balloon does
not fight for what it gave, and what is needed comes back in bulk."""

import time

import pytest

from vmlab.waits import wait_for

from vmtest import kept, size
from vmtest.env import DEBUG, MIB, PAGE, scaled
from vmtest.pairs import OUR_DRIVERS, OURS, STOCK, every_device, first_often
from vmtest.size import Books

BALLOON = "virtio-balloon-pci,deflate-on-oom=on"
OPTIONS = {"balloon": BALLOON, "memory_mib": 768}
GIVEN = 480 * MIB
# Longer than that without an answer and a person would call the guest hung.
SILENT_S = 15
# Of several runs the fastest is the one that others disturbed least.
ROUNDS = 3
# Of the balloon's memory by a program.
NEEDED_MIB = 120
# Shorter than the driver's hold-off of 10 s, and longer.
BEFORE_HOLD_OFF_ENDS_S, AFTER_HOLD_OFF_S = 6, 14


def uptime(vm):
    return float(vm.guest.read("/proc/uptime").split()[0])


def wait_uptime(vm, moment):
    """Nothing is to happen until then, by the guest's clock."""
    wait_for(lambda: uptime(vm) > moment, scaled(90), "the guest's clock", poll=0.5)


def free_mib(vm):
    return vm.guest.meminfo()["MemFree"] // 1024


def hog(vm, mib):
    """Fills that much, checks it, lets it go; the guest must answer meanwhile. Returns the longest
    answer's seconds."""
    job = vm.guest.start(f"memtool touch {mib} 3")
    longest = 0.0
    while not job.done():
        start = time.monotonic()
        # the agent reads this itself: no new process has to be made where memory is short
        vm.guest.read("/proc/uptime", scaled(SILENT_S))
        longest = max(longest, time.monotonic() - start)
        time.sleep(0.05)  # the look must not be the load
    job.wait(scaled(10))
    return longest


@first_often(OUR_DRIVERS)
def test_hogs_again_and_again(guest_for, pair):
    """Four programs in a row that each need more than is free by then, as soon as the balloon has
    some of its memory again: none is killed, each finds its data whole, the guest answers all
    along; then the balloon is back at its target."""
    vm = guest_for(**OPTIONS, **pair.options)
    before, target = Books.of(vm), size.full(vm) - GIVEN
    size.resize(vm, target)
    for turn in range(1, 5):
        size.ask(vm, target)
        size.wait_actual(vm, lambda now: now < target + GIVEN // 2, "half of the balloon", 60)
        gave = Books.of(vm).deflated
        longest = hog(vm, free_mib(vm) + 40)
        assert longest < scaled(SILENT_S), f"the guest was silent for {longest:.1f} s"
        now = Books.of(vm)
        assert now.kills == before.kills, "the guest's OOM killer ran"
        assert now.deflated > gave, f"program {turn} did not need the balloon's pages"
    size.wait_actual(vm, lambda now: now == target, "the balloon to come back", 60)
    size.resize(vm, size.full(vm))
    after = Books.of(vm)
    assert after.inflated - before.inflated == after.deflated - before.deflated


@pytest.mark.slow
@every_device
def test_no_tug_of_war(guest_for, pair):
    """What was given in need is not asked back for ten seconds, even where it is free at once; and
    where it stays in use it is left alone after that too."""
    vm = guest_for(**OPTIONS, **pair.options)
    before, target = Books.of(vm), size.full(vm) - GIVEN
    size.resize(vm, target)

    hog(vm, free_mib(vm) + NEEDED_MIB)
    freed, first = uptime(vm), Books.of(vm)
    assert size.actual(vm) > target, "the balloon gave nothing"
    wait_uptime(vm, freed + BEFORE_HOLD_OFF_ENDS_S)
    now = Books.of(vm)
    assert now.inflated == first.inflated, "it took pages back at once"
    size.wait_actual(vm, lambda now: now == target, "the balloon to come back", 60)

    kept.keep(vm, free_mib(vm) + NEEDED_MIB, 3, seconds=120)
    since, first = uptime(vm), Books.of(vm)
    beyond = size.actual(vm) - target - NEEDED_MIB * MIB
    wait_uptime(vm, since + AFTER_HOLD_OFF_S)
    now = Books.of(vm)
    taken, given = now.inflated - first.inflated, now.deflated - first.deflated
    # what was given beyond the need may be taken again, but not be needed again
    moved = min(taken, given) * PAGE
    assert moved <= 16 * MIB, f"{moved // MIB} MiB went to and fro"
    back = (taken - given) * PAGE
    assert back <= max(beyond, 0) + 16 * MIB, f"{back // MIB} MiB taken of what is in use"
    assert now.kills == before.kills
    kept.check(vm)
    size.wait_actual(vm, lambda now: now == target, "the balloon to come back", 60)
    size.resize(vm, size.full(vm))


def seconds(vm, mib):
    """Guest time that a program takes to fill and check that much memory."""
    start = uptime(vm)
    vm.guest.run(f"memtool touch {mib} 3", scaled(300))
    return uptime(vm) - start


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.skipif(DEBUG, reason="a ratio of times, not for a kernel that checks itself")
def test_a_gigabyte_in_bulk(guest_for, capsys):
    """A program that needs 1 GiB of the balloon at once loses less than a second by it, beside the
    same program with an empty balloon, and at most a quarter of what stock's makes it lose."""
    lost = {}
    for pair in (STOCK, OURS):
        vm = guest_for(balloon=BALLOON, memory_mib=2048, kernel_args="init_on_alloc=0",
                       **pair.options)
        small, kills = size.full(vm) - 1300 * MIB, Books.of(vm).kills
        dear, cheap = [], []
        for _ in range(ROUNDS):
            size.resize(vm, small)
            needs = free_mib(vm) + 1024
            dear.append(seconds(vm, needs))
            assert Books.of(vm).kills == kills, f"{pair}: the OOM killer ran"
            assert size.full(vm) - size.actual(vm) < 330 * MIB, f"{pair}: it needed no more"
            # the host has to find memory for it in either case
            size.resize(vm, size.full(vm))
            size.resize(vm, small)
            size.resize(vm, size.full(vm))
            cheap.append(seconds(vm, needs))
        lost[pair] = min(dear) - min(cheap)
    with capsys.disabled():
        print(f"\n  1 GiB needed at once costs {lost[OURS]:.2f} s, with stock {lost[STOCK]:.2f} s")
    assert lost[OURS] < min(1.0, lost[STOCK] / 4)
