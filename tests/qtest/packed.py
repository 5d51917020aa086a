# SPDX-License-Identifier: GPL-2.0-or-later
"""A packed virtqueue in guest memory (VIRTIO 2.8), with the methods of ring.Ring and
the one that matters here: whether the device wants to be told of what was added.
"""

import struct

from ring import INDIRECT, NEXT

AVAIL = 1 << 7
USED = 1 << 15

F_EVENT_IDX = 29
F_PACKED = 34
FEATURES = 1 << F_EVENT_IDX | 1 << F_PACKED

# The device's event suppression (2.8.14).
ALWAYS, NEVER, AT_DESCRIPTOR = range(3)


class Cursor:
    """A place in the ring and the wrap counter there."""

    def __init__(self):
        self.at = 0
        self.wrap = 1

    def forward(self, count, size):
        self.at += count
        if self.at >= size:
            self.at -= size
            self.wrap ^= 1


class PackedRing:
    def __init__(self, machine, base, size=128):
        self.m = machine
        self.base = base
        self.size = size
        self.desc = base
        self.avail = base + 16 * size  # the driver's event suppression: always tell it
        self.used = self.avail + 4
        self.end = (self.used + 4 + 4095) & ~4095
        self.clear()

    def clear(self):
        self.m.write(self.base, bytes(self.end - self.base))
        self.next = Cursor()
        self.seen = Cursor()
        self.told = 0  # added since the last question
        self.lengths = {}
        self.last_id = 0

    def add(self, parts):
        """Offers a chain of (address, length, flags) and gives its buffer id."""
        buffer = self.last_id = (self.last_id + 1) % self.size
        self.lengths[buffer] = len(parts)
        first = None
        for i, (address, length, flags) in enumerate(parts):
            flags |= (AVAIL if self.next.wrap else USED) | (NEXT if i + 1 < len(parts) else 0)
            at = self.desc + 16 * self.next.at
            self.m.write(at, struct.pack("<QIH", address, length, buffer))
            if i:
                self.m.write(at + 14, struct.pack("<H", flags))
            else:
                first = at, flags
            self.next.forward(1, self.size)
        # the first one last: with it the whole chain is seen
        self.m.write(first[0] + 14, struct.pack("<H", first[1]))
        self.told += len(parts)
        return buffer

    def indirect(self, place, parts):
        """The one part that stands for these, in a table that place() finds room for."""
        table = b"".join(struct.pack("<QIHH", address, length, 0, flags)
                         for address, length, flags in parts)
        return place(table), len(table), INDIRECT

    def take_used(self):
        """[(buffer id, length)] of what came back since the last call."""
        done = []
        while True:
            at = self.desc + 16 * self.seen.at
            _, length, buffer, flags = struct.unpack("<QIHH", self.m.read(at, 16))
            marks = flags & (AVAIL | USED)
            if marks != (AVAIL | USED if self.seen.wrap else 0):
                return done
            if buffer not in self.lengths:
                return done  # never offered: zeroes of a fresh ring
            done.append((buffer, length))
            self.seen.forward(self.lengths.pop(buffer), self.size)

    def wants_kick(self):
        """Whether the device asked to be told of what was added since the last question."""
        where, how = struct.unpack("<HH", self.m.read(self.used, 4))
        added, self.told = self.told, 0
        if how != AT_DESCRIPTOR:
            return how == ALWAYS
        place = where & 0x7FFF
        behind = self.next.at - place
        if where >> 15 != self.next.wrap:
            behind += self.size
        return 0 < behind <= added
