# SPDX-License-Identifier: GPL-2.0-or-later
"""Bursts that no driver would make: descriptors of any address, length and flag,
loops, indirect tables, ring indexes from nowhere, rings in odd places. What
they do to the balloon is nobody's guess; what must hold is in rig.check().
"""

import struct

import pci
from balloon import BUFFERS, PAGE, QUEUE_MAX, RINGS
from oracle import OP_BYTES
from packed import AVAIL, USED, PackedRing
from ring import INDIRECT, NEXT, WRITE

LENGTHS = (0, 1, 3, 4, 7, 8, 10, 16, 23, 24, 25, 48, 256, 1024, 4096, 8192, 65536, 1 << 20, 1 << 24,
           1 << 28, 0x7FFFFFFF, 0x80000000, 0xFFFFF000, 0xFFFFFFFF)
# Flash, interrupt controllers, HPET, VGA, firmware shadows, the hole below 4 GiB.
ODD_PLACES = (0xFFFFF000, 0xFFFC0000, 0xFEE00000, 0xFEC00000, 0xFED00000, 0xA0000, 0xC0000, 0xE0000,
              0xD0000000, 1 << 40, (1 << 52) - 4096, 1 << 63, (1 << 64) - 4096, (1 << 64) - 1)
# The head of a chain whose byte in the used ring has the bit of a function-level reset.
HEAD = 0x80


class Wild:
    def __init__(self, rig):
        self.rig = rig
        self.rng = rig.rng

    def rings(self, queues):
        """Sizes and places of rings for a driver that is out for registers: what the device
        writes of a head, an index, a flag or an event falls on one."""
        rng, sizes, used = self.rng, {}, {}
        for queue in () if self.rig.legacy else queues:
            if rng.random() < 0.4:
                sizes[queue] = rng.choice((2, 4, 256, 1024))
            if self.rig.port and rng.random() < 0.4:
                # a head of HEAD, or any event of a packed ring, is a reset there
                sizes[queue] = 256
                used[queue] = self.rig.devctl + rng.choice((0, 1 - 4, 1 - 4, 1 - 4 - 8))
            elif rng.random() < 0.4:
                size = sizes.get(queue, 128)
                used[queue] = max(self.register() - rng.choice((
                    0, 0, 1, 2, 3, 4, 5, 8, 12, 4 + 8 * size, 4 + 8 * size - 2)), 0)
        return {"sizes": sizes, "used": used}

    def register(self):
        return self.rng.choice(self.rig.registers)

    def messages(self):
        """Interrupt messages that go to registers."""
        rng, io = self.rng, self.rig.b.io
        if not self.rig.legacy:
            self.rig.note("interrupt messages")
            io.message(rng.choice(list(self.rig.b.ring)), self.register() & ~3,
                       rng.choice((0, 0x8000, 0x700, 0x400, 0x40, rng.getrandbits(32))))

    def ram_address(self):
        rng = self.rng
        area = rng.choice(self.rig.ram)
        pick = rng.random()
        if pick < 0.4:
            return 16 * (1 << 20) + rng.randrange(4096) * PAGE
        if pick < 0.6:
            return rng.randrange(*area) & ~(PAGE - 1)
        if pick < 0.8:
            return area[1] - rng.choice((1, 2, 16, 1024)) * PAGE
        return rng.choice((RINGS, RINGS + PAGE, BUFFERS, BUFFERS + 8 * PAGE))

    def address(self):
        rng = self.rng
        pick = rng.random()
        if pick < 0.7:
            at = self.ram_address()
        elif pick < 0.85:
            return self.register()
        else:
            at = rng.choice(ODD_PLACES)
        if rng.random() < 0.2:
            at += rng.randrange(-PAGE, PAGE)
        return at & (1 << 64) - 1

    def payload(self, size):
        """Bytes that are almost PFNs, operations, statistics, or an id."""
        rng = self.rng
        kind = rng.randrange(5)
        if kind == 0:
            data = rng.randbytes(size)
        elif kind == 1:
            first = self.ram_address() // PAGE
            steps = (rng.choice((i, i, i, -i, rng.randrange(1 << 20)))
                     for i in range(size // 4 + 1))
            data = b"".join(struct.pack("<I", (first + step) & 0xFFFFFFFF) for step in steps)
        elif kind == 2:
            data = b"".join(self.op() for _ in range(size // OP_BYTES + 1))
        elif kind == 3:
            data = b"".join(struct.pack("<HQ", rng.randrange(20), rng.getrandbits(64))
                            for _ in range(size // 10 + 1))
        else:
            data = struct.pack("<I", rng.randrange(6)) * (size // 4 + 1)
        return data[:size]

    def op(self):
        rng = self.rng
        count = rng.choice((0, 1, 1, 2, 8, 512, 4096, 1 << 20, 0xFFFFFFFF))
        kind = rng.choice((1, 1, 2, 2, 3, 3, 0, 9))
        new = self.address() if kind == 3 or rng.random() < 0.05 else 0
        return struct.pack("<HHIQQ", kind, rng.random() < 0.05, count, self.address(), new)

    def descriptor(self, size):
        """Mostly a part of some chain that might be taken."""
        rng = self.rng
        pick = rng.random()
        flags = rng.choice((0, NEXT, NEXT, WRITE, WRITE | NEXT, INDIRECT, rng.getrandbits(16)))
        if pick < 0.5:
            length = rng.choice((4, 8, 24, 48, 240, 1024, 4096))
            address = self.rig.b.place(self.payload(min(length, 2048)))
        else:
            length = rng.choice(LENGTHS) if rng.random() < 0.9 else rng.getrandbits(32)
            address = self.address()
        if flags & INDIRECT:
            n = rng.choice((0, 1, 2, 5, 16))
            table = b"".join(struct.pack("<QIHH", self.address(), rng.choice(LENGTHS),
                                         rng.choice((0, NEXT, WRITE, NEXT | WRITE, INDIRECT)),
                                         rng.choice((i + 1, i + 1, i, rng.getrandbits(16))))
                             for i in range(n))
            address = self.rig.b.place(table or b"\0")
            length = rng.choice((16 * n, 16 * n, 16 * n + 8, 0xFFFFFFF0))
        following = rng.choice((rng.randrange(max(size, 1)), 0, size, 0xFFFF, 1, 2, 3))
        return address, length, flags, following

    def good_chain(self, number):
        """A chain in order: readable then writable parts, to a place that may be no memory."""
        rng, b = self.rng, self.rig.b
        ring = b.ring[number]
        if not isinstance(ring, PackedRing) and rng.random() < (0.6 if ring.size > HEAD else 0.2):
            ring.next_desc = rng.choice((0, 7, HEAD, HEAD, HEAD + 1)) % ring.size
        data = self.payload(rng.choice((4, 16, 24, 96, 240, 1024)))
        parts = [(b.place(data), len(data), 0)] if rng.random() < 0.9 else []
        if rng.random() < 0.8:
            parts += [(self.address(), rng.choice((8, 8, 16, 4096, 1 << 21)), WRITE)
                      for _ in range(rng.choice((1, 1, 1, 3)))]
        if parts:
            b.ring[number].add(parts)

    def chains(self, number):
        rng, b = self.rng, self.rig.b
        ring = b.ring[number]
        b.buffer = BUFFERS
        packed = isinstance(ring, PackedRing)
        if rng.random() < 0.6 or packed and rng.random() < 0.5:
            for _ in range(rng.choice((1, 2, 5, 20))):
                self.good_chain(number)
        elif packed:
            for _ in range(rng.choice((1, 3, 10))):
                address, length, flags, following = self.descriptor(ring.size)
                self.rig.m.write(ring.desc + 16 * rng.randrange(ring.size),
                                 struct.pack("<QIHH", address, length, following,
                                             flags | rng.choice((0, AVAIL, USED, AVAIL | USED))))
        else:
            for _ in range(rng.choice((1, 3, 10, 30))):
                at = rng.randrange(ring.size)
                ring.put_desc(at, *self.descriptor(ring.size))
                if rng.random() < 0.7:
                    ring.offer(at)
            if rng.random() < 0.1:
                ring.avail_index += rng.choice((1, ring.size, ring.size + 1, 0x7FFF, 0xFFFF))
                ring.offer(rng.choice((0, ring.size, 0xFFFF)))
        if rng.random() < 0.05:  # the used index, or the flags of a ring
            self.rig.m.write(rng.choice((ring.used, ring.used + 2, ring.avail)), rng.randbytes(2))

    def odd_setup(self):
        """Rings in odd places and of odd sizes, on any number. A size grows no more until
        the next reset: QEMU aborts, with any device, where a queue that is at work gets more
        entries than it has mapped (memory_ldst_cached.h.inc, addr < cache->len)."""
        rng, rig = self.rng, self.rig
        io, number = rig.b.io, rng.randrange(8)
        rig.note("odd setup of queue", number)
        if rig.legacy:
            rig.m.io_write(2, pci.LEGACY_BAR + 0xE, number)
            rig.m.io_write(4, pci.LEGACY_BAR + 8, (self.address() >> 12) & 0xFFFFFFFF)
            return
        rig.m.mem_write(2, io.common + 0x16, number)
        mapped = rig.m.mem_read(2, io.common + 0x18)
        size = rng.choice((0, 1, 2, 3, 64, 128, 1024, 32768, 65535))
        if not mapped < size <= QUEUE_MAX:  # what is above that the device refuses
            rig.m.mem_write(2, io.common + 0x18, size)
        for offset in (0x20, 0x28, 0x30):
            if rng.random() < 0.6:
                at = self.address()
                rig.m.mem_write(4, io.common + offset, at & 0xFFFFFFFF)
                rig.m.mem_write(4, io.common + offset + 4, at >> 32)
        rig.m.mem_write(2, io.common + 0x1C, 1)

    def onto_registers(self):
        """Page operations whose statuses go to the device's own registers. Without a kick:
        what finds them is the device's own timer, a stop, or a later kick."""
        rng, b = self.rng, self.rig.b
        number = max(b.ring)
        b.buffer = BUFFERS
        self.rig.note("statuses onto registers, queue", number)
        for _ in range(rng.choice((2, 3, 6))):
            # the index counts to what a register takes for a reset, or power off
            n = rng.choice((1, 1, 0x40, 0x80, 0x400, 0x700))
            first = 5000 + rng.randrange(4000)
            ops = b"".join(struct.pack("<HHIQQ", 1 + (i & 1), 0, 1, (first + i // 2) * PAGE, 0)
                           for i in range(n)) + bytes(rng.choice((0, OP_BYTES)))
            at = self.register() if rng.random() < 0.7 else BUFFERS - PAGE
            cut = rng.choice((0, 3, 4, 4, 7))  # of the status, what comes before the register
            parts = [(b.place(ops), len(ops), 0)]
            parts += [(b.place(bytes(8)), cut, WRITE)] if cut else []
            parts += [(at, rng.choice((1, 4)), WRITE), (b.place(bytes(8)), 8, WRITE)]
            b.ring[number].add(parts)
            if rng.random() < 0.4:
                b.kick(number)

    def burst(self):
        rng, b = self.rng, self.rig.b
        if rng.random() < 0.2:
            self.onto_registers()
            return
        touched = [rng.choice(list(b.ring)) for _ in range(rng.choice((1, 1, 2, 4)))]
        self.rig.note("wild chains on", touched)
        for number in touched:
            self.chains(number)
        for number in touched + ([rng.randrange(8)] if rng.random() < 0.1 else []):
            b.kick(number)
