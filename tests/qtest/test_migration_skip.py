# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of the balloon are not migrated: by the ledger, without the guest. Judged by the pages that
QEMU says it has looked at, by what source and target back, and by what the guest's memory holds at
the target. The guest does not run code; the test is its driver and writes its memory."""

import os
import random
import re

import pytest

import pci
from balloon import F_FREE_PAGE_HINT, F_STATS_VQ, MIB, PAGE, PLAY, SLOT, SPEC, Balloon, moved
from hints import HINT
from machine import QmpError
from ops import OpsBalloon
from ring import WRITE
from test_discard import memory_backend

FIRST = PLAY // PAGE
AWAY = 192 * MIB // PAGE
# What is sent twice: the rings, and what else was written since the first look.
AGAIN = 64
TRACE = ("-trace", "ballonet_migration_*")
BACKENDS = ["memory-backend-ram", "memory-backend-memfd,share=on"]


class Held:
    """A migration that has begun and cannot end before finish(), with the driver of its source.
    The target does not run before it is asked to."""

    def __init__(self, boot, options="", capabilities=(), args=(), driver=OpsBalloon, features=None,
                 used=256 * MIB, **kw):
        device = f"virtio-balloon-pci,id=balloon,addr={SLOT:#x}" + options
        self.boot = boot
        self.start_args = ("-device", device, *args, *TRACE)
        self.kw = kw
        self.m = boot.machine(*self.start_args, **kw)
        self.b = driver(self.m, features=features)
        self.target = None
        self.capabilities = capabilities
        self.m.fill(PLAY, used)

    def new_target(self):
        self.target = self.boot.machine("-S", *self.start_args, "-incoming", "defer", **self.kw)
        for m in (self.m, self.target):
            for name in self.capabilities:
                m.qmp("migrate-set-capabilities",
                      capabilities=[{"capability": name, "state": True}])
        uri = f"unix:{self.target.dir}/migration"
        self.target.qmp("migrate-incoming", uri=uri)
        return uri

    def begin(self, bandwidth=1 << 14):
        """Until the dirty bitmap was looked up for the first time; little is sent yet."""
        uri = self.new_target()
        self.m.qmp("migrate-set-parameters", max_bandwidth=bandwidth, downtime_limit=1)
        self.m.qmp("migrate", uri=uri)
        self.m.until(lambda: self.status() == "active" and self.ram().get("dirty-sync-count"),
                     "the migration to begin")

    def status(self):
        return self.m.qmp("query-migrate").get("status")

    def ram(self):
        return self.m.qmp("query-migrate").get("ram", {})

    def finish(self):
        self.m.qmp("migrate-set-parameters", max_bandwidth=1 << 40, downtime_limit=60000)

        def over():
            assert self.status() not in ("failed", "cancelled"), self.m.qmp("query-migrate")
            return self.status() == "completed"

        self.m.until(over, "the migration")
        self.target.until(lambda: self.target.qmp("query-status")["status"] == "paused",
                          "the target")

    def go(self):
        self.begin()
        self.finish()

    def run_target(self):
        """The driver, on the target, which runs."""
        self.target.qmp("cont")
        return moved(self.b, self.target)

    def not_looked_at(self):
        """Pages of the guest that were neither sent nor found to be zero."""
        ram = self.ram()
        return ram["total"] // PAGE - ram["normal"] - ram["duplicate"]

    def skipped(self, m=None):
        """(pages, late) of each sync so far."""
        return [(int(pages), late == "1") for pages, late in re.findall(
            r"ballonet_migration_skipped pages: (\d+) ranges: \d+ late: (\d)", (m or self.m).log())]

    def holds(self, gpa, size, byte, m=None):
        """Whether the target has nothing but that byte there."""
        m = m or self.target
        path = os.path.join(m.dir, "memory")
        m.qmp("pmemsave", val=gpa, size=size, filename=path)
        with open(path, "rb") as f:
            return f.read() == bytes([byte]) * size


@pytest.mark.parametrize("backend", BACKENDS)
def test_they_are_neither_read_nor_sent(boot, backend):
    """Of what is ballooned nothing is looked at, so that shared memory is not filled by it either;
    the target begins without. All other memory arrives."""
    h = Held(boot, args=memory_backend(backend, "512M"))
    h.b.ok(("I", FIRST, AWAY))
    assert h.m.backed(PLAY, AWAY) == 0
    h.go()
    assert AWAY - AGAIN <= h.not_looked_at() <= AWAY
    assert h.m.backed(PLAY, AWAY) == 0, "the source has filled what it had given back"
    assert h.target.backed(PLAY, AWAY) == 0
    b = h.run_target()
    assert h.holds(PLAY + AWAY * PAGE, 64 * MIB, 0x5A)
    assert h.holds(PLAY, PAGE, 0)
    assert b.holds((FIRST, AWAY))


def test_property_turns_it_off(boot):
    h = Held(boot, ",migration-skip-ballooned=off")
    h.b.ok(("I", FIRST, AWAY))
    h.go()
    assert h.not_looked_at() <= 0
    assert not h.skipped()
    assert h.run_target().holds((FIRST, AWAY))


class Tells(Balloon):
    """A driver of the PFN queues that negotiated MUST_TELL_HOST."""

    def ok(self, *ops):
        for kind, page, n in ops:
            (self.inflate if kind == "I" else self.deflate)(page * PAGE, n)


@pytest.mark.parametrize("options", [",page-ops=off", ",page-ops=off,must-tell-host=on"])
def test_not_without_page_ops(boot, options):
    """A driver of the PFN queues may use a page first and tell later; nothing orders the two."""
    h = Held(boot, options, driver=Tells)
    h.b.ok(("I", FIRST, AWAY))
    h.go()
    assert h.not_looked_at() <= 0
    assert not h.skipped()


def test_what_leaves_meanwhile_is_sent(boot):
    h = Held(boot)
    quarter = AWAY // 4
    h.b.ok(("I", FIRST, 2 * quarter))
    h.begin()
    h.b.ok(("D", FIRST, quarter), ("I", FIRST + 2 * quarter, quarter),
           ("S", FIRST + quarter, FIRST + 3 * quarter, 1))
    h.m.fill(PLAY + 16 * PAGE, MIB, 0x77)
    h.m.fill(PLAY + quarter * PAGE, PAGE, 0x78)
    h.finish()
    b = h.run_target()
    assert h.holds(PLAY + 16 * PAGE, MIB, 0x77)
    assert h.holds(PLAY + quarter * PAGE, PAGE, 0x78)
    assert h.holds(PLAY + (3 * quarter + 1) * PAGE, MIB, 0x5A)
    assert b.holds((FIRST + quarter + 1, 2 * quarter - 1), (FIRST + 3 * quarter, 1))


def test_what_enters_is_not_sent_again(boot):
    """Memory that was sent, then written, and enters before the next look at what was written."""
    h = Held(boot)
    h.begin(64 * MIB)
    h.m.until(lambda: h.ram()["normal"] > 64 * MIB // PAGE, "the first half of what is written")
    h.m.fill(PLAY, 32 * MIB, 0x66)
    h.b.ok(("I", FIRST, 16 * MIB // PAGE))
    assert h.ram()["dirty-sync-count"] == 1, "looked at too early to be of use"
    h.finish()
    again = -h.not_looked_at()
    assert 16 * MIB // PAGE <= again <= 16 * MIB // PAGE + AGAIN
    b = h.run_target()
    assert h.holds(PLAY + 16 * MIB, 16 * MIB, 0x66)
    assert b.holds((FIRST, 16 * MIB // PAGE))


def test_content_that_was_withheld_is_the_same_on_both_sides(boot):
    """A block ballooned in part keeps its content at the source. A page of it that left is the
    guest's, which has read it and not written: it finds the same at the target."""
    h = Held(boot, ",discard-granularity=2M")
    h.b.ok(("I", FIRST, 100))
    assert h.b.shown("withheld-pages") == 100
    h.begin()
    assert h.skipped()[0][0] == 100
    h.b.ok(("D", FIRST, 50))
    assert h.m.read(PLAY, PAGE) == b"\x5a" * PAGE
    h.finish()
    h.run_target()
    assert h.holds(PLAY, 50 * PAGE, 0x5A)
    assert h.holds(PLAY + 50 * PAGE, 50 * PAGE, 0)
    assert h.holds(PLAY + 100 * PAGE, PAGE, 0x5A)


def test_reset_meanwhile(boot):
    """The guest has all its memory again: what it writes there arrives."""
    h = Held(boot)
    h.b.ok(("I", FIRST, AWAY))
    h.begin()
    h.b.io.set_status(0)
    h.m.fill(PLAY, AWAY * PAGE, 0x66)
    h.finish()
    h.run_target()
    assert h.holds(PLAY, AWAY * PAGE, 0x66)


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_ends_and_is_tried_again(boot, how):
    """The source loses nothing by an attempt; the next one begins with all pages."""
    h = Held(boot)
    h.b.ok(("I", FIRST, AWAY))
    h.begin()
    if how == "failed":
        h.target.qmp("quit")
        h.m.until(lambda: h.status() == "failed", "the migration to fail")
    else:
        h.m.qmp("migrate_cancel")
        h.m.until(lambda: h.status() == "cancelled", "the migration to end")
    if h.m.qmp("query-status")["status"] != "running":
        h.m.qmp("cont")
    h.b.ok(("D", FIRST, AWAY // 2))
    h.m.fill(PLAY, AWAY // 2 * PAGE, 0x44)
    h.go()
    assert AWAY // 2 - AGAIN <= h.not_looked_at() <= AWAY // 2
    b = h.run_target()
    assert h.holds(PLAY, AWAY // 2 * PAGE, 0x44)
    assert b.holds((FIRST + AWAY // 2, AWAY // 2))


@pytest.mark.parametrize("capability", ["multifd", "xbzrle"])
def test_ways_of_sending(boot, capability):
    h = Held(boot, capabilities=(capability,))
    h.b.ok(("I", FIRST, AWAY))
    h.begin(8 * MIB)
    # sent before it enters, in the balloon for some syncs, and out again
    h.b.ok(("I", FIRST + AWAY, 1024), ("D", FIRST, 1024))
    h.m.fill(PLAY, 512 * PAGE, 0x31)
    h.b.ok(("D", FIRST + AWAY, 512))
    h.m.fill(PLAY + AWAY * PAGE, 256 * PAGE, 0x32)
    h.finish()
    assert h.not_looked_at() > AWAY // 2
    b = h.run_target()
    assert h.holds(PLAY, 512 * PAGE, 0x31)
    assert h.holds(PLAY + AWAY * PAGE, 256 * PAGE, 0x32)
    assert h.holds(PLAY + (AWAY + 1024) * PAGE, MIB, 0x5A)
    assert b.holds((FIRST + 1024, AWAY - 1024), (FIRST + AWAY + 512, 512))


def test_not_with_postcopy(boot):
    """The guest may run at the target before the end, and use a page there that was never sent."""
    h = Held(boot, capabilities=("postcopy-ram",))
    h.b.ok(("I", FIRST, AWAY))
    h.go()
    assert h.not_looked_at() <= 0
    assert not h.skipped()


def test_memory_that_the_target_shares(boot):
    """It is not sent, and QEMU keeps no bitmap for it."""
    path = f"/dev/shm/ballonet-{os.getpid()}"
    backend = f"memory-backend-file,share=on,mem-path={path}"
    try:
        h = Held(boot, capabilities=("x-ignore-shared",), args=memory_backend(backend, "512M"))
        h.b.ok(("I", FIRST, AWAY))
        h.go()
        h.m.qmp("quit")
        b = h.run_target()
        assert h.holds(PLAY + AWAY * PAGE, MIB, 0x5A)
        assert b.holds((FIRST, AWAY))
    finally:
        if os.path.exists(path):
            os.unlink(path)


def test_file_of_a_stopped_guest(boot):
    """As virsh save does it: the file has nothing of the balloon."""
    h = Held(boot)
    h.b.ok(("I", FIRST, AWAY))
    h.m.qmp("stop")
    path = os.path.join(h.m.dir, "stream")
    h.m.qmp("migrate", uri=f"exec:cat > {path}")
    h.m.until(lambda: h.status() == "completed", "the file")
    # a page of zeroes costs 9 bytes there
    assert os.path.getsize(path) < (256 * MIB - AWAY * PAGE) + 2 * MIB
    assert h.not_looked_at() >= AWAY - AGAIN
    h.target = h.boot.machine("-S", *h.start_args, "-incoming", f"exec:cat {path}")
    h.target.until(lambda: h.target.qmp("query-status")["status"] == "paused", "the file's guest")
    assert h.target.backed(PLAY, AWAY) == 0
    b = h.run_target()
    assert h.holds(PLAY + AWAY * PAGE, MIB, 0x5A)
    assert b.holds((FIRST, AWAY))


def test_mapped_ram(boot):
    """Each page at its place in the file, from QEMU 9.0 on: the balloon's are holes."""
    h = Held(boot)
    capability = [{"capability": "mapped-ram", "state": True}]
    try:
        h.m.qmp("migrate-set-capabilities", capabilities=capability)
    except QmpError as error:
        pytest.skip(f"this QEMU has none: {error}")
    h.b.ok(("I", FIRST, AWAY))
    h.m.qmp("stop")
    path = os.path.join(h.m.dir, "stream")
    h.m.qmp("migrate", uri=f"file:{path}")
    h.m.until(lambda: h.status() == "completed", "the file")
    assert os.stat(path).st_blocks * 512 < (256 * MIB - AWAY * PAGE) + 8 * MIB
    h.target = h.boot.machine("-S", *h.start_args, "-incoming", "defer")
    h.target.qmp("migrate-set-capabilities", capabilities=capability)
    h.target.qmp("migrate-incoming", uri=f"file:{path}")
    h.target.until(lambda: h.target.qmp("query-status")["status"] == "paused", "the file's guest")
    assert h.target.backed(PLAY, AWAY) == 0
    b = h.run_target()
    assert h.holds(PLAY + AWAY * PAGE, MIB, 0x5A)
    assert b.holds((FIRST, AWAY))


def job(m, command, name, **arguments):
    m.qmp(command, job_id=name, **arguments)

    def ended():
        found = [j for j in m.qmp("query-jobs") if j["id"] == name]
        return found[0] if found and found[0]["status"] == "concluded" else None

    done = m.until(ended, f"the job {name}")
    assert not done.get("error"), f"{command}: {done['error']}"
    m.qmp("job-dismiss", id=name)


def add_disk(m):
    path = os.path.join(m.dir, "disk.qcow2")
    job(m, "blockdev-create", "j0", options={"driver": "file", "filename": path, "size": 0})
    m.qmp("blockdev-add", driver="file", filename=path, node_name="file0")
    job(m, "blockdev-create", "j1", options={"driver": "qcow2", "file": "file0", "size": 1 << 30})
    m.qmp("blockdev-add", driver="qcow2", file="file0", node_name="disk0")
    return path


def test_snapshot_inside_a_disk(boot):
    """savevm leaves them out; loadvm into a guest that uses these pages balloons them again."""
    h = Held(boot)
    path = add_disk(h.m)
    where = {"vmstate": "disk0", "devices": ["disk0"], "tag": "then"}
    h.b.ok(("I", FIRST, AWAY))
    job(h.m, "snapshot-save", "save", **where)
    assert h.skipped()[0][0] == AWAY
    assert os.stat(path).st_blocks * 512 < (256 * MIB - AWAY * PAGE) + 8 * MIB
    h.b.ok(("D", FIRST, AWAY))
    h.m.fill(PLAY, 256 * MIB, 0x11)
    job(h.m, "snapshot-load", "load", **where)
    if h.m.qmp("query-status")["status"] != "running":
        h.m.qmp("cont")
    h.m.until(lambda: h.b.shown("withheld-pages") == 0, "the balloon of the snapshot to go back")
    assert h.holds(PLAY + AWAY * PAGE, 64 * MIB, 0x5A, h.m)
    assert h.m.backed(PLAY, AWAY) == 0


def test_modules_of_memory(boot):
    """Each RAM block by its own ledger."""
    dimm = ("-object", "memory-backend-ram,id=m0,size=128M", "-device",
            f"pc-dimm,memdev=m0,id=d0,addr={4 << 30:#x}")
    h = Held(boot, args=dimm, memory="512M,slots=4,maxmem=2G")
    high = (4 << 30) // PAGE
    h.m.fill(4 << 30, 128 * MIB)
    h.b.ok(("I", high + 3, 16384), ("I", FIRST, 7))
    h.go()
    assert 16384 + 7 - AGAIN <= h.not_looked_at() <= 16384 + 7
    h.run_target()
    assert h.holds(4 << 30, 3 * PAGE, 0x5A)
    assert h.holds((4 << 30) + (3 + 16384) * PAGE, MIB, 0x5A)


def test_a_ragged_balloon_does_not_hold_the_machine_up(boot):
    """However many pieces there are: those of 2 MiB and more are passed over whatever time it
    took, of the rest as many as the sync before it has taken time for."""
    args = memory_backend("memory-backend-ram,reserve=off", "4G")
    h = Held(boot, args=args, memory="4G")
    lot, ragged = 4096, (1 << 30) // PAGE
    for at in range(0, ragged, 2 * lot):
        h.b.ok(*(("I", FIRST + at + 2 * i, 1) for i in range(lot)))
        h.b.buffer = 2 * MIB
    whole = (4 << 30) // PAGE
    h.b.ok(("I", whole, 256 * MIB // PAGE))
    h.begin()
    pages, late = h.skipped()[0]
    assert late, "the case was too small"
    assert 256 * MIB // PAGE < pages < 256 * MIB // PAGE + ragged // 2
    ns = int(re.search(r"ballonet_migration_skipped .* ns: (\d+)", h.m.log())[1])
    assert ns < 50_000_000, f"{ns / 1e6} ms"
    h.m.qmp("migrate_cancel")


class Guest:
    """Memory in pieces, each in the balloon, free (and so maybe hinted), or with known content."""

    PIECE = 1  # pages
    PIECES = 512

    def __init__(self, h, seed):
        self.h, self.rng = h, random.Random(seed)
        self.ballooned, self.content = set(), {}
        self.done = {"I": 0, "D": 0, "S": 0, "hint": 0, "write": 0}

    def page(self, piece):
        return FIRST + piece * self.PIECE

    def pick(self, pieces, n):
        return self.rng.sample(sorted(pieces), min(n, len(pieces)))

    def free(self):
        return set(range(self.PIECES)) - self.ballooned - set(self.content)

    def write(self, pieces):
        for piece in pieces:
            self.content[piece] = self.rng.randrange(1, 256)
            self.h.m.fill(self.page(piece) * PAGE, self.PIECE * PAGE, self.content[piece])
            self.done["write"] += 1

    def balloon(self, *ops):
        if ops:
            self.h.b.buffer = 2 * MIB
            self.h.b.ok(*ops)
        for kind, *_ in ops:
            self.done[kind] += 1

    def step(self, hint):
        n = self.rng.randrange(1, 24)
        for piece in self.pick(self.content, n if len(self.content) > self.PIECES // 3 else 0):
            del self.content[piece]  # freed
        enter, leave = self.pick(self.free(), n), self.pick(self.ballooned, n)
        kind = self.rng.randrange(4)
        if kind < 2:
            kind = int(len(self.ballooned) > self.PIECES // 4)
        if kind == 0:
            self.balloon(*(("I", self.page(p), self.PIECE) for p in enter))
            self.ballooned |= set(enter)
        elif kind == 1:
            self.balloon(*(("D", self.page(p), self.PIECE) for p in leave))
            self.ballooned -= set(leave)
            self.write(self.pick(leave, n // 2 + 1))
        elif kind == 2:
            pairs = list(zip(leave, enter))
            self.balloon(*(("S", self.page(a), self.page(b), self.PIECE) for a, b in pairs))
            self.ballooned -= {a for a, _ in pairs}
            self.ballooned |= {b for _, b in pairs}
            self.write(a for a, _ in pairs)
        else:
            pieces = self.pick(self.free(), n)
            hint([(self.page(p) * PAGE, self.PIECE * PAGE) for p in pieces])
            self.done["hint"] += len(pieces)
        self.write(self.pick(self.free(), n // 2))
        self.write(self.pick(self.content, 8))

    def verify(self, m):
        path, size = os.path.join(m.dir, "memory"), self.PIECE * PAGE
        m.qmp("pmemsave", val=PLAY, size=self.PIECES * size, filename=path)
        with open(path, "rb") as f:
            data = f.read()
        wrong = [piece for piece, byte in self.content.items()
                 if data[piece * size:(piece + 1) * size] != bytes([byte]) * size]
        assert not wrong, f"pieces {wrong[:20]} of {len(self.content)}"


class Hinter:
    """The driver's half of hinting beside page ops: names memory as long as it is asked to."""

    FEATURES = 1 << F_STATS_VQ | 1 << F_FREE_PAGE_HINT | 1 << pci.F_RING_RESET
    ID_MIN = SPEC["VIRTIO_BALLOON_CMD_ID_DONE"] + 1

    def __init__(self, b):
        self.b, self.id = b, None

    def send(self, parts):
        head = self.b.ring[HINT].add(parts)
        self.b.kick(HINT)
        assert self.b.wait_used(HINT) == [(head, 0)]

    def __call__(self, ranges):
        asked = self.b.io.config_read(8)
        if asked != self.id and asked >= self.ID_MIN:
            self.id = asked
            at = self.b.place(asked.to_bytes(4, "little"))
            self.send([(at, 4, 0)])
        for gpa, size in ranges:
            self.send([(gpa, size, WRITE)])


@pytest.mark.parametrize("seed", [1, 2])
def test_hints_and_the_ledger_together_drop_nothing(boot, seed):
    """Inflates, deflates, swaps, hints of free memory and writes in any order, thousands of them,
    over many syncs: what is in use at the end is right to the last byte at the target."""
    h = Held(boot, ",free-page-hint=on,iothread=io", args=("-object", "iothread,id=io"),
             features=Hinter.FEATURES, used=Guest.PIECES * Guest.PIECE * PAGE)
    hinter = Hinter(h.b)
    g = Guest(h, seed)
    g.write(range(0, g.PIECES, 3))
    g.balloon(*(("I", g.page(p), g.PIECE) for p in range(1, g.PIECES, 3)))
    g.ballooned = set(range(1, g.PIECES, 3))
    # Less than what is written meanwhile, so that it does not end by itself.
    h.begin(1 << 19)
    steps = 0
    while sum(g.done.values()) < 8000 or h.ram()["dirty-sync-count"] < 6:
        g.step(hinter)
        steps += 1
        assert steps < 6000, f"{h.ram()['dirty-sync-count']} syncs in {g.done}"
        assert h.status() == "active", "the migration was over too early to be of use"
    assert all(n > 300 for n in g.done.values()), g.done
    kinds = [len(kind) for kind in (g.content, g.ballooned, g.free())]
    assert min(kinds) > g.PIECES // 10, kinds
    g.verify(h.m)
    h.finish()
    b = h.run_target()
    g.verify(h.target)
    assert b.shown("balloon-pages") == len(g.ballooned) * g.PIECE
    assert sum(pages for pages, _ in h.skipped()) > 0
