# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever backs the guest's memory, the host gets it back."""

import pytest

from vmtest import frames, kept, size
from vmtest.env import DEBUG, MIB, scaled
from vmtest.fragmented import compact, scatter
from vmtest.pairs import ALL, OURS, every_pair
from vmtest.size import Books, assert_exact

GIVEN = 256 * MIB
HUGE = 2 * MIB


@every_pair
def test_shared_memfd(guest_for, pair):
    """A memfd shrinks by what the guest gave, and grows by what it uses again; data stays."""
    vm = guest_for(backing="memfd", **pair.options)
    before = Books.of(vm)
    vm.guest.run("memtool touch free-100", scaled(60))
    kept.keep(vm, 64, 2)
    held = vm.ram().backing_bytes()
    assert held > size.full(vm) - 150 * MIB

    size.resize(vm, size.full(vm) - GIVEN)
    gone = held - vm.ram().backing_bytes()
    assert gone > GIVEN - 100 * MIB, f"the file lost {gone // MIB} MiB"
    assert vm.ram().backing_bytes() <= size.full(vm) - GIVEN
    assert not frames.backed_though_ballooned(vm)

    size.resize(vm, size.full(vm))
    kept.check(vm)
    vm.guest.run("memtool touch free-100", scaled(60))
    assert vm.ram().backing_bytes() > size.full(vm) - 150 * MIB
    assert_exact(before, Books.of(vm), size.full(vm))


@pytest.mark.parametrize("pair", ALL)
def test_huge_pages_come_back(huge_guest, pair):
    """A guest on hugetlb that shrinks by 256 MiB gives at least three quarters of it back as whole
    2 MiB pages, although the guest names it by 4 KiB; data stays, growing is exact."""
    vm = huge_guest(pair)
    before = Books.of(vm)
    vm.guest.run("memtool touch free-100", scaled(60))
    kept.keep(vm, 64, 2)
    held = vm.ram().backing_bytes()

    size.resize(vm, size.full(vm) - GIVEN)
    gone = held - vm.ram().backing_bytes()
    assert gone % HUGE == 0
    assert gone >= GIVEN * 3 // 4, f"only {gone // MIB} MiB of {GIVEN // MIB} came back"

    size.resize(vm, size.full(vm))
    kept.check(vm)
    vm.guest.run("memtool touch free-100", scaled(60))
    assert_exact(before, Books.of(vm), size.full(vm))


@pytest.mark.skipif(DEBUG, reason="needs a 1 GiB guest on huge pages, too slow in a debug kernel")
def test_huge_pages_with_scattered_pages(huge_guest):
    """Where the balloon's pages lie scattered, a huge page that holds a page in use is never
    taken: data is whole before and after compaction, which makes more huge pages come back."""
    vm = huge_guest(OURS, 1024)
    scatter(vm, data_mib=100)
    kept.verify(vm)
    held = vm.ram().backing_bytes()
    compact(vm)
    assert vm.ram().backing_bytes() < held, "compaction gained the host nothing"
    kept.check(vm)
    size.resize(vm, size.full(vm))
    vm.guest.run("memtool touch free-100", scaled(60))
