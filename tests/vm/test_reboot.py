# SPDX-License-Identifier: GPL-2.0-or-later
"""A reboot with an inflated balloon: the new kernel has all its memory."""

import pytest

from vmtest import half_way, kept, size
from vmtest.env import ARCH, MIB, PAGE, scaled
from vmtest.pairs import every_pair
from vmtest.size import Books

GIVEN = 256 * MIB
# TCG takes minutes over an s390x kernel that unpacks itself a second time, whatever the balloon.
BOOT_S = 300 if ARCH == "s390x" else 90
WAYS = {
    "from-the-host": lambda vm: vm.qmp.cmd("system_reset"),
    "by-the-guest": lambda vm: vm.guest.start("reboot -f"),
}


def all_of(vm, before):
    """MemTotal in bytes of a kernel without a driver: all that the one before had, but for the few
    pages that no two boots lay out alike."""
    total = vm.guest.meminfo()["MemTotal"] * 1024
    assert abs(total - before.total) < 64 * PAGE, f"{before.total - total} bytes are missing"
    return total


@pytest.mark.arch
@every_pair
@pytest.mark.parametrize("way", WAYS)
def test_reboot_inflated(guest_for, pair, way):
    """After a reset the guest sees and can use all its memory, its data stays whole while the
    driver is not loaded, and with the driver it reaches the target that still stands."""
    vm = guest_for(reboot=True, **pair.options)
    before = Books.of(vm)
    small = size.full(vm) - GIVEN
    size.resize(vm, small)

    boots = vm.guest.boots
    WAYS[way](vm)
    vm.guest.wait_boot(boots + 1, scaled(BOOT_S), alive=vm.alive)
    total = all_of(vm, before)
    kept.keep(vm, "free-80", 6)
    kept.check(vm)

    vm.guest.load_driver(pair.driver)
    size.wait_total(vm, total - GIVEN, 60)
    size.resize(vm, size.full(vm))
    assert Books.of(vm).total == total


@every_pair
def test_reset_half_way(guest_for, pair):
    """A reset in the middle of an inflate takes nothing from the new kernel."""
    vm = guest_for(memory_mib=1024, reboot=True, **half_way.SLOW, **pair.options)
    before = Books.of(vm)
    full, small = size.full(vm), size.full(vm) - 640 * MIB

    def reset():
        boots = vm.guest.boots
        size.ask(vm, small)
        size.wait_actual(vm, lambda now: now < full, "the first step")
        vm.qmp.cmd("system_reset")
        vm.guest.wait_boot(boots + 1, scaled(BOOT_S), alive=vm.alive)

    def back():
        vm.guest.load_driver(pair.driver)
        size.resize(vm, full)

    half_way.catch(vm, small, reset, back)
    total = all_of(vm, before)
    kept.keep(vm, "free-100", 8, seconds=90)
    kept.check(vm)

    vm.guest.load_driver(pair.driver)
    size.wait_total(vm, total - 640 * MIB, 60)
    size.resize(vm, full)
    assert Books.of(vm).total == total
