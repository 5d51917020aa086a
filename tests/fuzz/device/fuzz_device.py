# SPDX-License-Identifier: GPL-2.0-or-later
"""Fuzzes the device in a real QEMU, by qtest. An episode is one QEMU with
options from its seed: bursts of a lawful driver, whose outcome is foretold,
take turns with bursts of a wild one; after the wild ones a reset must bring
the device back in order.

usage: fuzz_device.py --binary QEMU [--seconds N | --episodes N] [--seed N]
                      [--keep-going] [--slowdown N]
An episode can be run again: --seed with the number it printed, --episodes 1.
SIGTERM ends it as the end of its time does, with the totals.
"""

import argparse
import pathlib
import random
import re
import resource
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "qtest")]

import stream  # noqa: E402
from host import Host  # noqa: E402
from machine import QemuGone  # noqa: E402
from rig import Finding, Rig, slow_down  # noqa: E402
from tracked import Tracked  # noqa: E402
from wild import Wild  # noqa: E402

ROUNDS = 4  # of lawful and wild bursts in one episode
# Ports by which a PC's guest lets go of memory, and the bit that does it.
MEMORY_HOTPLUG = 0xA00
EJECT = 8
# QEMU aborts so with any virtio device, where a queue at work gets more entries than were mapped.
# The wild driver's setup avoids it; a status that is written to the register of sizes does not.
KNOWN = re.compile(r"memory_ldst_cached\.h\.inc.*addr < cache->len")


class Episode:
    def __init__(self, binary, seed):
        self.binary = binary
        self.rng = random.Random(seed)
        self.bursts = 0
        self.rig = None

    def run(self):
        with Rig(self.binary, self.rng) as self.rig:
            rig = self.rig
            host, wild = Host(rig), Wild(rig)
            tracked = Tracked(rig, host)
            for _ in range(ROUNDS):
                tracked.begin()
                for _ in range(self.rng.choice((3, 10, 25))):
                    tracked.burst()
                    self.bursts += 1
                if self.rng.random() < 0.15:
                    self.refused(tracked, host)
                if self.rng.random() < 0.3:
                    self.queue_reset(tracked, host)
                if self.rng.random() < 0.2:
                    self.move(tracked, host)
                if self.rng.random() < 0.4:
                    self.interrupt(tracked, host)
                self.go_wild(host, wild)
                host.end_migration()
                host.reset()
            self.end(tracked, host)

    def refused(self, tracked, host):
        """Discards that fail, and are tried again when the host lets them."""
        with host.refusing():
            for _ in range(5):
                tracked.burst()
                self.bursts += 1
        host.clock()

    def queue_reset(self, tracked, host):
        """One queue starts over in the middle: the ledger stays, other queues do not notice."""
        rig = self.rig
        name = self.rng.choice(list(tracked.roles))
        number = tracked.roles[name]
        if host.reset_queue(number):
            rig.b.ring[number].clear()
            rig.b.io.enable_queue(number, rig.b.ring[number])
            for _ in range(3):
                tracked.burst()
                self.bursts += 1

    def interrupt(self, tracked, host):
        """A reset, or a cut, with buffers in flight: nothing of them is left."""
        for _ in range(self.rng.choice((1, 3))):
            tracked.in_flight()
            host.in_between()
            tracked.begin()
            tracked.burst()
            self.bursts += 2

    def move(self, tracked, host):
        """To a file and back, into another QEMU, where the same driver goes on."""
        if self.rig.size > 64 << 20:
            return
        host.end_migration()
        tracked.move()
        for _ in range(3):
            tracked.burst()
            self.bursts += 1

    def go_wild(self, host, wild):
        rig = self.rig
        if self.rng.random() < (0.7 if rig.port else 0.3):  # rings that nobody asked for
            rig.interface()
            features = rig.draw_features(0.5)
            rig.note("wild driver", hex(features))
            queues = range(self.queues())
            rig.bring_up(features, queues, **wild.rings(queues))
            if self.rng.random() < 0.3:
                wild.messages()
        for _ in range(self.rng.choice((1, 5, 20))):
            pick = self.rng.random()
            if pick < 0.75:
                wild.burst()
            elif pick < 0.8:
                wild.odd_setup()
            elif pick < 0.85:
                host.in_between()
            else:
                host.any()
            rig.check()
            self.bursts += 1
            if not rig.is_there() or rig.b.needs_reset() or self.rng.random() < 0.1:
                rig.note("up again, as it was")
                if self.rng.random() < 0.1:
                    host.reset_queue(self.rng.randrange(6))
                self.back_up(host)

    def queues(self):
        """How many queues the device has."""
        io, n = self.rig.interface(), 0
        while io.queue_size(n):
            n += 1
        return n

    def back_up(self, host):
        """The same driver after a reset; the numbers of its queues stay."""
        b = self.rig.b
        host.reset()
        self.rig.bring_up(b.features, sorted(b.ring), sizes=b.sizes, used=b.used)
        if self.rig.pages():
            raise Finding("pages in the balloon after a reset")

    def end(self, tracked, host):
        """Leaves the machine in one of the ways there are."""
        rig = self.rig
        tracked.begin()
        for _ in range(5):
            tracked.burst()
            self.bursts += 1
        host.end_migration()
        if "pc-dimm" in " ".join(rig.args) and self.rng.random() < 0.5:
            self.unplug_memory(tracked)
        elif rig.size <= 64 << 20 and self.rng.random() < 0.5:
            rig.qmp("stop")
            negotiated = "ops" in tracked.roles
            stream.fuzz(rig, tracked.oracle.count() if negotiated else None)
        else:
            Wild(rig).burst()
            if rig.kind == "pc" and self.rng.random() < 0.5:
                self.unplug()
        rig.quit()

    def unplug_memory(self, tracked):
        """A DIMM with pages in the balloon; they leave it."""
        rig = self.rig
        rig.note("unplug of a DIMM")
        dimm, = (d["data"] for d in rig.qmp("query-memory-devices")
                 if d["data"].get("id") == "dimm0")
        rig.qmp("device_del", id="dimm0")
        rig.m.io_write(4, MEMORY_HOTPLUG, dimm["slot"])
        rig.m.io_write(1, MEMORY_HOTPLUG + 0x14, EJECT)
        rig.m.event("DEVICE_DELETED")
        rig.qmp("object-del", id="dimm")
        tracked.oracle.remove(dimm["addr"], dimm["addr"] + dimm["size"])
        rig.wait(lambda: rig.pages() == tracked.oracle.count(),
                 f"the pages of a DIMM to leave a balloon of {tracked.oracle.count()} others")
        tracked.check()

    def unplug(self):
        """Out while it works, and a new one in its place."""
        rig = self.rig
        rig.note("unplug")
        rig.qmp("device_del", id="balloon")
        rig.m.io_write(4, 0xAE08, 1 << 4)
        rig.m.event("DEVICE_DELETED")
        rig.check()
        for odd in ({"discard-granularity": 3 << 20}, {"discard-granularity": 1024},
                    {"discard-granularity": 8 << 40}, {"free-page-hint": True}):
            rig.qmp("device_add", driver="virtio-balloon-pci", id="balloon", addr="4", **odd)
            if rig.is_there():
                raise Finding(f"a device was made with {odd}")
        rig.qmp("device_add", driver="virtio-balloon-pci", id="balloon", addr="4")
        rig.qmp("device_add", driver="virtio-balloon-pci", id="second", addr="7")
        if rig.pages():
            raise Finding("a new device has pages in its balloon")


def report(episode, seed, why):
    rig = episode.rig
    print(f"\nFOUND with --seed {seed} --episodes 1: {why}", flush=True)
    if rig:
        print("--- what was done last:\n" + "\n".join(rig.trail))
        print("--- what QEMU said:\n" + rig.last_words)


def one(binary, seed):
    """Return: bursts done, and whether all was well."""
    episode = Episode(binary, seed)
    try:
        episode.run()
    except QemuGone as e:  # its message has the log, which comes below
        if KNOWN.search(str(e)):
            print(f"device: QEMU's own fault ended the episode of seed {seed}", flush=True)
            return episode.bursts, True
        report(episode, seed, str(e).split(":", 1)[0] if episode.rig else e)
        return episode.bursts, False
    except (Finding, OSError) as e:
        report(episode, seed, e)
        return episode.bursts, False
    except Exception:  # of the fuzzer's own making, but not to be overlooked
        report(episode, seed, traceback.format_exc())
        return episode.bursts, False
    return episode.bursts, True


class Totals:
    def __init__(self, seed):
        self.seed = seed
        self.start = self.shown = time.monotonic()
        self.episodes = self.bursts = self.found = 0

    def seconds(self):
        return time.monotonic() - self.start

    def add(self, bursts, well):
        self.episodes += 1
        self.bursts += bursts
        self.found += not well
        if time.monotonic() - self.shown > 20:
            self.shown = time.monotonic()
            print(f"device: {self.episodes} episodes, {self.bursts} bursts in "
                  f"{self.seconds():.0f} s", flush=True)

    def show(self):
        """Processor time is that of this process and of every QEMU that has ended."""
        used = sum(u.ru_utime + u.ru_stime for u in map(
            resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
        last = self.seed + max(self.episodes - 1, 0)
        print(f"device: {self.episodes} episodes, {self.bursts} bursts, {self.found} findings in "
              f"{self.seconds():.0f} s, {used:.0f} s of processor time "
              f"(seeds {self.seed} to {last})", flush=True)


class Ended(BaseException):
    """SIGTERM came."""


def end(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Ended


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--binary", required=True)
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--episodes", type=int, default=0)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--keep-going", action="store_true", help="after a finding too")
    p.add_argument("--slowdown", type=float, default=1,
                   help="factor on every time limit, for a machine that is busy otherwise")
    a = p.parse_args()
    slow_down(a.slowdown)
    signal.signal(signal.SIGTERM, end)
    seed = a.seed or random.SystemRandom().randrange(1, 1 << 32)
    print(f"device: first seed {seed}", flush=True)
    totals = Totals(seed)
    try:
        while (totals.episodes < a.episodes if a.episodes
               else totals.seconds() < a.seconds):
            totals.add(*one(a.binary, seed + totals.episodes))
            if totals.found and not a.keep_going:
                break
    except Ended:
        pass  # QEMU was ended on the way here
    totals.show()
    return 1 if totals.found else 0


if __name__ == "__main__":
    sys.exit(main())
