# SPDX-License-Identifier: GPL-2.0-or-later
"""The host gets back the memory that the guest gave, and only that."""

import pytest

from vmlab.hostmem import PAGE as HOST_PAGE

from vmtest import frames, kept, size
from vmtest.env import MIB, PAGE, scaled
from vmtest.pairs import every_pair

GIVEN = 256 * MIB
# What a guest at rest may touch anew while it is looked at.
STIR = 8 * MIB


def touch_all(vm):
    """The host backs nearly all of the guest; it was data, so it is no zero page."""
    vm.guest.run("memtool touch free-60", scaled(60))


@pytest.mark.arch
@every_pair
def test_rss_falls_by_what_was_given(guest_for, pair):
    """Of a guest that had used all its memory, RSS and pagemap fall by the balloon's size."""
    vm = guest_for(**pair.options)
    touch_all(vm)
    ram = vm.ram()
    rss, present = ram.rss_bytes(), ram.present_pages()
    assert present * HOST_PAGE > size.full(vm) - 100 * MIB, "the guest did not use its memory"

    size.resize(vm, size.full(vm) - GIVEN)

    absent = size.full(vm) - ram.present_pages() * HOST_PAGE
    assert absent >= GIVEN, f"{GIVEN - absent} bytes of the balloon are backed"
    assert rss - ram.rss_bytes() > GIVEN - 100 * MIB
    size.resize(vm, size.full(vm))


@pytest.mark.arch
@every_pair
def test_no_ballooned_frame_is_backed(guest_for, pair):
    """Each frame that the guest's kernel has ballooned costs the host nothing, and the others
    stay: data in them is read back unharmed."""
    vm = guest_for(**pair.options)
    touch_all(vm)
    kept.keep(vm, 80, 5)
    size.resize(vm, size.full(vm) - GIVEN)

    assert frames.ballooned(vm).count(1) * PAGE == GIVEN
    backed = frames.backed_though_ballooned(vm)
    assert not backed, f"{len(backed)} ballooned frames are backed, the first is {backed[0]:#x}"
    kept.check(vm)
    size.resize(vm, size.full(vm))


@every_pair
def test_grown_guest_costs_nothing_until_used(guest_for, pair):
    """Growing alone makes the host back no memory; using it does."""
    vm = guest_for(**pair.options)
    touch_all(vm)
    size.resize(vm, size.full(vm) - GIVEN)
    low = vm.ram().rss_bytes()
    size.resize(vm, size.full(vm))
    assert vm.ram().rss_bytes() < low + STIR, "growing populated memory"
    touch_all(vm)
    assert vm.ram().rss_bytes() > low + GIVEN - 100 * MIB


@every_pair
def test_untouched_guest_stays_small(guest_for, pair):
    """A guest that never used its memory can be shrunk and grown without the host having to
    back what the balloon passes through."""
    vm = guest_for(fresh=True, **pair.options)
    before = vm.ram().rss_bytes()
    size.resize(vm, size.full(vm) - GIVEN)
    size.resize(vm, size.full(vm))
    grown = vm.ram().rss_bytes() - before
    assert grown < 64 * MIB, f"RSS grew by {grown // MIB} MiB of the {GIVEN // MIB} that passed"
