# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that is not one plain piece: prefilled, in a file, plugged in later, in two NUMA nodes,
beside virtio-mem. Shrinking takes from it exactly and the host gets it back; growing is exact."""

import tempfile
from pathlib import Path

import pytest

from vmlab.waits import wait_for

from vmtest import kept, size
from vmtest.banks import Bank, given, memfd, plug_dimm
from vmtest.env import MIB, scaled
from vmtest.pairs import EVERY, first_often
from vmtest.pool import EXTRA_MIB
from vmtest.size import Books, assert_exact

GIVEN = 256 * MIB
# What a guest at rest may touch anew while it is looked at.
STIR = 8 * MIB
ONLINE = "memhp_default_state=online_movable"
ROOM = ("-m", "slots=4,maxmem=4G")


def give(vm, size_):
    """Books before and after; the guest has exactly that much less then."""
    before = Books.of(vm)
    target = before.actual - size_
    size.resize(vm, target)
    assert_exact(before, Books.of(vm), target)
    return before


def take_back(vm, before):
    """The guest is again what it was, by every count."""
    size.resize(vm, before.actual)
    assert_exact(before, Books.of(vm), before.actual)


@first_often(EVERY)
def test_prealloc(guest_for, pair):
    """Memory that QEMU filled at its start comes back to the host although no guest touched it."""
    mib = 512 + EXTRA_MIB
    vm = guest_for(
        machine="q35,memory-backend=ram0",
        qemu_args=("-object", f"memory-backend-ram,id=ram0,size={mib}M,prealloc=on"),
        **pair.options,
    )
    full = vm.ram().rss_bytes()
    assert full >= size.full(vm), "QEMU did not prefill the memory: the test proves nothing"
    before = give(vm, GIVEN)
    gone = full - vm.ram().rss_bytes()
    assert GIVEN - STIR <= gone, f"of {GIVEN} bytes the host got {gone} back"
    take_back(vm, before)
    vm.guest.run("memtool touch free-60", scaled(60))
    assert vm.ram().rss_bytes() > full - 100 * MIB


@pytest.fixture
def ram_folder(tmp_path, pair):
    """On the host's disk for our driver. For stock's, which makes holes of 4 KiB all over, a
    tmpfs: ext4 of Linux 6.18 caches a file in larger pieces, and when a guest writes to one the
    blocks of the holes in it are back."""
    if pair.driver == "ours":
        yield tmp_path
    else:
        with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="ballonet-") as folder:
            yield Path(folder)


@first_often(EVERY)
def test_shared_file(guest_for, pair, ram_folder):
    """Memory in a file of the host that others map too (as vhost-user wants it): the file loses
    the blocks; data in what is left stays."""
    mib = 512 + EXTRA_MIB
    file = ram_folder / "ram"
    backend = f"memory-backend-file,id=ram0,size={mib}M,share=on,mem-path={file}"
    vm = guest_for(
        fresh=True,
        machine="q35,memory-backend=ram0",
        qemu_args=("-object", backend),
        **pair.options,
    )
    vm.pooled.keep = False  # must end before its file is gone
    kept.keep(vm, 64, 2)
    vm.guest.run("memtool touch free-60", scaled(60))
    bank = Bank("ram0", 0, size.full(vm), file)
    held = bank.held(vm)
    assert held > size.full(vm) - 100 * MIB
    before = give(vm, GIVEN)
    assert not bank.backed_though_ballooned(vm)
    # it may have taken what the file did not hold
    least = GIVEN - (size.full(vm) - held) - STIR
    gone = held - bank.held(vm)
    assert gone >= least, f"the file lost {gone} of at least {least} bytes"
    kept.check(vm)
    take_back(vm, before)
    vm.guest.run("memtool touch free-60", scaled(60))
    assert file.stat().st_blocks * 512 > size.full(vm) - 100 * MIB


@first_often(EVERY)
def test_plugged_later(guest_for, pair):
    """A DIMM plugged into a guest with an inflated balloon leaves that as it is; the balloon then
    takes from the DIMM too and the host gets those pages back; the DIMM can go again, whatever of
    the balloon lies in it."""
    vm = guest_for(fresh=True, kernel_args=ONLINE, qemu_args=ROOM, **pair.options)
    at_start = Books.of(vm)
    give(vm, 128 * MIB)
    bank = plug_dimm(vm, "late", 512)
    small = Books.of(vm)
    assert small.actual == at_start.actual - 128 * MIB + bank.size
    assert small.inflated - small.deflated == 128 * MIB // 4096, "plugging changed the balloon"

    kept.keep(vm, 64, 8)
    vm.guest.run("memtool touch free-60", scaled(60))
    held = bank.held(vm)
    before = give(vm, 512 * MIB)
    inside = given(vm, [Bank("main", 0, size.full(vm)), bank], 640 * MIB)[1]
    assert inside > 128 * MIB, f"only {inside} bytes of the balloon are in the DIMM"
    assert not bank.backed_though_ballooned(vm)
    assert bank.held(vm) <= bank.size - inside
    assert held - bank.held(vm) > inside - 100 * MIB, "the host got too little of the DIMM back"
    kept.verify(vm)
    take_back(vm, before)
    kept.check(vm)

    vm.guest.run("memtool touch free-60", scaled(60))
    give(vm, 128 * MIB)
    vm.qmp.cmd("device_del", id="dimm-late")
    vm.qmp.wait_event("DEVICE_DELETED", scaled(60), lambda d: d.get("device") == "dimm-late")
    now = Books.of(vm)
    assert now.actual == at_start.actual - 256 * MIB
    size.resize(vm, at_start.actual)
    size.wait_total(vm, at_start.total)


@first_often(EVERY)
def test_two_numa_nodes(guest_for, pair):
    """Of a guest with two nodes of memory the balloon takes from both and both backends shrink."""
    mib = {"node0": 448 + EXTRA_MIB, "node1": 464}
    banks = [
        Bank("node0", 0, mib["node0"] * MIB),
        Bank("node1", mib["node0"] * MIB, mib["node1"] * MIB),
    ]
    # Two sockets: a kernel that finds one package in two nodes calls that insane, and it is.
    args = ["-smp", "2,sockets=2,cores=1,threads=1"]
    for number, (name, size_) in enumerate(mib.items()):
        args += ["-object", memfd(name, size_)]
        args += ["-numa", f"node,nodeid={number},cpus={number},memdev={name}"]
    vm = guest_for(memory_mib=sum(mib.values()) - EXTRA_MIB, qemu_args=tuple(args), **pair.options)
    look = vm.guest.run("ls -d /sys/devices/system/node/node[0-9]*", check=False)
    if look.status:
        pytest.skip("this guest's kernel is built without NUMA")
    nodes = look.output.split()
    assert len(nodes) == 2, f"the guest sees {nodes}"
    kept.keep(vm, 64, 8)
    vm.guest.run("memtool touch free-60", scaled(60))
    held = [bank.held(vm) for bank in banks]
    # more than one node has
    before = give(vm, 544 * MIB)
    for bank, was, gave in zip(banks, held, given(vm, banks, 544 * MIB)):
        assert gave > 48 * MIB, f"{bank.name} gave {gave} bytes only"
        assert not bank.backed_though_ballooned(vm)
        assert was - bank.held(vm) > gave - 64 * MIB, f"the host got too little of {bank.name}"
    kept.check(vm)
    take_back(vm, before)
    vm.guest.run("memtool touch free-60", scaled(60))


VIRTIO_MEM = 512


@first_often(EVERY)
def test_beside_virtio_mem(guest_for, pair):
    """virtio-mem grows and shrinks the same guest: the balloon reaches its target, whatever memory
    its pages lie in, and the host gets that back; virtio-mem takes its own away meanwhile."""
    vm = guest_for(
        fresh=True,
        kernel_args=ONLINE,
        modules=("virtio_mem",),
        qemu_args=(
            *ROOM,
            "-object",
            memfd("vmem", VIRTIO_MEM),
            "-device",
            # what is not plugged may be read: Linux 5.10 knows nothing else
            "virtio-mem-pci,id=vm0,memdev=vmem,requested-size=0,unplugged-inaccessible=off",
        ),
        **pair.options,
    )
    at_start = Books.of(vm)
    path = "/machine/peripheral/vm0"
    vm.qmp.cmd("qom-set", path=path, property="requested-size", value=VIRTIO_MEM * MIB)
    size.wait_total(vm, at_start.total + VIRTIO_MEM * MIB)
    bank = Bank("vmem", vm.qmp.qom_get(path, "memaddr"), VIRTIO_MEM * MIB)
    kept.keep(vm, 64, 8)
    vm.guest.run("memtool touch free-60", scaled(60))
    held = bank.held(vm)

    before = give(vm, 320 * MIB)
    inside = given(vm, [Bank("main", 0, size.full(vm)), bank], 320 * MIB)[1]
    assert inside, "no page of the balloon is in virtio-mem's memory: the test proves nothing"
    assert not bank.backed_though_ballooned(vm)
    assert bank.held(vm) < held, "the host got nothing back"
    kept.verify(vm)
    take_back(vm, before)

    give(vm, 64 * MIB)
    vm.qmp.cmd("qom-set", path=path, property="requested-size", value=0)
    wait_for(lambda: vm.qmp.qom_get(path, "size") == 0, scaled(120), "virtio-mem to shrink")
    kept.check(vm)
    size.resize(vm, size.full(vm))
    size.wait_total(vm, at_start.total)
