# SPDX-License-Identifier: GPL-2.0-or-later
"""A split virtqueue in guest memory, driven by hand: any chain can be put on
it, also one that no driver would make.
"""

import struct

NEXT = 1
WRITE = 2
INDIRECT = 4


class Ring:
    """Lays the ring out at base (page aligned), the way legacy devices want it."""

    def __init__(self, machine, base, size=128):
        self.m = machine
        self.base = base
        self.size = size
        self.desc = base
        self.avail = base + 16 * size
        self.used = (self.avail + 6 + 2 * size + 4095) & ~4095
        self.end = (self.used + 6 + 8 * size + 4095) & ~4095
        self.clear()

    def clear(self):
        self.m.write(self.base, bytes(self.end - self.base))
        self.next_desc = 0
        self.avail_index = 0
        self.seen = 0

    def put_desc(self, index, address, length, flags=0, following=0):
        self.m.write(self.desc + 16 * index,
                     struct.pack("<QIHH", address, length, flags, following))

    def offer(self, head):
        """Makes a chain available; it is seen at the next kick."""
        self.m.write(self.avail + 4 + 2 * (self.avail_index % self.size),
                     struct.pack("<H", head))
        self.avail_index += 1
        self.m.write(self.avail + 2, struct.pack("<H", self.avail_index & 0xFFFF))

    def add(self, parts):
        """Offers a chain of (address, length, flags) and gives its head."""
        indexes = [(self.next_desc + i) % self.size for i in range(len(parts))]
        self.next_desc = (self.next_desc + len(parts)) % self.size
        for i, (address, length, flags) in enumerate(parts):
            last = i + 1 == len(parts)
            self.put_desc(indexes[i], address, length, flags | (0 if last else NEXT),
                          0 if last else indexes[i + 1])
        self.offer(indexes[0])
        return indexes[0]

    def indirect(self, place, parts):
        """The one part that stands for these, in a table that place() finds room for."""
        last = len(parts) - 1
        table = b"".join(struct.pack("<QIHH", address, length, flags | (NEXT if i < last else 0),
                                     i + 1 if i < last else 0)
                         for i, (address, length, flags) in enumerate(parts))
        return place(table), len(table), INDIRECT

    def used_index(self):
        return struct.unpack("<H", self.m.read(self.used + 2, 2))[0]

    def take_used(self):
        """[(head, length)] of what came back since the last call."""
        done = []
        while self.seen & 0xFFFF != self.used_index():
            at = self.used + 4 + 8 * (self.seen % self.size)
            done.append(struct.unpack("<II", self.m.read(at, 8)))
            self.seen += 1
        return done

    def no_notify(self):
        """Whether the device asks not to be kicked."""
        return bool(struct.unpack("<H", self.m.read(self.used, 2))[0] & 1)
