# SPDX-License-Identifier: GPL-2.0-or-later
"""The balloon beside what else a guest's kernel does with memory and processors: control groups,
compressed swap, the multi-generational LRU, CPU hot-plug, an IOMMU for virtio devices."""

import pytest

from vmtest import kept, size
from vmtest.env import MIB, PAGE, scaled
from vmtest.fragmented import compact
from vmtest.pairs import EVERY, OUR_DRIVER, OURS, every_pair, first_often
from vmtest.size import Books

pytestmark = pytest.mark.slow
GROUP = "/sys/fs/cgroup/lab"
LIMIT_MIB = 96


def swing(vm, times=3, away=160 * MIB):
    """Out and back, while the guest's data stays whole."""
    for _ in range(times):
        size.resize(vm, size.full(vm) - away, 120)
        kept.verify(vm, seconds=120)
        size.resize(vm, size.full(vm), 120)
        kept.verify(vm, seconds=120)


def charged(vm):
    return int(vm.guest.read(f"{GROUP}/memory.current"))


@every_pair
def test_no_control_group_pays_for_the_balloon(guest_for, pair):
    """What a guest gives while a limited group works is nobody's: the group may still use all of
    its limit. Where the group itself runs out, a process of it is killed, and the balloon, which
    could help a guest without memory, stays as it is."""
    vm = guest_for(balloon="virtio-balloon-pci,deflate-on-oom=on", **pair.options, fresh=True)
    vm.pooled.allow += ["invoked oom-killer", "Call Trace", "Memory cgroup out of memory"]
    vm.guest.run(f"mkdir -p /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"
                 f" && echo +memory > /sys/fs/cgroup/cgroup.subtree_control && mkdir {GROUP}"
                 f" && echo {LIMIT_MIB}M > {GROUP}/memory.max")
    vm.guest.run(f"echo $$ > {GROUP}/cgroup.procs && memtool keep data {LIMIT_MIB // 2} 5",
                 scaled(60))
    before = charged(vm)
    assert before > LIMIT_MIB / 2 * MIB, "the data is not the group's"
    swing(vm)
    assert charged(vm) <= before + 2 * MIB

    size.resize(vm, size.full(vm) - 160 * MIB)
    small, kills = size.actual(vm), Books.of(vm).kills
    vm.guest.run(f"echo $$ > {GROUP}/cgroup.procs && memtool touch {LIMIT_MIB * 2} 6",
                 scaled(60), check=False)
    assert Books.of(vm).kills > kills, "the group had enough: the test proves nothing"
    assert size.actual(vm) == small, "the balloon gave memory for a group's limit"


@first_often(EVERY)
def test_compressed_swap(guest_for, pair):
    """A guest that swaps into its own memory (zram) keeps its data through swings of the balloon,
    and none of it is lost to the balloon for good."""
    vm = guest_for(modules=("lzo_rle", "zram"), fresh=True, **pair.options)
    vm.guest.run("echo 256M > /sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null"
                 " && swapon /dev/zram0", scaled(30))
    free = size.free(vm)
    kept.keep(vm, 64, 1, "small")
    zeroes = size.free(vm) // MIB + 64
    vm.guest.run(f"dd if=/dev/zero of=/tmp/zeroes bs=1M count={zeroes}", scaled(120))
    assert vm.guest.vmstat()["pswpout"] > 32 * MIB // PAGE, "the test proves nothing"
    vm.guest.run("rm /tmp/zeroes")
    swing(vm)
    kept.drop(vm)
    vm.guest.run("swapoff /dev/zram0", scaled(60))
    size.wait_free(vm, free, 16 * MIB)


@pytest.mark.parametrize("generations", ["y", "n"])
@pytest.mark.parametrize("pair", [OURS, OUR_DRIVER], ids=str)
def test_multi_generational_lru(guest_for, pair, generations):
    """With either way to find cold pages no data is lost while the balloon swings, caches are
    dropped again and again, and memory is compacted with the balloon half full."""
    vm = guest_for(fresh=True, **pair.options)
    switch = "/sys/kernel/mm/lru_gen/enabled"
    if vm.guest.run(f"test -e {switch}", check=False).status:
        pytest.skip("this kernel has no multi-generational LRU")
    vm.guest.write(switch, generations)
    assert bool(int(vm.guest.read(switch), 0)) == (generations == "y")
    kept.keep(vm, 96, 7, "small")
    loop = vm.guest.start("while :; do find /sys /proc/1 -type f 2>/dev/null | head -n 2000"
                          " >/tmp/files; echo 3 >/proc/sys/vm/drop_caches; done")
    try:
        swing(vm)
        size.resize(vm, size.full(vm) - 160 * MIB)
        compact(vm)
        kept.verify(vm)
    finally:
        loop.kill()
    size.resize(vm, size.full(vm))
    kept.drop(vm)


@every_pair
def test_processors_come_and_go(guest_for, pair):
    """Processors that are taken off and put on during swings, one of them plugged by QEMU, lose
    no page and hold up no resize: per-processor state (lists of free pages, the look at the
    floor) follows."""
    vm = guest_for(fresh=True, balloon="virtio-balloon-pci,deflate-on-oom=on",
                   qemu_args=("-smp", "2,maxcpus=3"), **pair.options)
    kept.keep(vm, 64, 9)
    loop = vm.guest.start("while :; do for on in 0 1; do"
                          " echo $on >/sys/devices/system/cpu/cpu1/online; done; done")
    try:
        swing(vm)
        plug(vm)
        swing(vm)
    finally:
        loop.kill()
    online = vm.guest.read("/sys/devices/system/cpu/online").strip()
    assert "2" in online, f"processors {online}: the third one was never used"


def plug(vm):
    free = [slot for slot in vm.qmp.cmd("query-hotpluggable-cpus") if "qom-path" not in slot]
    vm.qmp.cmd("device_add", driver=free[0]["type"], id="late", **free[0]["props"])
    vm.guest.run("n=0; until echo 1 >/sys/devices/system/cpu/cpu2/online; do"
                 " n=$((n + 1)); [ $n -lt 100 ] || exit 1; sleep 0.1; done 2>/dev/null",
                 scaled(60))


@every_pair
def test_refused_behind_an_iommu(guest_for, pair):
    """Linux' driver takes no device whose rings an IOMMU translates (ACCESS_PLATFORM), as pages of
    the balloon are named by guest-physical address. QEMU refuses that; the guest keeps its
    memory."""
    vm = guest_for(fresh=True, kernel_args="intel_iommu=on", qemu_args=("-device", "intel-iommu"),
                   balloon="virtio-balloon-pci,iommu_platform=on,disable-legacy=on", **pair.options)
    assert "device refuses features" in vm.guest.dmesg()
    before = Books.of(vm)
    size.ask(vm, before.actual - 200 * MIB)
    vm.guest.run("memtool touch free-60", scaled(60))
    assert Books.of(vm) == before
    size.ask(vm, before.actual)
    assert vm.guest.run("rmmod virtio_balloon && dmesg").status == 0
    vm.guest.load_driver(pair.driver)
