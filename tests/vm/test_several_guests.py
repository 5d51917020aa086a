# SPDX-License-Identifier: GPL-2.0-or-later
"""More guests than one on a host, and a host that looks for equal pages (KSM)."""

from pathlib import Path

import pytest

from vmlab.waits import wait_for

from vmtest import kept, size
from vmtest.env import MIB, scaled
from vmtest.pairs import EVERY, first_often

pytestmark = pytest.mark.slow
KSM = Path("/sys/kernel/mm/ksm")
HOST_PAGE = 4096


@pytest.fixture
def merging():
    """The host merges equal pages, as fast as it can, until the test has ended."""
    if not (KSM / "run").exists():
        pytest.skip("this host's kernel has no KSM")
    names = "pages_to_scan", "sleep_millisecs", "run"
    before = {name: (KSM / name).read_text() for name in names}
    try:
        for name, value in zip(names, ("20000", "1", "1")):
            (KSM / name).write_text(value)
        yield
    finally:
        for name, value in before.items():
            (KSM / name).write_text(value)


def present(vm):
    return vm.ram().present_pages() * HOST_PAGE


@pytest.mark.parametrize("guests", [2, 3])
@first_often(EVERY)
def test_memory_goes_from_guest_to_guest(guest_for, pair, guests):
    """What one guest gives another one takes, round and round: all keep their data, each ends with
    its full size, and the host never holds more than all of them are allowed."""
    vms = [guest_for(fresh=True, **pair.options) for _ in range(guests)]
    away = 192 * MIB
    for at, vm in enumerate(vms):
        kept.keep(vm, 64, at)
        vm.guest.run("memtool touch free-60", scaled(60))
    held = sum(present(vm) for vm in vms)
    for vm in vms[1:]:
        size.resize(vm, size.full(vm) - away)
    assert sum(present(vm) for vm in vms) < held - (guests - 1) * (away - 16 * MIB)
    for turn in range(2 * guests):
        giver, taker = vms[turn % guests], vms[(turn + 1) % guests]
        size.resize(giver, size.full(giver) - away)
        size.resize(taker, size.full(taker))
        taker.guest.run("memtool touch free-60", scaled(60))
        assert sum(present(vm) for vm in vms) < held - (guests - 1) * (away - 16 * MIB)
        kept.verify(giver)
    for vm in vms:
        size.resize(vm, size.full(vm))
        kept.check(vm)


@first_often(EVERY)
def test_pages_that_the_host_has_merged(guest_for, pair, merging):
    """Pages that the host has merged, of one guest and of two, go back like others; data that
    was equal and still is in use stays."""
    vms = [guest_for(fresh=True, **pair.options) for _ in range(2)]
    for vm in vms:
        kept.keep(vm, 64, 1)
        vm.guest.run("memtool touch free-60", scaled(60))
    wait_for(lambda: int((KSM / "pages_sharing").read_text()) > 32 * MIB // HOST_PAGE,
             scaled(120), "the host to merge pages")
    for _ in range(3):
        for vm in vms:
            size.resize(vm, size.full(vm) - 192 * MIB)
            kept.verify(vm)
        for vm in vms:
            size.resize(vm, size.full(vm))
            kept.verify(vm)
    for vm in vms:
        kept.drop(vm)
