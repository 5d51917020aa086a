# SPDX-License-Identifier: GPL-2.0-or-later
"""Bursts of a driver that keeps the ring's rules and names whatever pages it
likes. What comes of them is foretold by oracle.py: the ledger's count, the
status of page operations, the device's counters, and that no page outside the
balloon loses what it holds.
"""

import base64
import struct

import stream
from balloon import BUFFERS, PAGE, SPEC
from oracle import INHIBITED, OP_BYTES, Oracle
from rig import Finding
from ring import WRITE

WINDOW = 16 * (1 << 20) // PAGE  # pages that most requests are about
WINDOW_PAGES = 2048
FILLED = 48  # pages at the window's start whose contents are watched
F_INDIRECT = 28
HINT_STOP, HINT_DONE = SPEC["VIRTIO_BALLOON_CMD_ID_STOP"], SPEC["VIRTIO_BALLOON_CMD_ID_DONE"]
LARGE = 1 << 15  # pages; the device keeps its ledger in chunks of so many
PARTS_MAX = 8  # descriptors that offer() makes at the most
WATCHED = ("balloon-pages", "withheld-pages", "rejected-pfns", "stray-pfns",
           "repeated-pfns")


class Tracked:
    def __init__(self, rig, host):
        self.rig = rig
        self.rng = rig.rng
        self.host = host
        self.oracle = Oracle(rig.ram)
        self.gone = set()  # watched pages that may hold anything

    def begin(self):
        """The driver comes up anew: an empty balloon."""
        rig = self.rig
        features = rig.draw_features()
        self.roles = rig.roles(features)
        rig.note("driver", hex(features), self.roles)
        rig.bring_up(features, sorted(self.roles.values()))
        self.oracle.clear()
        self.oracle.forget_counts()
        self.gone = set(range(FILLED))
        self.counters = rig.shown(WATCHED)
        if self.counters["balloon-pages"]:
            raise Finding(f"{self.counters['balloon-pages']} pages in the balloon after a reset")

    def in_flight(self):
        """Buffers that nobody waits for: what becomes of them is open, also of their pages."""
        rig, rng = self.rig, self.rng
        rig.b.buffer = BUFFERS
        rig.note("in flight")
        for name in sorted(self.roles):
            ring, number = rig.b.ring[self.roles[name]], self.roles[name]
            for _ in range(rng.choice((0, 1, 1, 5))):
                if name in ("inflate", "deflate"):
                    pfns = self.pfns()
                    self.lost(pfns)
                    self.offer(ring, struct.pack(f"<{len(pfns)}I", *pfns), [])
                elif name == "ops":
                    data = self.ops(many=True) if rng.random() < 0.3 else rng.choice(
                        (self.ops, self.large_op))()
                    self.lose_all(data)
                    self.offer(ring, data, [(BUFFERS + 8 * (1 << 20), 8)])
                elif name == "stats":
                    self.offer(ring, bytes(20), [])
                else:
                    first = WINDOW + rng.randrange(WINDOW_PAGES)
                    self.lost(range(first, first + 256))
                    self.offer(ring, b"", [(first * PAGE, 1 << 20)])
            if rng.random() < 0.8:
                rig.b.kick(number)
        if rng.random() < 0.3:
            rig.qmp("stop")
            rig.qmp("cont")

    def move(self):
        """The machine goes on in another QEMU; page ops take the ledger along."""
        rig = self.rig
        rig.note("to a file and back")
        rig.qmp("stop")
        rig.move(stream.carry_on(rig, stream.save(rig)))
        if "ops" not in self.roles:
            self.oracle.clear()
            self.gone = set(range(FILLED))
        self.counters = rig.shown(WATCHED)
        self.oracle.forget_counts()

    # Requests

    def page(self):
        rng = self.rng
        if rng.random() < 0.8:
            return WINDOW + rng.randrange(WINDOW_PAGES)
        start, end = rng.choice(self.rig.ram)
        # Not below 16 MiB: there are the rings, and whatever the firmware's shadows are.
        return max(rng.choice((end // PAGE - 1, end // PAGE, end // PAGE - rng.randrange(64),
                               start // PAGE + rng.randrange(64), rng.randrange(1 << 32),
                               0xFEE00, 0xFFFFF)), WINDOW)

    def pfns(self):
        rng, pfns = self.rng, []
        for _ in range(rng.choice((1, 1, 3, 10))):
            n = rng.choice((1, 2, 8, 64, 256))
            first, step = self.page(), rng.choice((1, 1, -1, 2, 0))
            pfns += [max(first + step * i, WINDOW) & 0xFFFFFFFF for i in range(n)]
        return [p if p >= WINDOW else WINDOW for p in pfns]

    def op(self):
        """An operation that is right more often than not."""
        rng = self.rng
        page, count = self.page(), rng.choice((1, 1, 1, 2, 4, 16, 256))
        if rng.random() < 0.02:
            count = rng.choice((0, 1 << 14, 1 << 20, 0xFFFFFFFF))
        held = self.oracle.holds(page)
        kind = (2 if held else 1) if rng.random() < 0.8 else rng.choice((1, 2, 3, 3, 0, 7))
        new = self.page() * PAGE if kind == 3 else 0
        if held and kind == 2 and rng.random() < 0.4:
            kind, new = 3, self.page() * PAGE
        addr, reserved = page * PAGE, 0
        if rng.random() < 0.01:
            addr = rng.choice((addr + 1, addr + 2048, (1 << 64) - PAGE, (1 << 64) - 8 * PAGE))
        if rng.random() < 0.01:
            reserved, new = rng.choice(((1, new), (0, new if kind == 3 else PAGE), (0x8000, new)))
        return struct.pack("<HHIQQ", kind, reserved, count, addr, new)

    def large_op(self):
        """Whole chunks of the ledger, above the window."""
        rng = self.rng
        firsts = [first for a, e in self.rig.ram
                  for first in range(-(-a // PAGE // LARGE) * LARGE, e // PAGE - LARGE + 1, LARGE)
                  if first > WINDOW]
        if not firsts:
            return self.op()
        first = rng.choice(firsts)
        kind = 2 if self.oracle.holds(first) else 1
        return struct.pack("<HHIQQ", kind, 0, rng.choice((1, 1, 2)) * LARGE - rng.choice((0, 0, 1)),
                           first * PAGE, 0)

    def ops(self, many=False):
        rng = self.rng
        n = 4096 if many else rng.choice((1, 1, 2, 5, 20, 100))
        pick = rng.random()
        if pick < 0.01:
            return b""
        if pick > 0.95:
            return self.large_op()
        if pick < 0.015:
            n = rng.choice((4096, 4097))
        data = b"".join(self.op() for _ in range(min(n, 256)))
        if n > 256:
            data = (data * (n // 256 + 1))[:n * OP_BYTES]
        return data + (rng.randbytes(rng.randrange(1, OP_BYTES)) if rng.random() < 0.03 else b"")

    # Chains

    def offer(self, ring, data, writable):
        """One buffer: data cut into parts in any way, then the writable ones."""
        rng, b = self.rng, self.rig.b
        at, parts = b.place(data), []
        cuts = sorted({0, len(data), *(rng.randrange(len(data) + 1)
                                       for _ in range(rng.choice((0, 0, 1, 3))))})
        for a, e in zip(cuts, cuts[1:]):
            parts.append((at + a, e - a, 0))
        parts += [(address, length, WRITE) for address, length in writable]
        if not parts:
            return None
        if b.features >> F_INDIRECT & 1 and rng.random() < 0.3:
            return ring.add([ring.indirect(b.place, parts)])
        return ring.add(parts)

    def kick(self, number):
        """Always, or as the ring's flag asks for: a wake-up must not get lost."""
        b = self.rig.b
        polite = self.rng.random() < 0.5 and not b.features >> 29 & 1
        if not (polite and b.ring[number].no_notify()):
            b.kick(number)

    def collect(self, number, heads):
        done = []
        ring = self.rig.b.ring[number]

        def back():
            done.extend(ring.take_used())
            return len(done) >= len(heads)

        try:
            self.rig.m.until(back, "buffers", limit=1)
        except AssertionError:
            # A migration may have ended meanwhile, and left the machine stopped.
            self.rig.qmp("cont")
            self.rig.wait(back, f"{len(heads)} buffers back on queue {number}, of which {done} "
                                f"came; {self.rig.qmp('query-status')}")
        if [h for h, _ in done] != heads:
            raise Finding(f"queue {number}: {heads} went in, {done} came back")
        return done

    def send(self, number, buffers):
        """Buffers of (data, writable parts), some at a time, perhaps over a stop."""
        rng, heads, done = self.rng, [], []
        ring = self.rig.b.ring[number]
        room = ring.size // PARTS_MAX
        self.rig.b.buffer = BUFFERS
        for i, (data, writable) in enumerate(buffers):
            heads.append(self.offer(ring, data, writable))
            full = len(heads) == room or i + 1 == len(buffers)
            if full or rng.random() < 0.5:
                self.kick(number)
            if full:
                if rng.random() < 0.15:
                    self.host.stop_cont()
                done += self.collect(number, heads)
                heads = []
        return done

    # Bursts

    def pfn_burst(self):
        name = self.rng.choice(("inflate", "inflate", "deflate"))
        buffers = []
        for _ in range(self.rng.choice((1, 1, 4, 16))):
            pfns = self.pfns()
            tail = self.rng.randbytes(self.rng.choice((0, 0, 0, 1, 3)))
            buffers.append((struct.pack(f"<{len(pfns)}I", *pfns) + tail, []))
            if "ops" not in self.roles:
                (self.oracle.inflate if name == "inflate" else self.oracle.deflate)(pfns)
                if name == "inflate":
                    self.lost(pfns)
        self.rig.note(name, "of", [len(d) for d, _ in buffers])
        done = self.send(self.roles[name], buffers)
        if any(length for _, length in done):
            raise Finding(f"{name}: used lengths {done}")

    def ops_burst(self):
        rng, b = self.rng, self.rig.b
        space = BUFFERS + 8 * (1 << 20)  # statuses; the buffers stay below
        buffers = []
        for i in range(rng.choice((1, 1, 3, 12))):
            at = space + 64 * i
            room = [(at, 8)] if rng.random() < 0.8 else [(at, 3), (at + 3, 5), (at + 8, 8)]
            self.rig.m.write(at, b"\xee" * 32)
            buffers.append((self.ops(), room))
        self.rig.note("ops of", [len(d) for d, _ in buffers])
        done = self.send(self.roles["ops"], buffers)
        if any(length != 8 for _, length in done):
            raise Finding(f"ops: used lengths {done}")
        for i, (data, _) in enumerate(buffers):
            answer = b.m.read(space + 64 * i, 16)
            got = struct.unpack("<II", answer[:8])
            want = self.oracle.ops(data, got[1] if got[0] == INHIBITED else None)
            self.lose_all(data)
            if got != want or answer[8:] != b"\xee" * 8:
                raise Finding(f"ops buffer {i}: status and index {got}, foretold {want}; "
                              f"rest {answer[8:].hex()}; {data.hex()}")

    def other_burst(self):
        """Reporting, hints, statistics: none of them changes the ledger."""
        names = [n for n in ("stats", "hint", "reporting") if n in self.roles]
        if not names:
            return
        name, rng = self.rng.choice(names), self.rng
        self.rig.note("other queue", name)
        if name == "hint" and rng.random() < 0.5:
            self.hints()
            return
        if name == "stats":  # kept by the device until it wants new ones
            self.rig.b.buffer = BUFFERS
            self.rig.b.stats([(rng.randrange(20), rng.getrandbits(64)) for _ in range(10)])
            self.rig.b.kick(self.roles[name])
            return
        first = WINDOW + rng.randrange(WINDOW_PAGES)
        part = (first * PAGE + rng.choice((0, 0, 100)), rng.choice((PAGE, 5000, 1 << 20)))
        if name == "reporting":
            self.lost(range(first, first + 258))
        data = struct.pack("<I", self.rig.b.io.config_read(8)) if name == "hint" else b""
        self.send(self.roles[name], [(data, [part])])

    def hints(self):
        """A migration asks for hints, and gets some: those that carry another id mean nothing.
        What was hinted the other side may see as anything, but this machine keeps it."""
        rig, rng, io = self.rig, self.rng, self.rig.b.io
        self.host.migrate()
        rig.wait(lambda: io.config_read(8) > HINT_DONE or self.host.ended(),
                 "hints to be asked for")
        right = io.config_read(8)
        for number in rng.choice(((right,), (right, HINT_STOP), (right + 1,), (right, right),
                                  (right, HINT_STOP, right))):
            self.send(self.roles["hint"], [(struct.pack("<I", number & 0xFFFFFFFF), [])])
            if rig.b.needs_reset():
                return
            for _ in range(rng.choice((0, 1, 5))):
                at = (WINDOW + rng.randrange(WINDOW_PAGES)) * PAGE + rng.choice((0, 0, 100))
                self.send(self.roles["hint"], [(b"", [(at, rng.choice((PAGE, 5000, 1 << 20)))])])
            if rng.random() < 0.3:
                rig.qmp("stop")
                rig.qmp("cont")

    def touch(self):
        """A guest may write to what it gave away; the next sweep finds that."""
        held = [p for p in range(WINDOW + FILLED, WINDOW + WINDOW_PAGES) if self.oracle.holds(p)]
        for page in self.rng.sample(held, min(len(held), 8)):
            self.rig.m.fill(page * PAGE, PAGE)

    # What must hold

    def lose_all(self, data):
        """Whatever operations name."""
        for at in range(0, len(data) - OP_BYTES + 1, OP_BYTES):
            _, _, count, addr, new = struct.unpack("<HHIQQ", data[at:at + OP_BYTES])
            for first in (addr // PAGE, new // PAGE):
                self.lost(range(max(first, WINDOW), min(first + count, WINDOW + FILLED)))

    def lost(self, pages):
        self.gone.update(p - WINDOW for p in pages if WINDOW <= p < WINDOW + FILLED)

    def check(self):
        rig, oracle = self.rig, self.oracle
        rig.check()
        shown = rig.shown(WATCHED)
        if shown["balloon-pages"] != oracle.count():
            raise Finding(f"{shown['balloon-pages']} pages in the balloon, "
                          f"{oracle.count()} foretold")
        if shown["withheld-pages"] > shown["balloon-pages"]:
            raise Finding(f"more withheld than there is: {shown}")
        for name, value in (("rejected-pfns", oracle.rejected), ("stray-pfns", oracle.stray),
                            ("repeated-pfns", oracle.repeated)):
            # Reporting adds to the rejected ones, and a buffer that a stop cut off is
            # read again: that may repeat, and deflate what is out already.
            if shown[name] - self.counters[name] < value and "ops" not in self.roles:
                raise Finding(f"{name}: {shown[name] - self.counters[name]}, foretold {value}")
        self.check_contents()

    def check_contents(self):
        m = self.rig.m
        # In base64: QEMU is slow at hexadecimal.
        data = base64.b64decode(m.command(f"b64read {WINDOW * PAGE:#x} {FILLED * PAGE:#x}"))
        for i in range(FILLED):
            mark = bytes([i + 1]) * PAGE
            if i not in self.gone and data[i * PAGE:(i + 1) * PAGE] != mark:
                raise Finding(f"page {WINDOW + i:#x} was never given, and lost what it held")
        for i in list(self.gone):
            if not self.oracle.holds(WINDOW + i):
                m.fill((WINDOW + i) * PAGE, PAGE, i + 1)
                self.gone.discard(i)

    def burst(self):
        rng = self.rng
        pick = rng.random()
        if pick < 0.1 and "ops" in self.roles or pick < 0.65 and "ops" not in self.roles:
            self.pfn_burst()
        elif pick < 0.75 and "ops" in self.roles:
            self.ops_burst()
        elif pick < 0.85:
            self.other_burst()
        elif pick < 0.88:
            self.touch()
        else:
            self.host.any()
        self.check()


