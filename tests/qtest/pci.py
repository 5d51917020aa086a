# SPDX-License-Identifier: GPL-2.0-or-later
"""Just enough PCI to reach one virtio device through ports 0xcf8/0xcfc, on bus 0 or
behind a PCIe root port, and the two virtio interfaces on it, modern and legacy, with
the same methods.
"""

MODERN_BAR = 0xE0000000
MSIX_BAR = MODERN_BAR + 0x80000
FOREIGN_BAR = MODERN_BAR + (1 << 24)  # of some other device, where a test has one
FOREIGN_SLOT = 6
LEGACY_BAR = 0xC000

# In the common configuration.
COMMON_STATUS = 0x14  # device_status
COMMON_QUEUE = 0x16  # queue_select
COMMON_QUEUE_VECTOR = 0x1A
COMMON_QUEUE_RESET = 0x3A
STATUS_ACKNOWLEDGE = 1
STATUS_DRIVER = 2
STATUS_DRIVER_OK = 4
STATUS_FEATURES_OK = 8
STATUS_NEEDS_RESET = 64

F_RING_RESET = 40
F_VERSION_1 = 32


CAP_VENDOR, CAP_EXPRESS, CAP_MSIX = 0x09, 0x10, 0x11
DEVCTL, SLTCTL = 0x08, 0x18  # registers of the PCI Express capability
FLR = 1 << 15  # of DEVCTL: function-level reset
# Of SLTCTL: power alone, and with the indicator, which plugs and unplugs.
POWER_OFF_BIT, POWER_OFF, POWER_ON = 0x400, 0x700, 0x100
COMMAND_MASTER = 4
BRIDGE_CONTROL, BUS_RESET = 0x3E, 0x40  # of the root port; the bit resets the bus below

PORT_SLOT = 5
PORT = ("-device", f"pcie-root-port,id=rp,chassis=1,addr={PORT_SLOT:#x}",
        # or the power of its slot would not plug and unplug
        "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")
MMCONFIG = 0xB0000000


class PciDevice:
    def __init__(self, machine, slot, bus=0):
        self.m = machine
        self.slot = slot
        self.bus = bus

    def _select(self, offset):
        self.m.io_write(4, 0xCF8, 1 << 31 | self.bus << 16 | self.slot << 11 | offset & 0xFC)

    def capabilities(self, kind):
        """Where those of this kind are in configuration space."""
        at = self.config_read(1, 0x34) if self.config_read(2, 6) & 0x10 else 0
        for _ in range(48):  # all that have room: without a device there is no end
            if not at:
                return
            if self.config_read(1, at) == kind:
                yield at
            at = self.config_read(1, at + 1)

    def capability(self, kind):
        """The first of them; 0: none."""
        return next(self.capabilities(kind), 0)

    def mmconfig(self, offset):
        """The address of a register in q35's MMCONFIG, which this switches on."""
        PciDevice(self.m, 0).config_write(4, 0x60, MMCONFIG | 1)
        return MMCONFIG + (self.bus << 20 | self.slot << 15) + offset

    def express(self, register):
        """The same for a register of the PCI Express capability."""
        return self.mmconfig(self.capability(CAP_EXPRESS) + register)

    def config_read(self, size, offset):
        self._select(offset)
        return self.m.io_read(size, 0xCFC + offset % 4)

    def config_write(self, size, offset, value):
        self._select(offset)
        self.m.io_write(size, 0xCFC + offset % 4, value)

    def config_space(self):
        return [self.config_read(4, at) for at in range(0, 256, 4)]

    def enable(self):
        self.config_write(2, 4, 7)

    def virtio_caps(self):
        """{cfg_type: (bar, offset, length, notify multiplier)} of the modern interface."""
        caps = {}
        for at in self.capabilities(CAP_VENDOR):
            kind = self.config_read(1, at + 3)
            caps.setdefault(kind, (self.config_read(1, at + 4), self.config_read(4, at + 8),
                                   self.config_read(4, at + 12),
                                   self.config_read(4, at + 16) if kind == 2 else 0))
        return caps


class Modern:
    """The virtio 1.x interface; registers in a memory BAR."""

    name = "modern"
    ring_align = 64

    def __init__(self, machine, slot, bus=0, at=MODERN_BAR):
        self.m = machine
        self.pci = PciDevice(machine, slot, bus)
        caps = self.pci.virtio_caps()
        if not caps:
            raise AssertionError("no modern interface on this device")
        bar = caps[1][0]
        self.pci.config_write(4, 0x10 + 4 * bar, at)
        self.pci.config_write(4, 0x14 + 4 * bar, 0)
        self.pci.enable()
        self.common = at + caps[1][1]
        self.notify = at + caps[2][1]
        self.multiplier = caps[2][3]
        self.isr_at = at + caps[3][1]
        self.config_at = at + caps[4][1]
        self.config_length = caps[4][2]

    def _set(self, size, offset, value):
        self.m.mem_write(size, self.common + offset, value)

    def _get(self, size, offset):
        return self.m.mem_read(size, self.common + offset)

    def set_status(self, value):
        self._set(1, COMMON_STATUS, value)

    def status(self):
        return self._get(1, COMMON_STATUS)

    def offered(self):
        bits = 0
        for half in (0, 1):
            self._set(4, 0, half)
            bits |= self._get(4, 4) << 32 * half
        return bits

    def accept(self, bits):
        bits |= 1 << F_VERSION_1
        for half in (0, 1):
            self._set(4, 8, half)
            self._set(4, 0xC, bits >> 32 * half & 0xFFFFFFFF)
        self.set_status(self.status() | STATUS_FEATURES_OK)
        return bool(self.status() & STATUS_FEATURES_OK)

    def queue_size(self, index):
        self._set(2, COMMON_QUEUE, index)
        return self._get(2, 0x18)

    def enable_queue(self, index, ring):
        self._set(2, COMMON_QUEUE, index)
        self._set(2, 0x18, ring.size)
        for offset, address in ((0x20, ring.desc), (0x28, ring.avail), (0x30, ring.used)):
            self._set(4, offset, address & 0xFFFFFFFF)
            self._set(4, offset + 4, address >> 32)
        self._set(2, 0x1C, 1)

    def reset_queue(self, index):
        self._set(2, COMMON_QUEUE, index)
        self._set(2, COMMON_QUEUE_RESET, 1)

    def doorbell(self, index):
        """The register that a kick writes the queue's number to."""
        self._set(2, COMMON_QUEUE, index)
        return self.notify + self._get(2, 0x1E) * self.multiplier

    def kick(self, index):
        self.m.mem_write(2, self.doorbell(index), index)

    def message(self, index, address, data):
        """Has buffers of a queue announced by an MSI-X message, this write. False: has no MSI-X."""
        cap = self.pci.capability(CAP_MSIX)
        if not cap:
            return False
        table = self.pci.config_read(4, cap + 4)
        self.pci.config_write(4, 0x10 + 4 * (table & 7), MSIX_BAR)
        for offset, value in ((0, address & 0xFFFFFFFF), (4, address >> 32), (8, data), (12, 0)):
            self.m.mem_write(4, MSIX_BAR + (table & ~7) + offset, value)
        self.pci.config_write(2, cap + 2, 0x8000)
        self._set(2, COMMON_QUEUE, index)
        self._set(2, COMMON_QUEUE_VECTOR, 0)
        return True

    def isr(self):
        return self.m.mem_read(1, self.isr_at)

    def config_read(self, offset, size=4):
        return self.m.mem_read(size, self.config_at + offset)

    def config_write(self, offset, value, size=4):
        self.m.mem_write(size, self.config_at + offset, value)


class Port:
    """The power of the root port's slot."""

    def __init__(self, machine):
        self.pci = PciDevice(machine, PORT_SLOT)
        self.sltctl = self.pci.capability(CAP_EXPRESS) + SLTCTL

    def is_off(self):
        return bool(self.pci.config_read(2, self.sltctl) & POWER_OFF_BIT)

    def switch_on(self):
        self.pci.config_write(2, self.sltctl, POWER_ON)

    def cut(self):
        """Without a word: a device there is reset, and back when it is switched on."""
        self.pci.config_write(2, self.sltctl, POWER_ON | POWER_OFF_BIT)

    def switch_off(self):
        """A device there is unplugged."""
        self.pci.config_write(2, self.sltctl, POWER_OFF)


def behind_port(machine, _slot):
    """The modern interface of the device behind the root port PORT, made reachable."""
    port = PciDevice(machine, PORT_SLOT)
    port.config_write(4, 0x18, 0x010100)  # buses: 0 above, 1 below
    port.config_write(4, 0x20, MODERN_BAR | MODERN_BAR >> 16)  # 1 MiB of memory
    port.config_write(4, 0x24, 0xFFF0)  # and none that can be prefetched: it ends below its start
    port.config_write(4, 0x28, 0xFFFFFFFF)
    port.config_write(4, 0x2C, 0)
    port.config_write(2, BRIDGE_CONTROL, 0)
    port.enable()
    return Modern(machine, 0, bus=1)


class Legacy:
    """The interface before virtio 1.0; registers in an I/O BAR, one PFN for each queue."""

    name = "legacy"
    ring_align = 4096

    def __init__(self, machine, slot):
        self.m = machine
        self.pci = PciDevice(machine, slot)
        self.pci.config_write(4, 0x10, LEGACY_BAR)
        self.pci.enable()

    def set_status(self, value):
        self.m.io_write(1, LEGACY_BAR + 0x12, value)

    def status(self):
        return self.m.io_read(1, LEGACY_BAR + 0x12)

    def offered(self):
        return self.m.io_read(4, LEGACY_BAR)

    def accept(self, bits):
        self.m.io_write(4, LEGACY_BAR + 4, bits & 0xFFFFFFFF)
        return True

    def queue_size(self, index):
        self.m.io_write(2, LEGACY_BAR + 0xE, index)
        return self.m.io_read(2, LEGACY_BAR + 0xC)

    def enable_queue(self, index, ring):
        if self.queue_size(index) != ring.size:
            raise AssertionError("a legacy ring has the size the device says")
        self.m.io_write(4, LEGACY_BAR + 8, ring.desc >> 12)

    def kick(self, index):
        self.m.io_write(2, LEGACY_BAR + 0x10, index)

    def isr(self):
        return self.m.io_read(1, LEGACY_BAR + 0x13)

    # 20 bytes of header, as there is no MSI-X
    def config_read(self, offset, size=4):
        return self.m.io_read(size, LEGACY_BAR + 0x14 + offset)

    def config_write(self, offset, value, size=4):
        self.m.io_write(size, LEGACY_BAR + 0x14 + offset, value)
