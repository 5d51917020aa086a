# SPDX-License-Identifier: GPL-2.0-or-later
"""What the demo does, step by step, and what must have happened after each.

A step whose effect cannot be seen from outside (host RSS, guest meminfo and
vmstat, libvirt, a checksum) raises LabError; nothing is taken on trust.
"""

import time

from vmlab import libvirtd, recipes
from vmlab.errors import LabError
from vmlab.leftovers import sweep
from vmlab.paths import Paths
from vmlab.waits import wait_for

from . import machine, picture
from .guest import ShownGuest
from .sampler import Sampler

GUEST_MIB = 2048
SMALL_MIB = 1024
DATA_MIB = 128
DATA_SEED = 20240611
UNTOUCHED_MIB = 60  # more would make the guest reclaim
REUSE_MIB = 600
FREED_SHARE = 640  # of 1000 pages, so that 1 GiB can leave the guest
MOVED_MIN = 10_000
SLACK = 0.9  # of what should leave or come back on the host


class Story:
    def __init__(self, screen, session, plot):
        self._screen = screen
        self._session = session
        self._plot = plot
        self._phases = []  # (begin, end, words) for the picture
        self.domain = None
        self.sampler = None
        self.facts = {}

    def run(self):
        screen = self._screen
        screen.step("check this machine")
        paths = Paths.load()
        screen.done(machine.check(paths, GUEST_MIB, self._plot))
        self._start_libvirt(paths)
        with ShownGuest(screen, paths, GUEST_MIB) as self.domain:
            self._load()
            try:
                self._tell()
            finally:
                self.sampler.stop()  # before the guest goes
            screen.step("end the guest")
        screen.done("domain gone")
        picture.draw(self._plot, self.sampler.samples, self._phases, GUEST_MIB)
        screen.close()
        self._summary()

    # -- getting there ------------------------------------------------------------

    def _start_libvirt(self, paths):
        screen = self._screen
        screen.step("reach libvirt")
        libvirtd.ensure(self._session, screen.note, paths.qemu, screen.tick)
        for name in sweep():
            screen.note(f"ended {name}, left by a run that was killed")
        screen.done()

    def _load(self):
        screen = self._screen
        screen.step("load our driver")
        self.domain.guest.load_driver("ours")
        self.sampler = Sampler(self.domain)
        self.sampler.take()
        self.sampler.start()
        screen.gauges = self._gauges
        screen.done()

    def _gauges(self):
        s = self.sampler.last
        return [
            ("balloon", f"target {s.target:5d}  actual {s.actual:5.0f} MiB", s.actual / GUEST_MIB),
            ("guest free", f"{s.free:5.0f} of {s.total:5.0f} MiB", s.free / GUEST_MIB),
            ("host RSS", f"{s.rss:5.0f} MiB", s.rss / GUEST_MIB),
            ("pages migrated", f"{s.moved:6d}", None),
        ]

    # -- the story ----------------------------------------------------------------

    def _tell(self):
        start = self.sampler.last
        checksum = self._data()
        full = self._touch(start)
        self._scatter()
        small = self._shrink(full)
        self._compact(small)
        recipes.consolidate(self.domain.guest, True)
        self._dommemstat()
        self._grow(start)
        self._reuse()
        self._verify(checksum)
        self._clean_log()

    def _data(self):
        screen = self._screen
        screen.step(f"fill {DATA_MIB} MiB of checked data")
        self._job(f"memtool keep data {DATA_MIB} {DATA_SEED}", 3.0, 60)
        checksum = self._job("memtool ask data verify", 1.0, 60)
        screen.done(checksum.split()[-1])
        return checksum

    def _touch(self, start):
        screen, guest = self._screen, self.domain.guest
        screen.step("touch all guest memory")
        begin = self.sampler.now()
        goal = (start.total - DATA_MIB - UNTOUCHED_MIB) * SLACK

        def backed(_=None):
            screen.tick((self.sampler.last.rss - start.rss) / goal)

        recipes.background(guest, f"memtool touch free-{UNTOUCHED_MIB}", 120, backed)
        full = self.sampler.take()
        self._phase(begin, "all guest memory touched")
        if full.rss - start.rss < goal:
            raise LabError(f"host RSS is {full.rss:.0f} MiB: guest memory was not backed")
        screen.done(f"host RSS {start.rss:.0f} -> {full.rss:.0f} MiB")
        return full

    def _scatter(self):
        screen, sampler = self._screen, self.sampler
        screen.step("take it again, free scattered pages")
        begin, free = sampler.now(), sampler.last.free
        recipes.fragment(
            self.domain.guest,
            share=FREED_SHARE,
            tick=lambda: screen.tick(1 - sampler.last.free / free),
        )
        self._phase(begin, "taken, freed in part")
        blocks = recipes.free_blocks(self.domain.guest)
        screen.done(f"{sampler.take().free:.0f} MiB free, {blocks} whole blocks of 2 MiB")

    def _setmem(self, mib, words):
        """virsh setmem, and waits for libvirt to see it; (before, after, seconds)."""
        screen, sampler = self._screen, self.sampler
        screen.step(f"virsh setmem {mib} MiB")
        before = sampler.take()
        begin = sampler.now()
        sampler.target = mib
        self.domain.setmem(mib)
        span = mib - before.actual

        def there():
            screen.tick((sampler.last.actual - before.actual) / span)
            return sampler.last.actual == mib

        wait_for(there, 90, f"virsh setmem to {mib} MiB")
        took = sampler.now() - begin
        # the last discards may still be under way when the guest reports its size
        expect = before.total + span
        wait_for(lambda: abs(sampler.last.total - expect) < 1, 20, f"MemTotal of {expect:.0f} MiB")
        after = sampler.take()
        self._phase(begin, words)
        return before, after, took

    def _shrink(self, full):
        before, after, took = self._setmem(SMALL_MIB, "setmem 1 GiB")
        wanted = (GUEST_MIB - SMALL_MIB) * SLACK
        if before.free - after.free < wanted:
            raise LabError(f"guest free memory fell by {before.free - after.free:.0f} MiB only")
        if full.rss - after.rss < wanted:
            raise LabError(f"host RSS fell by {full.rss - after.rss:.0f} MiB only")
        self.facts["shrink"] = (before, after, took)
        self._screen.done(f"guest free {before.free:.0f} -> {after.free:.0f},"
                          f" host RSS {before.rss:.0f} -> {after.rss:.0f} MiB")
        return after

    def _compact(self, small):
        screen = self._screen
        screen.step("end the program that held memory")
        recipes.release(self.domain.guest)
        screen.done("free memory is in scattered pages")
        screen.step("compact memory in the guest")
        begin = self.sampler.now()
        result = recipes.compact(
            self.domain.guest,
            tick=lambda: screen.tick((self.sampler.last.moved - small.moved) / 95_000),
        )
        after = self.sampler.take()
        self._phase(begin, f"compaction: {result.ballooned_moved:,} pages")
        if result.ballooned_moved < MOVED_MIN:
            raise LabError(f"compaction moved {result.ballooned_moved} ballooned pages,"
                           f" at least {MOVED_MIN} were expected")
        if after.actual != SMALL_MIB:
            raise LabError(f"compaction changed the balloon: guest has {after.actual:.0f} MiB")
        self.facts["compaction"] = result
        screen.done(f"{result.ballooned_moved:,} ballooned pages moved; free 2 MiB blocks"
                    f" {result.blocks_before} -> {result.blocks_after}")

    def _dommemstat(self):
        screen = self._screen
        screen.step("virsh dommemstat")
        since = int(time.time())

        def fresh():
            stats = self.domain.dommemstat()
            return stats if stats.get("last_update", 0) > since else None

        begin = time.monotonic()
        tick = lambda _: screen.tick((time.monotonic() - begin) / 2.5)  # noqa: E731
        stats = wait_for(fresh, 20, "fresh guest statistics in virsh dommemstat", 0.1, tick)
        missing = [key for key in ("actual", "unused", "available") if key not in stats]
        if missing:
            raise LabError(f"virsh dommemstat lacks {', '.join(missing)}")
        free = self.domain.guest.meminfo()["MemFree"]
        if abs(stats["unused"] - free) > 64 << 10:
            raise LabError(f"virsh dommemstat says {stats['unused']} KiB unused, the guest {free}")
        screen.done(f"actual {stats['actual'] >> 10}, unused {stats['unused'] >> 10},"
                    f" available {stats['available'] >> 10} MiB, {len(stats)} values")

    def _grow(self, start):
        before, after, took = self._setmem(GUEST_MIB, "setmem 2 GiB")
        if after.total != start.total:
            raise LabError(f"MemTotal came back to {after.total:.1f} MiB, not {start.total:.1f}")
        self.facts["grow"] = (before, after, took)
        self._screen.done(f"MemTotal {before.total:.0f} -> {after.total:.0f} MiB")

    def _reuse(self):
        screen = self._screen
        screen.step(f"use {REUSE_MIB} MiB of it again")
        before, begin = self.sampler.take(), self.sampler.now()
        self._job(f"memtool touch {REUSE_MIB} 5", 3.0, 60)
        after = self.sampler.take()
        self._phase(begin, "used again")
        if after.rss - before.rss < 50:
            raise LabError("host RSS did not grow when the guest used its memory again")
        screen.done(f"host RSS {before.rss:.0f} -> {after.rss:.0f} MiB")

    def _verify(self, checksum):
        screen = self._screen
        screen.step("check the guest's data")
        now = self._job("memtool ask data verify", 1.0, 60)
        if now != checksum:
            raise LabError(f"guest data changed: {now.split()[-1]}, it was {checksum.split()[-1]}")
        screen.done(f"same checksum, {now.split()[-1]}")

    def _clean_log(self):
        self._screen.step("read the guest's kernel log")
        splats = self.domain.splats()
        if splats:
            raise LabError(f"the guest's kernel complains: {splats[0]}")
        self._screen.done("no complaint")

    # -- small helpers ------------------------------------------------------------

    def _phase(self, begin, words):
        self._phases.append((begin, self.sampler.now(), words))

    def _job(self, command, expected, timeout):
        job = self.domain.guest.start(command)
        try:
            self._screen.guess(expected, job.done, timeout, f"`{command}` in the guest")
        except BaseException:
            job.kill()
            raise
        return job.wait().output.strip()

    def _summary(self):
        before, after, shrink_s = self.facts["shrink"]
        _, grown, grow_s = self.facts["grow"]
        moved = self.facts["compaction"]
        given = (before.rss - after.rss) / 1024
        print(f"virsh setmem gave {given:.2f} GiB back to the host in {shrink_s:.1f} s"
              f" and returned them in {grow_s:.1f} s.")
        print(f"Compaction moved {moved.ballooned_moved:,} ballooned pages: free 2 MiB blocks in"
              f" the guest went from {moved.blocks_before} to {moved.blocks_after}.")
        print(f"MemTotal is back at {grown.total:.0f} MiB and the guest's data is unharmed.")
