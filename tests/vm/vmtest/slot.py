# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that vanishes without the guest's consent: its PCIe slot loses power.

The guest's root cuts it behind the kernel's back. QEMU then takes the device away at
once; only when the power is back is the hot-plug driver told, and removes a device
that answers all-ones.
"""

from vmlab.vm import BALLOON_ID
from vmlab.waits import wait_for

from . import size
from .driver import BOUND, wait_bound
from .env import scaled

PCIE = 0x10  # the capability's id
SLOT_CONTROL = 0x18  # its offset in it
POWER_OFF = 0x0700  # power controller off, power indicator off
TELL = 0x0020  # interrupts of hot-plug; a slot found without power is taken for empty
SLOT = "slot1"  # its bus has that name too
# Hot-plug by the slots' own registers; by default a q35 does it through ACPI.
SLOT_ARGS = (
    "-global",
    "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
    "-device",
    f"pcie-root-port,id={SLOT},chassis=1,slot=1",
)
# A small kernel without MMCONFIG is not offered that by the firmware; the ports do it all the same.
KERNEL_ARGS = "init_on_alloc=1 pcie_ports=native"


def wait_idle(vm):
    """Until the kernel is through with the slot: it turns the power off a second after the driver
    has let go, and what is plugged in meanwhile is thrown out with it."""
    wait_for(
        lambda: vm.guest.run("grep -qs pciehp /proc/[0-9]*/stack", check=False).status,
        scaled(30),
        "the kernel to be through with the slot",
        poll=0.2,
    )


def plug(vm):
    wait_idle(vm)
    vm.qmp.cmd("device_add", driver="virtio-balloon-pci", id=BALLOON_ID, bus=SLOT)
    wait_bound(vm)


def start(guest_for, pair, **options):
    """A guest whose balloon is in a slot that can lose power."""
    options = {"kernel_args": KERNEL_ARGS, **options, **pair.options}
    vm = guest_for(fresh=True, balloon=None, qemu_args=SLOT_ARGS, **options)
    vm.pooled.keep = False  # others want their balloon elsewhere
    plug(vm)
    return vm


def octal(word):
    """16 bits, little-endian, as printf takes them."""
    return "".join(f"\\{byte:03o}" for byte in word.to_bytes(2, "little"))


class Slot:
    """The balloon's slot; looked up first, so that the cut itself is one command."""

    def __init__(self, vm):
        path = vm.guest.run(f"readlink -f {BOUND}").output.strip()
        config = path.rsplit("/", 2)[0] + "/config"
        data = bytes(
            int(word, 16)
            for word in vm.guest.run(f"hexdump -v -e '1/1 \"%02x \"' {config}").output.split()
        )
        at = data[0x34]
        while at and data[at] != PCIE:
            at = data[at + 1]
        assert at, "the balloon is not in a PCIe slot"
        at += SLOT_CONTROL
        control = int.from_bytes(data[at:][:2], "little")
        self._cut = "; ".join(
            f"printf '{octal(word)}' | dd of={config} bs=2 seek={at // 2} conv=notrunc 2>/dev/null"
            for word in (control & ~TELL | POWER_OFF, control)
        )
        self._vm = vm

    def cut(self):
        """Returns when QEMU has taken the device away; the guest may know or not."""
        self._vm.guest.run(self._cut, scaled(30))
        self._vm.qmp.wait_event(
            "DEVICE_DELETED", scaled(30), lambda data: data.get("device") == BALLOON_ID
        )


def gone(vm):
    """Whether the driver lets go of the device: it is about to, or has done so."""
    return bool(vm.guest.run(f"ls -d {BOUND}", check=False).status)


def assert_whole(vm, before):
    """In bounded time the driver has let go of the device and the guest has all its memory."""
    wait_for(lambda: gone(vm), scaled(60), "the driver to let go of the device")
    size.wait_total(vm, before.total)
    vm.guest.run("memtool touch free-100", scaled(90))
