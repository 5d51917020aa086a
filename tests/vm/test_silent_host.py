# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that answers no more: every wait in the guest ends, every page comes back."""

import time

import pytest

from vmlab.waits import wait_for

from vmtest import half_way, kept, leaks, size
from vmtest.env import ARCH, DEBUG, MIB, scaled
from vmtest.fragmented import MEMORY_MIB, scatter
from vmtest.pairs import OUR_DRIVERS, STOCK, every_device, first_often
from vmtest.silence import Silence, fall_silent_half_way
from vmtest.size import Books

# A checking kernel's shell is slow, so the way is longer.
LARGE_MIB = 2560 if DEBUG else 1024
# Leaves more than is free when the kernel, having mixed its page blocks, raises its watermarks for
# a while: whoever comes below them, and has nothing to reclaim, is killed.
TOUCH = "memtool touch free-200"
GIVEN = (LARGE_MIB - 512) * MIB
LARGE = {"memory_mib": LARGE_MIB, **half_way.SLOW}


def unload(vm, before):
    """rmmod ends in bounded time and gives back what was named in any request too."""
    start = time.monotonic()
    vm.guest.unload_driver(scaled(60))
    assert time.monotonic() - start < scaled(30)
    assert vm.guest.meminfo()["MemTotal"] << 10 == before.total


def grumbles(vm):
    return vm.guest.dmesg().count("has not answered")


@pytest.mark.arch
@pytest.mark.skipif(ARCH == "s390x", reason="what silences the host writes to PCI's configuration")
@every_device
def test_rmmod_half_way(guest_for, pair):
    """Pages of requests that were never answered come back with the rest, in bounded time."""
    vm = guest_for(**LARGE, **pair.options)
    leaks.start_clean(vm)
    before = Books.of(vm)
    free = size.free(vm)
    kept.keep(vm, 64, 8)
    silence = fall_silent_half_way(vm, GIVEN, pair.driver)
    unload(vm, before)
    kept.check(vm)
    size.wait_free(vm, free)
    vm.guest.run(TOUCH, scaled(60))
    leaks.assert_none(vm)
    silence.end(pair.driver)


@first_often(OUR_DRIVERS)
def test_guest_lives_on(guest_for, pair):
    """The silence is named in the guest's log, once; what waits for the host keeps nobody else from
    working: memory can be allocated, compacted and freed."""
    vm = guest_for(**LARGE, **pair.options)
    before = Books.of(vm)
    said = grumbles(vm)
    silence = fall_silent_half_way(vm, GIVEN, pair.driver)
    vm.guest.run(TOUCH, scaled(60))
    wait_for(lambda: grumbles(vm) > said, scaled(40), "a line in the log")
    vm.guest.run(TOUCH, scaled(60))
    unload(vm, before)
    assert grumbles(vm) == said + 1
    silence.end(pair.driver)


@pytest.mark.slow
@every_device
def test_compaction(guest_for, pair):
    """Compaction of a guest whose host has fallen silent ends, and so does rmmod after it; the
    guest's data is whole."""
    vm = guest_for(memory_mib=MEMORY_MIB, **pair.options)
    before = Books.of(vm)
    silence = Silence(vm)
    scatter(vm, data_mib=64)
    silence()
    vm.guest.run("echo 1 >/proc/sys/vm/compact_memory", scaled(60))
    unload(vm, before)
    kept.check(vm)
    vm.guest.run(TOUCH, scaled(60))
    silence.end(pair.driver)


def test_silence_is_real(guest_for):
    """The way these tests silence a host does so for the stock driver too: nothing moves."""
    vm = guest_for(fresh=True, **STOCK.options)
    vm.pooled.broken = True  # it stays mute: for nobody else
    Silence(vm)()
    size.ask(vm, size.full(vm) - 64 * MIB)
    time.sleep(1)  # nothing is to happen, so there is nothing to wait for
    assert size.actual(vm) == size.full(vm)
