# SPDX-License-Identifier: GPL-2.0-or-later
"""The balloon takes and gives exactly what is asked, to the page."""

import pytest

from vmtest import kept, size
from vmtest.env import MIB, PAGE
from vmtest.pairs import every_pair
from vmtest.size import Books, assert_exact


@pytest.mark.arch
@every_pair
@pytest.mark.parametrize("away", [256 * MIB, 256 * MIB + 3 * PAGE, MIB - PAGE, PAGE])
def test_shrink_and_grow_are_exact(guest_for, pair, away):
    """MemTotal, query-balloon and vmstat agree on the asked size, both ways."""
    vm = guest_for(**pair.options)
    before = Books.of(vm)

    size.resize(vm, before.actual - away)
    small = Books.of(vm)
    assert_exact(before, small, before.actual - away)

    size.resize(vm, before.actual)
    large = Books.of(vm)
    assert_exact(small, large, before.actual)
    assert large.total == before.total


@pytest.mark.arch
@every_pair
def test_guest_that_holds_data_keeps_it(guest_for, pair):
    """A shrink and a grow leave every byte of the guest's data as it was."""
    vm = guest_for(**pair.options)
    kept.keep(vm, 100, 42)
    try:
        for _ in range(3):
            size.resize(vm, size.full(vm) - 256 * MIB)
            kept.verify(vm)
            size.resize(vm, size.full(vm))
            kept.verify(vm)
    finally:
        kept.drop(vm)


@pytest.mark.arch
@every_pair
def test_same_size_again_changes_nothing(guest_for, pair):
    """A target that is already met moves no page."""
    vm = guest_for(**pair.options)
    size.resize(vm, size.full(vm) - 64 * MIB)
    before = Books.of(vm)
    for _ in range(5):
        size.ask(vm, before.actual)
    size.resize(vm, before.actual - PAGE)  # so the guest has seen all five
    size.resize(vm, before.actual)
    after = Books.of(vm)
    assert after.inflated - before.inflated <= 1, "pages were taken for nothing"
    assert_exact(before, after, before.actual)
    size.resize(vm, size.full(vm))
