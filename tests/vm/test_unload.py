# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver may go at any moment: every page comes back to the guest."""

import pytest

from vmlab.waits import wait_for

from vmtest import half_way, kept, leaks, size
from vmtest.env import MIB, scaled
from vmtest.fragmented import MEMORY_MIB, scatter
from vmtest.pairs import every_device, every_pair
from vmtest.size import Books

GIVEN = 256 * MIB
DRIVER = "/sys/bus/virtio/drivers/virtio_balloon"


def rmmod(vm, seconds):
    """Unloads, within that time."""
    vm.guest.unload_driver(scaled(seconds))


def assert_all_given_back(vm, before):
    assert not vm.guest.driver_loaded()
    now = Books.of(vm)
    assert now.total == before.total, f"the guest lacks {before.total - now.total} bytes"
    assert now.actual == size.full(vm), "the host was not told that the balloon is empty"


def leave(vm, which):
    """As it was found, without a leak: the driver in, the balloon empty."""
    leaks.assert_none(vm)
    size.ask(vm, size.full(vm))
    vm.guest.load_driver(which)


@pytest.mark.arch
@every_pair
def test_rmmod_inflated(guest_for, pair):
    """rmmod gives all pages of an inflated balloon back, within seconds; data is kept; the same
    driver loaded again goes for the target that still stands."""
    vm = guest_for(**pair.options)
    free = size.free(vm)
    leaks.start_clean(vm)
    kept.keep(vm, 64, 1)
    before = Books.of(vm)
    small = size.full(vm) - GIVEN
    size.resize(vm, small)

    rmmod(vm, 20)
    assert_all_given_back(vm, before)
    vm.guest.run("memtool touch free-60", scaled(60))

    vm.guest.load_driver(pair.driver)
    size.wait_actual(vm, lambda now: now == small, "the target that stands")
    assert before.total - Books.of(vm).total == GIVEN
    kept.check(vm)
    rmmod(vm, 20)
    assert_all_given_back(vm, before)
    size.wait_free(vm, free)
    leave(vm, pair.driver)


@every_device
def test_rmmod_half_way(guest_for, pair):
    """rmmod in the middle of an inflate, and of a deflate."""
    vm = guest_for(memory_mib=1024, **half_way.SLOW, **pair.options)
    leaks.start_clean(vm)
    before = Books.of(vm)
    full = size.full(vm)
    small, middle = full - 640 * MIB, full - 64 * MIB

    def cut(target, count):
        unload = half_way.at_first_step(vm, count, "rmmod virtio_balloon")
        size.ask(vm, target)
        unload.wait(scaled(20))
        assert_all_given_back(vm, before)

    def back(to):
        size.ask(vm, to)
        vm.guest.load_driver(pair.driver)
        size.wait_actual(vm, lambda now: now == to, f"a guest of {to} bytes")

    half_way.catch(vm, small, lambda: cut(small, "balloon_inflate"), lambda: back(full))
    back(small)
    half_way.catch(vm, middle, lambda: cut(middle, "balloon_deflate"), lambda: back(small))
    leave(vm, pair.driver)


@every_pair
def test_unbind_and_bind(guest_for, pair):
    """Unbinding the device does as rmmod does, and binding as loading."""
    vm = guest_for(**pair.options)
    before = Books.of(vm)
    name = vm.guest.run(f"basename $(ls -d {DRIVER}/virtio*)").output.strip()
    small = size.full(vm) - GIVEN
    for _ in range(3):
        size.resize(vm, small)
        vm.guest.run(f"echo {name} >{DRIVER}/unbind", scaled(20))
        now = Books.of(vm)
        assert (now.total, now.actual) == (before.total, size.full(vm))
        vm.guest.run(f"echo {name} >{DRIVER}/bind", scaled(20))
        size.wait_actual(vm, lambda now: now == small, "the target that stands")
        size.resize(vm, size.full(vm))
        assert Books.of(vm).total == before.total


@every_device
def test_rmmod_during_compaction(guest_for, pair):
    """rmmod while compaction moves the balloon's pages as fast as it can."""
    vm = guest_for(memory_mib=MEMORY_MIB, **pair.options)
    leaks.start_clean(vm)
    before = Books.of(vm)
    scatter(vm, data_mib=100)
    loop = vm.guest.start("while :; do echo 1 >/proc/sys/vm/compact_memory; done")
    moved = Books.of(vm).migrated
    wait_for(lambda: Books.of(vm).migrated > moved, scaled(30), "compaction to move pages")
    try:
        rmmod(vm, 30)
    finally:
        loop.kill()
    loop.wait(scaled(30), check=False)
    assert_all_given_back(vm, before)
    kept.check(vm)
    vm.guest.run("memtool touch free-100", scaled(90))
    leave(vm, pair.driver)


def test_load_and_unload_again_and_again(guest_for):
    """Each load finds the target, each unload gives all back; no memory is lost on the way."""
    vm = guest_for()
    leaks.start_clean(vm)
    before, free = Books.of(vm), size.free(vm)
    small = size.full(vm) - 64 * MIB
    size.resize(vm, small)
    for _ in range(8):
        rmmod(vm, 20)
        assert Books.of(vm).total == before.total
        vm.guest.load_driver("ours")
        size.wait_actual(vm, lambda now: now == small, "the target that stands")
    rmmod(vm, 20)
    assert_all_given_back(vm, before)
    size.wait_free(vm, free)
    leave(vm, "ours")
