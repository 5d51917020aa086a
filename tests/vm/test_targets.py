# SPDX-License-Identifier: GPL-2.0-or-later
"""The host may change its mind at any moment, and may ask for nonsense."""

import random

import pytest

from vmlab.qmp import QmpError

from vmtest import size
from vmtest.env import MIB
from vmtest.pairs import STOCK, every_device, every_pair
from vmtest.size import Books, assert_exact


@every_pair
def test_target_changes_half_way(guest_for, pair):
    """Down, up before it got there, down again, and so on: it ends at the last one, exactly."""
    vm = guest_for(memory_mib=1024, **pair.options)
    before = Books.of(vm)
    top, low = size.full(vm), size.full(vm) - 640 * MIB
    for _ in range(4):
        size.ask(vm, low)
        size.wait_actual(vm, lambda now: now < top, "the first step down")
        size.ask(vm, top)
        bottom = size.actual(vm)
        size.wait_actual(vm, lambda now: now > bottom or now == top, "the first step up")
    size.resize(vm, low)
    assert_exact(before, Books.of(vm), low)
    size.resize(vm, top)
    assert_exact(before, Books.of(vm), top)


@every_device
def test_many_targets_at_once(guest_for, pair):
    """Two hundred targets as fast as QMP takes them: the last one holds, exactly."""
    vm = guest_for(memory_mib=1024, **pair.options)
    before = Books.of(vm)
    dice = random.Random(57)
    for _ in range(200):
        size.ask(vm, size.full(vm) - dice.randrange(640) * MIB)
    last = size.full(vm) - 333 * MIB
    size.resize(vm, last)
    assert_exact(before, Books.of(vm), last)
    size.resize(vm, size.full(vm))


def test_targets_that_make_no_sense(guest_for):
    """Zero and negative sizes are refused in stock's words; more than the guest has means all
    of it. None of them moves a page."""
    vm = guest_for()
    stock = guest_for(**STOCK.options)
    before = Books.of(vm)
    for value in (0, -1, -(1 << 62)):
        words = []
        for each in (vm, stock):
            with pytest.raises(QmpError) as caught:
                each.qmp.cmd("balloon", value=value)
            words.append((caught.value.kind, caught.value.desc))
        assert words[0] == words[1]
    for value in (size.full(vm) + 1, 1 << 62):
        size.ask(vm, value)
    assert_exact(before, Books.of(vm), before.actual)
    assert Books.of(vm).inflated == before.inflated


def test_bytes_are_rounded_as_stock_does(guest_for):
    """A target that is no multiple of a page ends at the same size as with the stock pair."""
    ends = []
    for options in ({}, STOCK.options):
        vm = guest_for(**options)
        odd = size.full(vm) - 10 * MIB - 1
        size.ask(vm, odd)
        size.wait_actual(vm, lambda now, odd=odd: abs(now - odd) < 4096, "a size near the odd one")
        ends.append(size.full(vm) - size.actual(vm))
        size.resize(vm, size.full(vm))
    assert ends[0] == ends[1]
