# SPDX-License-Identifier: GPL-2.0-or-later
"""Features that both sides must want, for each mix of our halves and Debian's. What our two do
together is looked at more closely in test_free_pages.py."""

import pytest

from vmlab.waits import wait_for

from vmtest import kept, size
from vmtest.env import MIB, PAGE, scaled
from vmtest.features import accepted
from vmtest.pairs import EVERY, OURS, every_pair

F_PAGE_POISON, F_REPORTING, F_PAGE_OPS = 4, 5, 57
REPORTING = "virtio-balloon-pci,free-page-reporting=on"
not_ours_alone = pytest.mark.parametrize("pair", EVERY[1:])


@not_ours_alone
def test_free_memory_is_reported(guest_for, pair):
    """With a kernel that fills free pages, so that PAGE_POISON is accepted too: what a program used
    and freed goes back to the host by itself, all of it can be used again after it was reported
    and ballooned, and data beside it stays."""
    vm = guest_for(balloon=REPORTING, kernel_args="init_on_free=1", fresh=True, **pair.options)
    assert {F_PAGE_POISON, F_REPORTING} <= accepted(vm)
    kept.keep(vm, 64, 7)
    vm.guest.run("memtool touch free-60", scaled(60))
    half = size.full(vm) // 2
    wait_for(lambda: vm.ram().present_pages() * PAGE < half, scaled(60), "free memory to go back")
    size.resize(vm, size.full(vm) - 200 * MIB)
    size.resize(vm, size.full(vm))
    vm.guest.run("memtool touch free-60", scaled(60))
    kept.check(vm)


@pytest.mark.arch
@every_pair
def test_page_ops_between_our_halves_only(guest_for, pair):
    """They are negotiated where both halves know them; elsewhere both do without."""
    vm = guest_for(**pair.options)
    assert (F_PAGE_OPS in accepted(vm)) == (pair == OURS)
    size.resize(vm, size.full(vm) - 200 * MIB)
    size.resize(vm, size.full(vm))
