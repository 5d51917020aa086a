# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of the guest that the host does not balloon: the driver takes other memory instead."""

from vmlab.waits import wait_for

from vmtest import driver, quiet, size
from vmtest.banks import Bank
from vmtest.env import MIB, scaled
from vmtest.size import Books, assert_exact

# Large enough that a kernel which puts its own tables there leaves some.
NVDIMM = Bank("nv", 4 << 30, 512 * MIB)
USED = "100000000-11fffffff : System RAM"
OPTIONS = {
    "machine": "q35,nvdimm=on",
    "kernel_args": "memmap=512M@4G",
    "qemu_args": ("-m", "slots=2,maxmem=4G", "-object", "memory-backend-ram,id=nv,size=512M",
                  "-device", "nvdimm,id=nvdimm0,memdev=nv"),
}


def test_nvdimm_used_as_ram(guest_for):
    """An NVDIMM that the guest was told to use as RAM: the device does not balloon persistent
    memory, so the driver takes the rest, exactly, leaves the NVDIMM to the guest and says so once;
    a target that cannot be had without it ends in the usual back-off."""
    vm = guest_for(**OPTIONS)
    assert USED in vm.guest.read("/proc/iomem")
    before = Books.of(vm)
    full, small = size.full(vm), size.full(vm) - 256 * MIB
    for _ in range(2):
        size.resize(vm, small)
        assert_exact(before, Books.of(vm), small)
        assert not NVDIMM.ballooned(vm).count(1)
        size.resize(vm, full)
    assert quiet.device(vm, "ops-not-ram") > 0, "nothing was refused: the test proves nothing"
    assert vm.guest.dmesg().count("does not take some pages") == 1

    size.ask(vm, 20 * MIB)
    settled = "back-off of several seconds"
    wait_for(lambda: driver.state(vm)["backoff_ms"] > 3000, scaled(60), settled)
    assert not NVDIMM.ballooned(vm).count(1)
    vm.guest.run("memtool touch 100", scaled(60))
    size.resize(vm, full)
    assert_exact(before, Books.of(vm), full)
    vm.guest.run("memtool touch free-60", scaled(60))
