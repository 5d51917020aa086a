# SPDX-License-Identifier: GPL-2.0-or-later
"""The device is pulled out: every wait ends, every page comes back."""

import pytest

from vmlab.qmp import QmpError
from vmlab.vm import BALLOON_ID

from vmtest import half_way, kept, size
from vmtest.driver import wait_bound
from vmtest.env import DEBUG, MIB, scaled
from vmtest.pairs import every_device, every_pair
from vmtest.size import Books

GIVEN = 256 * MIB
# Machine pc has its interrupt routing worked out in loops by the guest's ACPI, which gives up
# after 30 s: too little for a checking kernel. q35 has a table instead.
PLACE = {"machine": "pc"}
BUS = {}
if DEBUG:
    PLACE = {"machine": "q35", "port": "plug", "balloon": "virtio-balloon-pci,bus=plug"}
    BUS = {"bus": "plug"}


@every_pair
def test_unplug_inflated(guest_for, pair):
    """device_del of an inflated balloon: the guest has all its memory again; query-balloon answers
    as stock without a balloon; one that is plugged in later works."""
    vm = guest_for(**PLACE, **pair.options)
    before = Books.of(vm)
    kept.keep(vm, 64, 8)
    size.resize(vm, size.full(vm) - GIVEN)

    vm.qmp.cmd("device_del", id=BALLOON_ID)
    vm.qmp.wait_event("DEVICE_DELETED", scaled(60), lambda d: d.get("device") == BALLOON_ID)
    size.wait_total(vm, before.total)
    with pytest.raises(QmpError) as caught:
        size.actual(vm)
    assert caught.value.kind == "DeviceNotActive"
    kept.check(vm)
    vm.guest.run("memtool touch free-60", scaled(60))

    vm.qmp.cmd("device_add", driver="virtio-balloon-pci", id=BALLOON_ID, **BUS)
    wait_bound(vm)
    size.resize(vm, size.full(vm) - GIVEN)
    assert before.total - Books.of(vm).total == GIVEN
    size.resize(vm, size.full(vm))


@every_device
def test_unplug_half_way(guest_for, pair):
    """device_del in the middle of an inflate."""
    vm = guest_for(memory_mib=1024, **PLACE, **half_way.SLOW, **pair.options)
    before = Books.of(vm)
    small = size.full(vm) - 640 * MIB

    def unplug():
        size.ask(vm, small)
        size.wait_actual(vm, lambda now: now < size.full(vm), "the first step")
        vm.qmp.clear_events()  # of an earlier try
        vm.qmp.cmd("device_del", id=BALLOON_ID)
        vm.qmp.wait_event("DEVICE_DELETED", scaled(60), lambda d: d.get("device") == BALLOON_ID)
        size.wait_total(vm, before.total)

    def plug():
        vm.qmp.cmd("device_add", driver="virtio-balloon-pci", id=BALLOON_ID, **BUS)
        wait_bound(vm)

    half_way.catch(vm, small, unplug, plug)
    vm.guest.run("memtool touch free-100", scaled(60))
    plug()
