# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's half of a balloon, by hand: bring-up, buffers of PFNs, answers.
Numbers are those of spec/virtio_balloon.h, read from there.
"""

import copy
import pathlib
import re
import struct

import pci
from ring import Ring

PAGE = 4096
SLOT = 4
MIB = 1 << 20

_HEADER = pathlib.Path(__file__).resolve().parents[2] / "spec/virtio_balloon.h"
SPEC = {name: int(value) for name, value in re.findall(
    r"^(?:#define|\t)\s*(VIRTIO_BALLOON_\w+)(?:\s+|\s*=\s*)(\d+)\b", _HEADER.read_text(), re.M)}

F_MUST_TELL_HOST = SPEC["VIRTIO_BALLOON_F_MUST_TELL_HOST"]
F_STATS_VQ = SPEC["VIRTIO_BALLOON_F_STATS_VQ"]
F_DEFLATE_ON_OOM = SPEC["VIRTIO_BALLOON_F_DEFLATE_ON_OOM"]
F_FREE_PAGE_HINT = SPEC["VIRTIO_BALLOON_F_FREE_PAGE_HINT"]
F_PAGE_POISON = SPEC["VIRTIO_BALLOON_F_PAGE_POISON"]
F_REPORTING = SPEC["VIRTIO_BALLOON_F_REPORTING"]

INFLATE, DEFLATE, STATS = 0, 1, 2
QUEUE_MAX = 1024

# Where the driver keeps its things; the tests balloon memory above.
RINGS = 1 * MIB
BUFFERS = 2 * MIB
PLAY = 64 * MIB  # memory to balloon

# Names of our own read-only properties.
SHOWN = ("balloon-pages", "withheld-pages", "inhibited", "rejected-pfns", "repeated-pfns",
         "stray-pfns", "rejected-buffers", "discards", "discarded-bytes", "failed-discards",
         "reported-bytes", "page-ops-negotiated", "ops-inflates", "ops-deflates", "ops-swaps",
         "ops-malformed", "ops-not-ram", "ops-wrong-state", "ops-inhibited", "closed-buffers",
         "target-unreached", "whole-block-pages", "block-size", "dropped-pages", "resident-pages")


class Balloon:
    """A driver of the device with id "balloon" in slot SLOT.

    queues: how many it sets up from number 0 on, or a list of numbers.
    ring: what these are, ring.Ring or packed.PackedRing.
    sizes: {number: entries} of queues that are not as long as the device says.
    used: {number: address} of rings whose part for the device is no memory, or elsewhere.
    """

    def __init__(self, machine, interface=pci.Modern, features=None, queues=3, ring=Ring,
                 sizes=None, used=None, driver_ok=True):
        self.m = machine
        self.driver_ok = driver_ok
        self.make_ring = ring
        self.sizes = sizes or {}
        self.used = used or {}
        self.io = interface(machine, SLOT)
        self.features = features
        self.queues = range(queues) if isinstance(queues, int) else queues
        self.buffer = BUFFERS
        self.bring_up()

    def bring_up(self):
        io = self.io
        io.set_status(0)
        io.set_status(pci.STATUS_ACKNOWLEDGE | pci.STATUS_DRIVER)
        wanted = self.features
        if wanted is None:
            wanted = io.offered() & (1 << F_STATS_VQ | 1 << F_MUST_TELL_HOST |
                                     1 << F_DEFLATE_ON_OOM | 1 << F_PAGE_POISON |
                                     1 << F_REPORTING | 1 << F_FREE_PAGE_HINT |
                                     1 << pci.F_RING_RESET)
        assert io.accept(wanted), "the device refuses features it offered"
        self.ring = {}
        base = RINGS
        for index in self.queues:
            ring = self.make_ring(self.m, base, self.sizes.get(index) or io.queue_size(index))
            ring.used = self.used.get(index, ring.used)
            io.enable_queue(index, ring)
            self.ring[index] = ring
            base = ring.end
        if self.driver_ok:
            io.set_status(io.status() | pci.STATUS_DRIVER_OK)

    def queue_sizes(self, *asked):
        """Whether the queues from number 0 on have these sizes. Later QEMUs (10.0.13 is one) make
        every queue as long as it can be, whatever its device asks for."""
        found = [self.io.queue_size(i) for i in range(len(asked))]
        longest = [QUEUE_MAX if size else 0 for size in asked]
        return found in (list(asked), longest)

    def shown(self, name):
        return self.m.qmp("qom-get", path="/machine/peripheral/balloon", property=name)

    def place(self, data):
        """Puts data where a buffer may point at it."""
        at = self.buffer
        self.m.write(at, data)
        self.buffer = (at + len(data) + 63) & ~63
        return at

    def pfns(self, pfns):
        return self.place(struct.pack(f"<{len(pfns)}I", *pfns))

    def queue(self, index, pfns):
        """Offers a buffer without a kick."""
        return self.ring[index].add([(self.pfns(pfns), 4 * len(pfns), 0)])

    def kick(self, index):
        self.io.kick(index)

    def wait_used(self, index, count=1):
        done = []
        self.m.until(lambda: done.extend(self.ring[index].take_used()) or len(done) >= count,
                     f"{count} buffers back on queue {index}")
        assert len(done) == count
        return done

    def send(self, index, pfns):
        """One buffer there and back; the used length must be 0."""
        head = self.queue(index, pfns)
        self.kick(index)
        done = self.wait_used(index)
        assert done == [(head, 0)]

    def inflate(self, gpa, pages):
        for at in range(0, pages, 1024):
            n = min(1024, pages - at)
            self.send(INFLATE, [gpa // PAGE + at + i for i in range(n)])

    def deflate(self, gpa, pages):
        self.send(DEFLATE, [gpa // PAGE + i for i in range(pages)])

    def stats(self, tags):
        data = b"".join(struct.pack("<HQ", tag, value) for tag, value in tags)
        return self.ring[STATS].add([(self.place(data), len(data), 0)])

    def guest_stats(self):
        return self.shown("guest-stats")

    def needs_reset(self):
        return bool(self.io.status() & pci.STATUS_NEEDS_RESET)


def on(machine, thing):
    """A copy of a driver's part for another machine."""
    other = copy.copy(thing)
    other.m = machine
    return other


def moved(driver, target):
    """The same driver, on the other side of a migration."""
    other = on(target, driver)
    other.io = on(target, driver.io)
    other.io.pci = on(target, driver.io.pci)
    other.ring = {index: on(target, ring) for index, ring in driver.ring.items()}
    return other
