# SPDX-License-Identifier: GPL-2.0-or-later
"""Ballooned pages move: the guest's compaction gathers free memory as if they were its own."""

import pytest

from vmlab.waits import wait_for

from vmtest import frames, kept, size
from vmtest.env import MIB, PAGE, scaled
from vmtest.fragmented import MEMORY_MIB, compact, scatter
from vmtest.pairs import every_pair
from vmtest.size import Books
from vmtest.trace import traced

DATA_MIB = 100
# As much memory, in larger pages.
MANY = 10000 * 4096 // PAGE


@pytest.mark.arch
@every_pair
def test_one_compaction_moves_ten_thousand_pages(guest_for, pair):
    """One `echo 1 > compact_memory` moves at least 10,000 ballooned pages of 4 KiB; the guest's
    data, its size and all counts stay; whole blocks become free; no moved page costs the host
    memory."""
    vm = guest_for(memory_mib=MEMORY_MIB, **pair.options)
    target = scatter(vm, DATA_MIB)
    before, rss = Books.of(vm), vm.ram().rss_bytes()

    done = compact(vm)

    after = Books.of(vm)
    assert done.ballooned_moved >= MANY, f"moved only {done.ballooned_moved} ballooned pages"
    assert done.blocks_after > done.blocks_before, "no whole block was gained"
    assert (after.actual, after.total) == (target, before.total), "the size changed"
    assert (after.inflated, after.deflated) == (before.inflated, before.deflated)
    grown = vm.ram().rss_bytes() - rss
    assert grown < 8 << 20, f"moving pages made the host back {grown >> 20} MiB more"
    backed = frames.backed_though_ballooned(vm)
    assert not backed, f"the host was not told of {len(backed)} pages, the first is {backed[0]:#x}"
    kept.check(vm)
    size.resize(vm, size.full(vm))


def test_the_kernels_count_holds(guest_for):
    """Where the kernel counts the balloon's pages (`Balloon` in meminfo), moves change nothing."""
    vm = guest_for(memory_mib=MEMORY_MIB)
    if "Balloon" not in vm.guest.meminfo():
        pytest.skip("this kernel does not count the balloon's pages")
    target = scatter(vm)
    assert compact(vm).ballooned_moved >= MANY
    count = [0]

    def look():
        count[0] = vm.guest.meminfo()["Balloon"] << 10
        return count[0] == size.full(vm) - target

    # the core is told of new blocks a second later at most
    wait_for(look, scaled(10), f"{size.full(vm) - target} bytes in the kernel's count")
    size.resize(vm, size.full(vm))
    assert vm.guest.meminfo()["Balloon"] == 0, f"of an empty balloon, {count[0]} before"


@pytest.mark.arch
@every_pair
def test_size_holds_while_pages_move(guest_for, pair):
    """Shrinking and growing go on exactly while compaction runs without pause."""
    vm = guest_for(memory_mib=MEMORY_MIB, **pair.options)
    before = Books.of(vm)
    target = scatter(vm, DATA_MIB)
    loop = vm.guest.start("while :; do echo 1 >/proc/sys/vm/compact_memory; done")
    try:
        balloon = (size.full(vm) - target) // MIB
        for percent in (0, 80, 20, 60, 0):
            size.resize(vm, target + balloon * percent // 100 * MIB)
    finally:
        loop.kill()
    loop.wait(scaled(60), check=False)
    after = Books.of(vm)
    assert before.total - after.total == size.full(vm) - target
    kept.check(vm)
    size.resize(vm, size.full(vm))
    assert Books.of(vm).total == before.total


@pytest.mark.arch
def test_notifications_are_few(guest_for):
    """A mass migration notifies the host less than once for 500 pages, not twice for each."""
    vm = guest_for(memory_mib=MEMORY_MIB)
    scatter(vm)
    with traced(vm, "virtio_queue_notify", "ballonet_ops_done") as seen:
        moved = compact(vm).ballooned_moved
    assert moved >= MANY
    # a device that looks at its ring for a while after each request may need none at all
    told, kicks = seen.count("ballonet_ops_done"), seen.count("virtio_queue_notify")
    assert told, "the trace saw no request"
    assert kicks < moved / 500, f"{kicks} notifications for {moved} pages"
    size.resize(vm, size.full(vm))


@pytest.mark.slow
def test_second_compaction_finds_little(guest_for):
    """What was gathered stays gathered: a second pass moves a small part of the first."""
    vm = guest_for(memory_mib=MEMORY_MIB)
    scatter(vm)
    first, second = compact(vm), compact(vm)
    assert second.ballooned_moved < first.ballooned_moved / 5
    size.resize(vm, size.full(vm))
