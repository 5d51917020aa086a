# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way in which QEMU offers the device: legacy and modern, on PCI, virtio-mmio and CCW."""

import pytest

from vmlab import accel
from vmlab.errors import LabError

from vmtest import frames, size
from vmtest.env import ARCH, MIB, scaled
from vmtest.pairs import every_pair
from vmtest.size import Books, assert_exact

GIVEN = 200 * MIB
PCI = {
    "plain": "virtio-balloon-pci",
    "transitional": "virtio-balloon-pci-transitional",
    "non-transitional": "virtio-balloon-pci-non-transitional",
    "legacy": "virtio-balloon-pci,disable-modern=on,disable-legacy=off",
    "modern": "virtio-balloon-pci,disable-modern=off,disable-legacy=on",
    "packed": "virtio-balloon-pci,packed=on",
}
# Legacy is the guest's own byte order.
CCW = {"modern": "virtio-balloon-ccw", "legacy": "virtio-balloon-ccw,max_revision=0"}
# -device, by the name of the way; Arm's board has virtio-mmio beside PCI.
WAYS = {
    "amd64": PCI,
    "arm64": {
        "modern": PCI["modern"],
        "legacy": PCI["legacy"],
        "mmio-modern": "virtio-balloon-device",
        "mmio-legacy": "virtio-balloon-device",
    },
    "s390x": CCW,
}[ARCH]
# microvm has one serial port of its own; the lab's agent needs the second
MICROVM = {
    "machine": "microvm,isa-serial=on,rtc=on,pic=on,pit=on",
    "balloon": "virtio-balloon-device",
    "qemu_args": ("-device", "isa-serial,index=1,chardev=agent"),
}


def round_trip(vm):
    """Shrink, look, grow, look; then without and again with the driver."""
    vm.guest.run("memtool touch free-60", scaled(60))
    before = Books.of(vm)
    size.resize(vm, size.full(vm) - GIVEN)
    assert_exact(before, Books.of(vm), size.full(vm) - GIVEN)
    assert not frames.backed_though_ballooned(vm)
    size.resize(vm, size.full(vm))
    assert_exact(before, Books.of(vm), size.full(vm))


@pytest.mark.arch
@every_pair
@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=pytest.mark.slow if "transitional" in kind else ()) for kind in WAYS])
def test_each_way(guest_for, pair, kind):
    """Resizing is exact and the host gets the memory, however the device sits on its bus."""
    old = "on" if kind == "mmio-legacy" else "off"
    more = ("-global", f"virtio-mmio.force-legacy={old}") if "mmio" in kind else ()
    vm = guest_for(fresh=True, balloon=WAYS[kind], qemu_args=more, **pair.options)
    round_trip(vm)
    size.resize(vm, size.full(vm) - GIVEN)
    before = Books.of(vm)
    vm.guest.unload_driver(scaled(20))
    assert Books.of(vm).total == before.total + GIVEN


@every_pair
def test_mmio(guest_for, pair):
    """Resizing is exact on virtio-mmio, the transport of microvm."""
    kind, why = accel.choose()
    if kind != "kvm":
        pytest.skip(f"microvm has no clock that this kernel can use without KVM, and {why}")
    vm = guest_for(fresh=True, **MICROVM, **pair.options)
    round_trip(vm)


def test_two_balloons_are_refused_as_stock_does(guest_for):
    """A second balloon ends QEMU with stock's words."""
    words = []
    for which in ("ours", "stock"):
        with pytest.raises(LabError) as caught:
            guest_for(fresh=True, qemu=which, qemu_args=("-device", "virtio-balloon-pci,id=second"))
        text = str(caught.value)
        assert "second" in text or "balloon" in text
        words.append(text.split("virtio-balloon-pci,id=second: ")[-1])
    assert words[0] == words[1]


def test_second_balloon_cannot_be_plugged(guest_for):
    """device_add of a second one is refused in stock's words, and the first goes on working."""
    words = []
    port = ("-device", "pcie-root-port,id=free,chassis=1")
    for which in ("ours", "stock"):
        vm = guest_for(qemu=which, driver=which, qemu_args=port)
        with pytest.raises(LabError) as caught:
            vm.qmp.cmd("device_add", driver="virtio-balloon-pci", id="second", bus="free")
        words.append(str(caught.value))
        size.resize(vm, size.full(vm) - 64 * MIB)
        size.resize(vm, size.full(vm))
    assert words[0] == words[1]
