# SPDX-License-Identifier: GPL-2.0-or-later
"""must-tell-host: no page is used before the host has acknowledged that it left the balloon."""

from vmtest import frames, kept, size
from vmtest.env import MIB, scaled
from vmtest.fragmented import MEMORY_MIB, compact, scatter
from vmtest.pairs import OUR_DEVICES
from vmtest.size import Books, assert_exact

import pytest

OPTION = {"balloon": "virtio-balloon-pci,must-tell-host=on"}


@pytest.mark.arch
@pytest.mark.parametrize("pair", OUR_DEVICES)
def test_round_trip(guest_for, pair):
    """Shrink and grow are exact; memory given back is used at once and its data is whole."""
    vm = guest_for(**OPTION, **pair.options)
    before = Books.of(vm)
    for seed in range(1, 4):
        size.resize(vm, size.full(vm) - 300 * MIB)
        size.ask(vm, size.full(vm))
        # while pages still come back
        vm.guest.run(f"memtool touch free-60 {seed}", scaled(60))
        size.resize(vm, size.full(vm))
    assert_exact(before, Books.of(vm), size.full(vm))


@pytest.mark.parametrize("pair", OUR_DEVICES)
def test_compaction(guest_for, pair):
    """Moved pages are told in the order that the feature demands; nothing is lost."""
    vm = guest_for(memory_mib=MEMORY_MIB, **OPTION, **pair.options)
    target = scatter(vm, data_mib=100)
    assert compact(vm).ballooned_moved >= 5000
    assert size.actual(vm) == target
    assert not frames.backed_though_ballooned(vm)
    vm.guest.run("memtool touch free-60", scaled(60))
    kept.check(vm)
    size.resize(vm, size.full(vm))
