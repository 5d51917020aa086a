# SPDX-License-Identifier: GPL-2.0-or-later
"""A balloon of scattered pages is gathered into whole blocks of the host, in the background, beside
programs that notice nothing; and at once it is not when there is something better to do."""

import operator
import time

import pytest

from vmlab.recipes import free_blocks
from vmlab.vm import BALLOON_ID
from vmlab.waits import wait_for

from vmtest import blocks, frames, kept, leaks, size
from vmtest.asleep import SLEEP, fall_asleep, wake
from vmtest.blocks import GUEST
from vmtest.driver import wait_bound
from vmtest.env import DEBUG, MIB, scaled
from vmtest.pairs import OUR_DRIVER
from vmtest.size import Books

LEAVE_MIB = 96
HUGE_PAGES = "/proc/sys/vm/nr_hugepages"
FREE_MIB = 160 if DEBUG else 240
NOTHING_S = 3
PFN = {"balloon": "virtio-balloon-pci,page-ops=off"}
FEW_MOVED = 64  # pages of one kind, so that they are not moved by chance
FEW = 256  # frames that may change between two looks for other reasons


def assert_same_size(before, after):
    assert (after.total, after.actual) == (before.total, before.actual), "the size changed"
    assert after.kills == before.kills, "the guest's OOM killer ran"


def assert_still(vm):
    """The same frames are in the balloon a while later, and the host has the same blocks back."""
    migrated = Books.of(vm).migrated
    before, absent = frames.ballooned(vm), blocks.absent(vm)
    # that nothing happens can only be seen by waiting
    time.sleep(NOTHING_S)
    moved = sum(map(operator.ne, frames.ballooned(vm), before))
    # the kernel's own compaction takes one frame for another
    moved -= 2 * (Books.of(vm).migrated - migrated)
    assert moved < FEW, f"{moved} frames came into the balloon or left it"
    assert blocks.absent(vm) <= absent


@pytest.mark.arch
@blocks.gathers
def test_scattered_pages_become_whole_blocks(guest_for):
    """Of a guest of which every fourth page is in use, the balloon has single pages; soon nearly
    all of it lies in whole blocks that the host backs nothing of. Size and MemTotal stay, the
    data is whole, and growing ends exact."""
    vm = guest_for(**GUEST)
    at_start = Books.of(vm)
    blocks.hold(vm)
    target, gathering = blocks.balloon(vm, LEAVE_MIB)
    before, small = Books.of(vm), blocks.managed(vm, "DMA")
    gathering.wait_done()
    blocks.assert_whole(vm)
    after = Books.of(vm)
    assert_same_size(before, after)
    # a zone that drivers of old devices live on does not pay for a larger one
    assert blocks.managed(vm, "DMA") >= small
    assert after.inflated - after.deflated == before.inflated - before.deflated
    assert after.actual == target
    blocks.release(vm)
    vm.guest.run(f"memtool touch free-{LEAVE_MIB}", scaled(60))
    assert Books.of(vm).total == at_start.total


@pytest.mark.slow
@pytest.mark.arch
@blocks.gathers
def test_guest_gets_whole_blocks_back(guest_for):
    """The balloon's whole blocks were the guest's chance of huge pages. Of a guest whose free
    memory was all in pieces, most is in whole blocks once the balloon is gathered, without costing
    the host anything; and huge pages come of it."""
    vm = guest_for(**{**GUEST, "memory_mib": 768})
    blocks.hold(vm)
    blocks.balloon(vm, FREE_MIB)[1].wait_done()
    before, rss = Books.of(vm), vm.ram().rss_bytes()

    def mostly_whole():
        whole, free = 2 * free_blocks(vm.guest), vm.guest.meminfo()["MemFree"] // 1024
        return free if whole >= (free - LEAVE_MIB) / 2 else None

    free = wait_for(mostly_whole, scaled(60), "whole free blocks in the guest", poll=0.2)
    assert_same_size(before, Books.of(vm))
    # a checking kernel writes to what it frees
    grown = vm.ram().rss_bytes() - rss
    assert DEBUG or grown < 8 * MIB, f"the host backs {grown >> 20} MiB more"
    # an emulated s390x has none
    if "HugePages_Total" in vm.guest.meminfo():
        wanted = (free - LEAVE_MIB) // 4
        vm.guest.run(f"echo {wanted} >{HUGE_PAGES}", scaled(60))
        assert int(vm.guest.read(HUGE_PAGES)) == wanted
        vm.guest.write(HUGE_PAGES, 0)
    blocks.release(vm)


@blocks.gathers
@pytest.mark.slow
def test_off_until_switched_on(guest_for):
    """With `gather` off no page moves; switched on, it begins; off again, it ends."""
    vm = guest_for(**GUEST)
    blocks.reload(vm, gather="N", **blocks.SLOWLY)
    blocks.hold(vm)
    _, gathering = blocks.balloon(vm, LEAVE_MIB)
    assert_still(vm)
    blocks.switch(vm, "gather", "Y")
    gathering.wait_begun()
    blocks.switch(vm, "gather", "N")
    blocks.wait_rest(vm)
    gathering.assert_half_way()
    assert_still(vm)
    blocks.release(vm)
    blocks.reload(vm)


@blocks.gathers
@pytest.mark.slow
def test_all_kinds_move(guest_for, tmp_path):
    """Anonymous memory, tmpfs and page cache of a disk make room for whole blocks, mapped as they
    are, and read as before."""
    disk = tmp_path / "disk.raw"
    disk_mib, shared_mib = (48, 64) if DEBUG else (96, 144)
    disk.write_bytes(b"")
    disk.open("r+b").truncate(disk_mib * MIB)
    vm = guest_for(
        **GUEST,
        modules=("virtio_blk",),
        qemu_args=("-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"),
        fresh=True,
    )
    blocks.touch(vm)
    # the fewer of a block's pages are in use, the sooner it is chosen
    thinned = {"disk": 8, "shared": 6, "hold": 4}
    # blocks are taken topmost first: a cache that came first would lie lowest, and not be needed
    for keeper in (
        f"hold free-{blocks.LEAVE_MIB + disk_mib + shared_mib} 7 small",
        f"shared {shared_mib} 6 shared",
        f"disk {disk_mib} 5 file:/dev/vda",
    ):
        vm.guest.run(f"memtool keep {keeper}", scaled(60))
    for name, every in thinned.items():
        vm.guest.run(f"memtool ask {name} thin {every}", scaled(60))
    names = tuple(thinned)
    left = {name: count(vm, name, "mark") for name in names}
    _, gathering = blocks.balloon(vm, LEAVE_MIB)
    gathering.wait_done()
    blocks.assert_whole(vm)
    moved = {name: count(vm, name, "moved") for name in names}
    # which blocks are chosen is the driver's matter, but none of the three kinds stays where it is
    few = [name for name in names if moved[name] < FEW_MOVED]
    assert not few, f"moved {moved} of {left}"
    blocks.release(vm, *names)


def count(vm, keeper, question):
    """The number in memtool's answer."""
    return int(vm.guest.run(f"memtool ask {keeper} {question}", scaled(60)).output.split()[2])


@blocks.gathers
def test_locked_and_pinned_pages_stay(guest_for):
    """Pages that are locked, or that somebody holds a reference to, stay where they are."""
    vm = guest_for(**GUEST)
    guest = vm.guest
    # else the kernel's own compaction takes the liberty
    guest.run("echo 0 >/proc/sys/vm/compact_unevictable_allowed")
    for name, how in (("locked", "lock"), ("pinned", "pin")):
        guest.run(f"memtool fragment {name} 16 3 every-8", scaled(30))
        guest.run(f"memtool ask {name} {how}", scaled(30))
    blocks.hold(vm)
    names = ("locked", "pinned", "hold")
    for name in names:
        assert count(vm, name, "mark") >= 512
    _, gathering = blocks.balloon(vm, LEAVE_MIB)
    gathering.wait_done()
    blocks.wait_rest(vm)
    moved = {name: count(vm, name, "moved") for name in names}
    assert moved["hold"] > 1000 and not moved["locked"] + moved["pinned"], moved
    blocks.release(vm, *names)
    guest.run("echo 1 >/proc/sys/vm/compact_unevictable_allowed")


@blocks.gathers
def test_targets_come_first(guest_for):
    """A wish that comes meanwhile is fulfilled as fast as ever, less and more; then it goes on."""
    vm = guest_for(**GUEST)
    before = Books.of(vm)
    with blocks.slowly(vm):
        blocks.hold(vm)
        target, gathering = blocks.balloon(vm, LEAVE_MIB)
        gathering.wait_begun()
        for away in (64, 8, 48, 0):
            size.resize(vm, target + away * MIB, 15)
        gathering.assert_half_way()
        assert before.total - Books.of(vm).total == size.full(vm) - target
        blocks.switch(vm, "gather_cpu", 100)
        gathering.wait_done()
        blocks.assert_whole(vm)
        blocks.release(vm)
    assert Books.of(vm).total == before.total


@blocks.gathers
@pytest.mark.slow
def test_rmmod_half_way(guest_for):
    """rmmod meanwhile: every page comes back, within seconds; data is kept."""
    vm = guest_for(**GUEST)
    leaks.start_clean(vm)
    before = Books.of(vm)
    blocks.reload(vm, **blocks.SLOWLY)
    blocks.hold(vm)
    _, gathering = blocks.balloon(vm, LEAVE_MIB)
    gathering.wait_begun()
    vm.guest.unload_driver(scaled(20))
    now = Books.of(vm)
    assert (now.total, now.actual) == (before.total, size.full(vm))
    leaks.assert_none(vm)
    size.ask(vm, size.full(vm))
    vm.guest.load_driver("ours", **blocks.FAST)
    blocks.release(vm)
    vm.guest.run(f"memtool touch free-{LEAVE_MIB}", scaled(60))


@blocks.gathers
@pytest.mark.slow
def test_unplug_half_way(guest_for):
    """device_del meanwhile: the same."""
    vm = guest_for(**{**GUEST, "driver_params": blocks.SLOWLY}, port="plug",
                   balloon="virtio-balloon-pci,bus=plug", fresh=True)
    before = Books.of(vm)
    blocks.hold(vm)
    _, gathering = blocks.balloon(vm, LEAVE_MIB)
    gathering.wait_begun()
    vm.qmp.cmd("device_del", id=BALLOON_ID)
    vm.qmp.wait_event("DEVICE_DELETED", scaled(60), lambda d: d.get("device") == BALLOON_ID)
    size.wait_total(vm, before.total)
    kept.verify(vm, "hold")
    vm.qmp.cmd("device_add", driver="virtio-balloon-pci", id=BALLOON_ID, bus="plug")
    wait_bound(vm)
    blocks.release(vm)


@blocks.gathers
@pytest.mark.slow
def test_suspend_half_way(guest_for):
    """Put to sleep meanwhile: awake, the balloon is as large, no page of it costs memory, and the
    gathering comes to its end."""
    vm = guest_for(**{**GUEST, "driver_params": blocks.SLOWLY}, fresh=True)
    blocks.hold(vm)
    target, gathering = blocks.balloon(vm, LEAVE_MIB)
    before = Books.of(vm)
    gathering.wait_begun()
    sleeping = vm.guest.start(SLEEP)
    fall_asleep(vm, sleeping)
    wake(vm, sleeping)
    size.wait_actual(vm, lambda now: now == target, f"{target} bytes again")
    kept.verify(vm, "hold")
    blocks.switch(vm, "gather_cpu", 100)
    gathering.wait_done()
    blocks.assert_whole(vm)
    assert_same_size(before, Books.of(vm))
    blocks.release(vm)


@blocks.gathers
@pytest.mark.slow
def test_memory_pressure(guest_for):
    """A program that wants nearly all that is left meanwhile gets it, whole; nothing is killed."""
    vm = guest_for(**GUEST)
    with blocks.slowly(vm):
        blocks.hold(vm)
        _, gathering = blocks.balloon(vm, LEAVE_MIB)
        before = Books.of(vm)
        gathering.wait_begun()
        vm.guest.run(f"memtool hog free-{blocks.LEAVE_MIB} 6", scaled(60))
        assert_same_size(before, Books.of(vm))
        blocks.switch(vm, "gather_cpu", 100)
        gathering.wait_done()
        blocks.assert_whole(vm)
        blocks.release(vm)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(OUR_DRIVER.options, id="stock-device", marks=pytest.mark.interop),
        pytest.param(PFN, id="page-ops-off", marks=pytest.mark.slow),
    ],
)
def test_nothing_without_a_wish(guest_for, options):
    """A device that does not say which blocks it wants gets none: no page moves."""
    vm = guest_for(**GUEST, **options)
    blocks.hold(vm)
    blocks.balloon(vm, LEAVE_MIB)
    assert_still(vm)
    blocks.release(vm)
