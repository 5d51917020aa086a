# SPDX-License-Identifier: GPL-2.0-or-later
"""discard-granularity=2M with real guests: the host's huge pages stay whole."""

import pathlib
import re

from vmlab import recipes
from vmlab.virsh import virsh
from vmlab.vm import BALLOON_PATH
from vmlab.waits import wait_for

from vmtest import blocks, kept, size
from vmtest.env import MIB, scaled
from vmtest.fragmented import MEMORY_MIB, scatter
from vmtest.pairs import OURS, every_driver
from vmtest.size import Books, assert_exact

ROOT = pathlib.Path(__file__).resolve().parents[2]
HUGE = 2 * MIB
BALLOON = "virtio-balloon-pci,discard-granularity=2M"
# What QEMU and the host's kernel do beside the balloon.
SLACK = 8 * MIB


def touched(guest_for, pair, memory_mib):
    """A guest whose memory the host holds in huge pages; and how much of it, in bytes."""
    vm = guest_for(small_pages=False, memory_mib=memory_mib, balloon=BALLOON, **pair.options)
    return vm, blocks.touch(vm, 100, 0.75)


def absent(vm):
    return vm.ram().absent_blocks() * HUGE


@every_driver
def test_scattered_pages_tear_no_huge_page(guest_for, pair):
    """A fragmented guest gives pages from all over: the host loses those huge pages only that it
    got back whole. Data stays, growing is exact."""
    vm, huge = touched(guest_for, pair, MEMORY_MIB)
    before, gone = Books.of(vm), absent(vm)
    given = size.full(vm) - scatter(vm, data_mib=100)
    assert given > 100 * MIB
    lost, gone = huge - vm.ram().huge_bytes(), absent(vm) - gone
    assert lost <= gone + SLACK, f"{lost // MIB} MiB of huge pages torn, {gone // MIB} MiB back"
    kept.check(vm)
    size.resize(vm, size.full(vm))
    vm.guest.run("memtool touch free-100", scaled(60))
    assert vm.ram().huge_bytes() > huge - SLACK
    assert_exact(before, Books.of(vm), size.full(vm))


@blocks.gathers
def test_what_is_withheld_is_gathered(guest_for):
    """Our driver makes whole blocks of the scattered pages: what waited for the rest of its block
    goes back, at least nine tenths of the balloon in all."""
    vm, _ = touched(guest_for, OURS, MEMORY_MIB)
    given = size.full(vm) - scatter(vm, data_mib=100)
    recipes.consolidate(vm.guest, True)

    wait_for(lambda: absent(vm) >= given * 9 // 10, scaled(120), "whole blocks", poll=1)
    kept.check(vm)
    size.resize(vm, size.full(vm))


@every_driver
def test_memory_in_one_piece_comes_back(guest_for, pair):
    """Where the guest's free memory is whole, so is what the host gets, whatever the driver names
    it by: at least three quarters of it."""
    vm, huge = touched(guest_for, pair, 512)
    given, gone = 256 * MIB, absent(vm)
    size.resize(vm, size.full(vm) - given)
    gone = absent(vm) - gone
    assert gone >= given * 3 // 4, f"only {gone // MIB} MiB of {given // MIB} came back whole"
    assert huge - vm.ram().huge_bytes() <= gone + SLACK
    size.resize(vm, size.full(vm))


def test_in_a_libvirt_domain(domain):
    """The XML of qemu-device/README.md sets it."""
    text = (ROOT / "qemu-device/README.md").read_text()
    extra = re.search(r"<qemu:override.*?</qemu:override>", text, re.S)[0]
    dom = domain(extra=extra)
    get = f"qom-get {BALLOON_PATH} discard-granularity"
    assert virsh("qemu-monitor-command", dom.name, "--hmp", get).strip() == str(HUGE)
