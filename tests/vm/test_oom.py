# SPDX-License-Identifier: GPL-2.0-or-later
"""deflate-on-oom: a guest that runs dry gets the balloon's memory, not the OOM killer."""

import pytest

from vmtest import kept, size
from vmtest.env import MIB, scaled
from vmtest.pairs import every_pair
from vmtest.size import Books

OPTIONS = {"balloon": "virtio-balloon-pci,deflate-on-oom=on", "memory_mib": 768}
GIVEN = 400 * MIB


@pytest.mark.arch
@every_pair
def test_nothing_is_killed(guest_for, pair):
    """A program that needs more than the balloon left gets it: no kill, and the data is whole."""
    vm = guest_for(**OPTIONS, **pair.options)
    before = Books.of(vm)
    size.resize(vm, size.full(vm) - GIVEN)
    left = vm.guest.meminfo()["MemFree"] // 1024

    vm.guest.run(f"memtool touch {left + 150} 3", scaled(120))

    after = Books.of(vm)
    assert after.kills == before.kills, "the guest's OOM killer ran"
    assert after.deflated > before.deflated, "the balloon gave nothing"
    assert after.total == before.total, "with this feature MemTotal stays"


@every_pair
def test_balloon_comes_back_and_ends_exact(guest_for, pair):
    """What was given in need is taken again later, and growing ends at nought."""
    vm = guest_for(**OPTIONS, **pair.options)
    before, target = Books.of(vm), size.full(vm) - GIVEN
    size.resize(vm, target)
    kept.keep(vm, vm.guest.meminfo()['MemFree'] // 1024 + 100, 3, seconds=120)
    assert Books.of(vm).kills == before.kills
    kept.check(vm)
    if pair.driver == "ours":  # stock waits for the next order from the host
        size.wait_actual(vm, lambda now: now == target, "the balloon to come back", 60)
    else:
        size.ask(vm, target)
        size.wait_actual(vm, lambda now: now == target, "the balloon to come back", 60)
    size.resize(vm, size.full(vm))
    books = Books.of(vm)
    assert books.inflated - before.inflated == books.deflated - before.deflated


@every_pair
def test_resize_leaves_memtotal(guest_for, pair):
    """With the feature ballooned memory counts as used: what is free falls, MemTotal does not."""
    vm = guest_for(**OPTIONS, **pair.options)
    before, free = Books.of(vm), size.free(vm)
    size.resize(vm, size.full(vm) - GIVEN)
    assert Books.of(vm).total == before.total
    assert abs(free - size.free(vm) - GIVEN) < 24 * MIB
    size.resize(vm, size.full(vm))
    assert Books.of(vm).total == before.total
