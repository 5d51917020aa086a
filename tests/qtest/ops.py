# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's half of page ops (spec/page-ops.md), by hand."""

import struct

import pci
from balloon import (F_FREE_PAGE_HINT, F_PAGE_POISON, F_REPORTING, F_STATS_VQ, PAGE, SPEC,
                     Balloon)
from ring import WRITE

F_PAGE_OPS = SPEC["VIRTIO_BALLOON_F_PAGE_OPS"]
TYPE = {"I": SPEC["VIRTIO_BALLOON_OP_INFLATE"], "D": SPEC["VIRTIO_BALLOON_OP_DEFLATE"],
        "S": SPEC["VIRTIO_BALLOON_OP_SWAP"]}
STATUS = {name: SPEC["VIRTIO_BALLOON_OPS_" + name]
          for name in ("OK", "MALFORMED", "NOT_RAM", "WRONG_STATE", "INHIBITED")}
NAME = {number: name for name, number in STATUS.items()}
CONFIG = SPEC["VIRTIO_BALLOON_OPS_CONFIG_OFFSET"]
QUEUED = (F_STATS_VQ, F_FREE_PAGE_HINT, F_REPORTING)
SENTINEL = b"\xee"


def op(kind, page, *rest, reserved=0, byte=0):
    """The 24 bytes of `I page n`, `D page n` or `S page new n`; addresses in pages."""
    new, count = rest if len(rest) == 2 else (0, rest[0])
    return struct.pack("<HHIQQ", TYPE.get(kind, kind), reserved, count, page * PAGE + byte,
                       new * PAGE)


def raw(kind, addr, count, new_addr=0):
    return struct.pack("<HHIQQ", TYPE.get(kind, kind), 0, count, addr, new_addr)


class OpsBalloon(Balloon):
    """A driver that uses page ops; it sets up the queues of what it accepts, as Linux does."""

    def __init__(self, machine, interface=pci.Modern, features=None, queues=None, **kw):
        if features is None:
            features = 1 << F_STATS_VQ | 1 << F_PAGE_POISON | 1 << pci.F_RING_RESET
        self.number = 2 + sum(features >> bit & 1 for bit in QUEUED)
        if not isinstance(queues, (list, tuple)):
            queues = range(self.number + 1)
        super().__init__(machine, interface, features | 1 << F_PAGE_OPS, queues, **kw)

    @property
    def opsq(self):
        return self.ring[self.number]

    def offer(self, data, room=8):
        """A buffer without a kick: (head, where its status will be)."""
        status = self.place(SENTINEL * max(room, 1))
        parts = [(self.place(data), len(data), 0)] if data else []
        return self.opsq.add(parts + [(status, room, WRITE)]), status

    def status_at(self, at):
        status, index = struct.unpack("<II", self.m.read(at, 8))
        return NAME[status], index

    def send_raw(self, data):
        """One buffer there and back: (name of the status, index)."""
        head, at = self.offer(data)
        self.kick(self.number)
        assert self.wait_used(self.number) == [(head, 8)]
        return self.status_at(at)

    def do(self, *ops):
        return self.send_raw(b"".join(op(*o) for o in ops))

    def ok(self, *ops):
        assert self.do(*ops) == ("OK", len(ops))

    def holds(self, *runs):
        """Whether exactly these (page, n) are ballooned. Deflates them, as the
        ledger answers for single pages only by what may leave."""
        assert self.shown("balloon-pages") == sum(n for _, n in runs)
        for page, n in runs:
            self.ok(("D", page, n))
        return self.shown("balloon-pages") == 0
