# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults of Debian's pair that ours does not have, each shown on both.

A test with the id `stock` asserts that stock still fails: when it does not any more,
Debian has mended it and the test says so. They bear the mark `stockfaults`, and
`interop`, whose tier runs them. Those of QEMU alone are in tests/qtest.
"""

import pytest

from vmlab.errors import LabError
from vmlab.qmp import QmpError
from vmlab.vm import BALLOON_ID
from vmlab.waits import wait_for

from vmtest import held, size, slot
from vmtest.env import MIB, scaled
from vmtest.pairs import OUR_DEVICE, OUR_DRIVER, OURS, STOCK
from vmtest.silence import fall_silent_half_way
from vmtest.size import Books

pytestmark = [pytest.mark.interop, pytest.mark.stockfaults]
GIVEN = 256 * MIB
UNLOADING = " Unloading "
HELD = 32  # pages: what compaction takes at a time
MENDED = "stock does it right now: the fault is mended, this test can go"

# A driver's fault shows on either device, and ours is to be right on stock's as well.
drivers = pytest.mark.parametrize("pair", [
    pytest.param(STOCK, id="stock"),
    pytest.param(OUR_DEVICE, id="our-device", marks=pytest.mark.slow),
    pytest.param(OUR_DRIVER, id="our-driver", marks=pytest.mark.slow),
    pytest.param(OURS, id="ours"),
])
both = pytest.mark.parametrize("pair", [STOCK, OURS], ids=["stock", "ours"])


@both
def test_failed_device_add_leaves_nothing_behind(guest_for, pair):
    """A device_add that fails (hints asked for, no iothread) must not be in the way of the next
    one. Stock's leaves its handler registered: "Only one balloon device is supported"."""
    vm = guest_for(fresh=True, balloon=None, machine="pc", **pair.options)
    # stock's is called by the next command for a balloon, and QEMU ends by a signal
    vm.pooled.keep, vm.pooled.broken = False, pair == STOCK
    add = {"driver": "virtio-balloon-pci", "id": BALLOON_ID}
    with pytest.raises(QmpError):
        vm.qmp.cmd("device_add", free_page_hint=True, **add)
    try:
        vm.qmp.cmd("device_add", **add)
    except QmpError as error:
        assert pair == STOCK and "Only one balloon device" in error.desc, error.desc
        return
    assert pair != STOCK, MENDED
    assert size.actual(vm) == size.full(vm)


@pytest.mark.slow
@drivers
def test_removal_ends_though_the_host_is_silent(guest_for, pair):
    """rmmod of a driver whose host answers no more ends and gives everything back. Stock's waits
    for the host without a bound: the guest has to be killed."""
    vm = guest_for(fresh=True, memory_mib=1536, kernel_args="init_on_alloc=1", **pair.options)
    vm.pooled.keep, vm.pooled.broken = False, pair.driver == "stock"
    before = Books.of(vm)
    fall_silent_half_way(vm, 1024 * MIB, pair.driver)
    if pair.driver == "stock":
        with pytest.raises(LabError, match="took more than"):
            vm.guest.unload_driver(scaled(20))
            pytest.fail(MENDED)
        return
    vm.guest.unload_driver(scaled(30))
    assert Books.of(vm).total == before.total


@pytest.mark.slow
@drivers
def test_a_device_that_vanished_is_let_go(guest_for, pair):
    """A device that lost its slot's power is let go in bounded time, with every page of the
    balloon the guest's again. Stock's driver waits for its answer without a bound, and the slot
    with it; the pages are lost."""
    vm = slot.start(guest_for, pair)
    vm.pooled.broken = pair.driver == "stock"
    before = Books.of(vm)
    size.resize(vm, size.full(vm) - GIVEN)
    slot.Slot(vm).cut()
    if pair.driver == "ours":
        slot.assert_whole(vm, before)
        return
    with pytest.raises(LabError, match="did not happen"):
        size.wait_total(vm, before.total, 20)
        pytest.fail(MENDED)
    # The kernel's own thread for slots stands in the driver.
    vm.guest.run("grep -q 'virtio_balloon]' $(grep -l pciehp /proc/[0-9]*/stack)")
    assert vm.guest.meminfo()["MemTotal"] << 10 == before.total - GIVEN


@drivers
def test_removal_sleeps_while_pages_are_isolated(guest_for, pair):
    """rmmod while memory compaction has pages of the balloon in its hands waits for them asleep,
    and ends when they are back. Stock's looks for them again and again: a whole processor."""
    vm = guest_for(fresh=True, files=held.files(), **pair.options)
    vm.pooled.keep, vm.pooled.broken = False, pair.driver == "stock"
    before = Books.of(vm)
    size.resize(vm, size.full(vm) - 64 * MIB)
    held.hold(vm, HELD)
    removal = held.Background(vm, "rmmod virtio_balloon")
    wait_for(lambda: UNLOADING in vm.guest.read("/proc/modules"), scaled(20), "rmmod to begin")
    busy = removal.busy(3)
    assert not removal.job.done(), "nothing was waited for: the test proves nothing"
    held.release(vm)
    removal.job.wait(scaled(20))
    assert Books.of(vm).total == before.total
    if pair.driver == "stock":
        assert busy > 0.5, f"{busy:.0%} of a processor: {MENDED}"
    else:
        assert busy < 0.25, f"waiting takes {busy:.0%} of a processor"


@pytest.mark.slow
@both
def test_huge_pages_come_back(huge_guest, pair):
    """A guest on 2 MiB pages of the host that shrinks by 256 MiB gives most of it back. Stock's
    frees none: a huge page would have to come in one request, which its driver never sends."""
    vm = huge_guest(pair)
    vm.guest.run("memtool touch free-60", scaled(60))
    backed = vm.ram().backing_bytes()
    size.resize(vm, size.full(vm) - GIVEN)
    gone = backed - vm.ram().backing_bytes()
    if pair == STOCK:
        assert gone <= 0, f"{gone // MIB} MiB came back: {MENDED}"
    else:
        assert gone >= GIVEN * 3 // 4, f"only {gone // MIB} MiB came back"
