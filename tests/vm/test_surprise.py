# SPDX-License-Identifier: GPL-2.0-or-later
"""The device vanishes without the guest's consent: nothing hangs, no page is lost.

(What stock's driver does then: test_stock_faults.py. Orderly removal: test_unplug.py.)
"""

import pytest

from vmlab.waits import wait_for

from vmtest import kept, leaks, size
from vmtest.env import MIB, scaled
from vmtest.fragmented import MEMORY_MIB, scatter
from vmtest.pairs import OUR_DRIVERS, every_device, first_often
from vmtest.size import Books
from vmtest.slot import Slot, assert_whole, gone, plug, start

GIVEN = 256 * MIB


def replug(vm, before):
    plug(vm)
    size.resize(vm, size.full(vm) - GIVEN)
    assert before.total - Books.of(vm).total == GIVEN
    size.resize(vm, size.full(vm))
    leaks.assert_none(vm)


@first_often(OUR_DRIVERS)
def test_while_inflated(guest_for, pair):
    """Every page of the balloon is the guest's again, its data is whole, and a device plugged into
    the same slot later works."""
    vm = start(guest_for, pair)
    leaks.start_clean(vm)
    before, free = Books.of(vm), size.free(vm)
    kept.keep(vm, 64, 8)
    size.resize(vm, size.full(vm) - GIVEN)
    Slot(vm).cut()
    assert_whole(vm, before)
    kept.check(vm)
    size.wait_free(vm, free, 2 * size.STIR)
    replug(vm, before)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["shrinking", "growing"])
@every_device
def test_half_way(guest_for, pair, way):
    """Requests that were with the host when it vanished give their pages back too."""
    vm = start(guest_for, pair, memory_mib=1536)
    leaks.start_clean(vm)
    before = Books.of(vm)
    slot, small = Slot(vm), size.full(vm) - 1024 * MIB
    if way == "growing":
        size.resize(vm, small)
        size.ask(vm, size.full(vm))
    else:
        size.ask(vm, small)
        size.wait_actual(vm, lambda now: now < size.full(vm), "the first step")
    slot.cut()
    assert_whole(vm, before)
    replug(vm, before)


@pytest.mark.slow
@every_device
def test_during_compaction(guest_for, pair):
    """The device vanishes while compaction moves the balloon's pages as fast as it can."""
    vm = start(guest_for, pair, memory_mib=MEMORY_MIB)
    before = Books.of(vm)
    slot = Slot(vm)
    scatter(vm, data_mib=64)
    loop = vm.guest.start("while :; do echo 1 >/proc/sys/vm/compact_memory; done")
    moved = Books.of(vm).migrated
    wait_for(lambda: Books.of(vm).migrated > moved, scaled(30), "compaction to move pages")
    slot.cut()
    try:
        wait_for(lambda: gone(vm), scaled(60), "the driver to let go of the device")
    finally:
        loop.kill()
    loop.wait(scaled(30), check=False)
    assert_whole(vm, before)
    kept.check(vm)
