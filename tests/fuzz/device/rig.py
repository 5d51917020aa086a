# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU to be fuzzed: its options are drawn from the seed. Owns the machine
and the driver on it, and the check after every burst: QEMU lives, answers QMP
in time, and no sanitizer has spoken. Keeps the trail of what was done.
"""

import collections
import subprocess
import time

import machine
import pci
from balloon import (F_FREE_PAGE_HINT, F_REPORTING, F_STATS_VQ, SHOWN, SLOT, SPEC, Balloon,
                     moved)
from ending import REPORT
from machine import Machine, QmpError
from packed import F_EVENT_IDX, F_PACKED, PackedRing
from ring import Ring

ANSWER_LIMIT = 5  # seconds for a QMP answer
WAIT_LIMIT = 20   # for anything else, starting up on a busy machine too

GIB = 1 << 30
F_PAGE_OPS = SPEC["VIRTIO_BALLOON_F_PAGE_OPS"]
F_BAD = 30  # for a device to notice drivers that accept everything: they get nothing
# In the modern registers: status, queue size, enable, reset, notification, configuration.
OWN = (0x14, 0x14, 0x10, 0x18, 0x1C, 0x20, 0x3A, 0x1000, 0x2000, 0x2004, 0x3000, 0x3002)
# In configuration space: command, a BAR, the ROM's BAR, the way to the capabilities. Not the second
# byte of command by itself: QEMU then overlooks that INTx is disabled, and the next reset of the
# machine aborts (pci.c, bus->irq_count[i] == 0), whichever device has its line up.
CONFIGURATION = (4, 0x10, 0x20, 0x24, 0x30, 0x34)
QUEUED = (("stats", F_STATS_VQ), ("hint", F_FREE_PAGE_HINT), ("reporting", F_REPORTING))
BAD_WORDS = REPORT

MIB = 1 << 20
# How guest memory may be backed, after "-object memory-backend-".
BACKINGS = ("memfd,share=on", "memfd,share=off", "ram,share=on", "ram,share=off",
            "file,share=on,mem-path=/dev/shm", "file,share=off,mem-path=/dev/shm",
            "file,share=on,mem-path=/var/tmp")
# Memory beside it, by device. Both persistent ones are no memory for a balloon.
DEVICES = {"dimm": ("pc-dimm", 128), "nvdimm": ("nvdimm", 32),
           "mem": ("virtio-mem-pci,addr=0x1a,requested-size=32M", 64),
           "pmem": ("virtio-pmem-pci,addr=0x1b", 32)}


def slow_down(factor):
    """Sets every time limit, in proportion."""
    global answer_limit
    answer_limit = ANSWER_LIMIT * factor
    machine.LIMIT = WAIT_LIMIT * factor


slow_down(1)


class Finding(Exception):
    """The device did what it must not; the message says what."""


def ram_map(kind, size):
    """[(first byte, end)] of RAM above 1 MiB, as the board lays it out."""
    edge, low = (0xB0000000, 0x80000000) if kind == "q35" else (0xE0000000, 0xC0000000)
    if size < edge:
        return [(1 << 20, size)]
    return [(1 << 20, low), (4 * GIB, 4 * GIB + size - low)]


class Rig:
    """Starts QEMU with options drawn from rng; use as a context manager."""

    def __init__(self, binary, rng):
        self.rng = rng
        self.binary = binary
        self.trail = collections.deque(maxlen=60)
        self.kind = rng.choice(["q35", "pc"])
        self.size = rng.choice([64 << 20, 64 << 20, 512 << 20, 3 * GIB, 5 * GIB])
        self.ram = ram_map(self.kind, self.size)
        self.legacy = rng.random() < 0.2
        # Behind a root port, where its registers are in MMCONFIG, which nothing guards.
        self.port = self.kind == "q35" and not self.legacy and rng.random() < 0.6
        self.memory = f"{self.size >> 20}M"
        self.args = self.draw_args() + self.draw_memory()
        self.note("boot", self.kind, self.size >> 20, "MiB", *self.args)
        self.last_words = ""
        self.m = self.start()
        self.b = None
        self.ram += self.plugged()
        self.registers = [pci.MODERN_BAR]
        self.devctl = None  # of a device behind a port
        self.end_migration = None  # by whoever begins them

    def draw_args(self):
        rng, args = self.rng, ["-device", f"virtio-rng-pci,addr={pci.FOREIGN_SLOT:#x}"]
        options = [f"virtio-balloon-pci,id=balloon,addr={SLOT:#x}"]
        if self.port:
            options = ["virtio-balloon-pci,id=balloon,bus=rp,addr=0"]
            args += pci.PORT
        for name, chance in (("free-page-reporting=on", .7), ("must-tell-host=on", .3),
                             ("page-poison=off", .2), ("page-ops=on", .7), ("page-ops=off", .1),
                             ("deflate-on-oom=on", .3), ("packed=on", .3),
                             ("queue_reset=off", .1), ("event_idx=off", .3),
                             ("discard-granularity=64K", .1), ("discard-granularity=4M", .1),
                             ("sweep-interval=1", .4), ("sweep-interval=0", .1)):
            if rng.random() < chance:
                options.append(name)
        if self.legacy and rng.random() < 0.4:
            options.append("disable-modern=on")
        if rng.random() < 0.7:
            options.append("free-page-hint=on,iothread=io")
            args += ["-object", "iothread,id=io"]
        self.options = ",".join(options)
        return args + ["-device", self.options]

    def draw_memory(self):
        """What guest memory is made of, and memory devices; on larger machines it is QEMU's own."""
        rng, args = self.rng, []
        if self.size > 512 * MIB:
            return args
        if rng.random() < 0.5:
            args += ["-object", f"memory-backend-{rng.choice(BACKINGS)},id=ram,size={self.size}",
                     "-machine", "memory-backend=ram"]
        if rng.random() < 0.4:
            self.memory += ",slots=4,maxmem=8G"
            args += ["-machine", "nvdimm=on"]
            for name in rng.sample(sorted(DEVICES), rng.choice((1, 1, 2, 4))):
                device, size = DEVICES[name]
                args += ["-object", f"memory-backend-ram,id={name},size={size}M",
                         "-device", f"{device},id={name}0,memdev={name}"]
        return args

    def plugged(self):
        """[(first byte, end)] of memory devices that are memory for a balloon; neighbours are
        one, as a range may go from one to the other."""
        found, joined = [], []
        for device in self.qmp("query-memory-devices"):
            data = device["data"]
            if device["type"] == "dimm":
                found.append((data["addr"], data["addr"] + data["size"]))
            elif device["type"] == "virtio-mem":
                found.append((data["memaddr"], data["memaddr"] + data["max-size"]))
        for first, end in sorted(found):
            if joined and joined[-1][1] == first:
                first = joined.pop()[0]
            joined.append((first, end))
        return joined

    def start(self, *more):
        # Leaks show as buffers in use.
        args = self.args + ["-name", "debug-threads=on", *more]
        m = Machine(self.binary, args, memory=self.memory, machine=self.kind)
        m.may_crash = True  # check() and quit() look themselves
        if not more:  # one that a stream comes in to has it from there
            pci.Modern(m, pci.FOREIGN_SLOT, at=pci.FOREIGN_BAR)
        return m

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.last_words = self.m.log()[-12000:]
        self.m.close()

    def note(self, *what):
        self.trail.append(" ".join(str(w) for w in what))

    # The driver

    def interface(self):
        """The device's registers, made reachable again if it was reset, cut off or unplugged."""
        if self.port and (pci.Port(self.m).is_off() or not self.is_there()):
            pci.Port(self.m).switch_on()
            if not self.is_there():
                self.note("plugged again")
                self.end_migration()  # or QEMU would refuse
                said = self.m.hmp(f"device_add {self.options}")
                if not self.is_there():
                    raise Finding(f"cannot be plugged again: {said}")
        return self.make_interface()(self.m, SLOT)

    def make_interface(self):
        return pci.Legacy if self.legacy else pci.behind_port if self.port else pci.Modern

    def is_there(self):
        return isinstance(self.pages(), int)

    def bring_up(self, features, queues, **kw):
        """A driver from the beginning: its features, the numbers of its queues."""
        self.interface()
        ring = PackedRing if features >> F_PACKED & 1 else Ring
        self.b = Balloon(self.m, self.make_interface(), features, queues, ring, **kw)
        self.registers = self.find_registers()

    def find_registers(self):
        """Addresses where a write changes the device, its bus, or another device."""
        if self.legacy:
            return [pci.MODERN_BAR]
        found = [pci.MODERN_BAR + at for at in OWN] + [pci.FOREIGN_BAR + at for at in OWN]
        if self.kind == "q35":
            found += [self.b.io.pci.mmconfig(at) for at in CONFIGURATION]
        if self.port:
            self.devctl = self.b.io.pci.express(pci.DEVCTL)
            found += [self.devctl, self.devctl + 1, self.devctl + 1, self.devctl + 1] * 3
            port = pci.PciDevice(self.m, pci.PORT_SLOT)
            found += [port.mmconfig(at) for at in CONFIGURATION + (0x18, pci.BRIDGE_CONTROL)]
            found += [port.express(pci.SLTCTL)] * 3
        return found

    def draw_features(self, chance=0.8):
        offered = self.interface().offered() & ~(1 << F_BAD)
        features = sum(1 << bit for bit in range(64)
                       if offered >> bit & 1 and self.rng.random() < chance)
        return features | 1 << F_EVENT_IDX if features >> F_PACKED & 1 else features

    def roles(self, features):
        """{name: number} of the queues of a driver with these features: it counts what it
        accepted where it uses page ops, and else what is offered."""
        ops = not self.legacy and features >> F_PAGE_OPS & 1
        counted = features if ops else self.interface().offered()
        roles, number = {"inflate": 0, "deflate": 1}, 2
        for name, bit in QUEUED:
            if counted >> bit & 1:
                if features >> bit & 1:
                    roles[name] = number
                number += 1
        if ops:
            roles["ops"] = number
        return roles

    def move(self, target):
        """The other side of a migration takes this one's place."""
        old, self.m = self.m, target
        self.b = moved(self.b, target)
        self.check_log(old)
        old.close()

    # The host's side

    def qmp(self, command, **arguments):
        """The answer, or the error's text; QMP refusing something is no finding."""
        start = time.monotonic()
        try:
            return self.m.qmp(command, **arguments)
        except QmpError as e:
            return str(e)
        finally:
            if time.monotonic() - start > answer_limit:
                raise Finding(f"{command} took {time.monotonic() - start:.1f} s")

    def shown(self, names=SHOWN):
        return {name: self.qmp("qom-get", path="/machine/peripheral/balloon", property=name)
                for name in names}

    def pages(self):
        return self.qmp("qom-get", path="/machine/peripheral/balloon", property="balloon-pages")

    def check(self):
        self.check_log()
        self.qmp("query-balloon")
        if not self.m.alive():
            raise Finding("QEMU ended")

    def check_log(self, m=None):
        m = m or self.m
        bad = BAD_WORDS.search(m.log())
        if bad:
            try:
                m.process.wait(5)  # until it has said all
            except subprocess.TimeoutExpired:
                pass
            raise Finding(bad[0])

    def wait(self, condition, what):
        try:
            self.m.until(condition, what, limit=machine.LIMIT)
        except AssertionError as e:
            raise Finding(str(e)) from None

    def reset_system(self):
        self.note("system_reset")
        self.m.events.clear()
        self.qmp("system_reset")
        self.m.event("RESET")

    def quit(self):
        """Ends QEMU in order; it must not crash on the way."""
        self.qmp("quit")
        code = self.m.wait_exit()
        self.check_log()
        if code:
            raise Finding(f"QEMU ended with {code}")
