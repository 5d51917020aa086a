# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenes that count what passes between guest and host, and scenes in which the
guest's compaction moves ballooned pages. Shape as in scenes_resize.
"""

import time

from vmlab import recipes
from vmlab.errors import LabError

from . import counts, lab, resize, waits

COUNT_GUEST_MIB, COUNT_AWAY_MIB = 2048, 1024
MOVE_GUEST_MIB = 2048
HALF = 500
LEFT_MIB = 160  # free beside the balloon: targets for compaction, more than the driver leaves
ENOUGH = 10_000
ASYNC_MIB = 400


def count(bench, pair, note):
    """Notifications and host discards of 1 GiB out and back, touched, unfragmented."""
    with lab.guest(bench, pair, COUNT_GUEST_MIB, lab.NO_ZEROING) as vm:
        lab.touch(bench, vm)
        for step, mib in (("shrink", COUNT_GUEST_MIB - COUNT_AWAY_MIB), ("grow", COUNT_GUEST_MIB)):
            bench.say(f"count: {step}")
            with counts.notifications(vm) as kicks, counts.discards(vm, bench.folder) as calls:
                vm.resize(mib, lab.TIMEOUT_S, bench.tick)
            gib = COUNT_AWAY_MIB / 1024
            note(step, {"notifications_per_gib": kicks.total / gib,
                        "discards_per_gib": max(calls.total, kicks.ranges) / gib,
                        "by_queue": kicks.by_queue, "by_call": calls.counts,
                        "ranges": kicks.ranges})


def instructions(bench, pair, note):
    """Guest instructions of 1 GiB out and back, unfragmented, nothing zeroed."""
    with counts.instructions(bench, pair.device) as counted, lab.guest(
        bench, pair, COUNT_GUEST_MIB, lab.NO_ZEROING, qemu_args=counted.args
    ) as vm:
        for step, mib in (("shrink", COUNT_GUEST_MIB - COUNT_AWAY_MIB), ("grow", COUNT_GUEST_MIB)):
            before = counted.read()
            gib = resize.change(vm, mib, calm=True)["gib"]
            note(step, {"millions_per_gib": (counted.read() - before) / 1e6 / gib})


def _full_of_holes(bench, vm):
    """The balloon holds scattered pages, and as many lie free among them."""
    holder = lab.scatter(bench, vm, HALF)
    vm.resize(vm.memory_mib - (lab.free_mib(vm) - LEFT_MIB), lab.TIMEOUT_S, bench.tick)
    lab.end_job(holder)


def _compact(bench, vm):
    bench.say("compact")
    begin = time.monotonic()
    moved = recipes.compact(vm.guest, lab.TIMEOUT_S, tick=lambda: bench.tick(0))
    took = time.monotonic() - begin
    if moved.ballooned_moved < ENOUGH:
        raise LabError(f"compaction moved {moved.ballooned_moved} ballooned pages, not {ENOUGH}")
    later = _blocks_at_rest(vm)
    return {"s": took, "moved": moved.ballooned_moved, "all_moved": moved.all_moved,
            "us_per_page": took * 1e6 / moved.ballooned_moved,
            "blocks_gained": moved.blocks_after - moved.blocks_before,
            "blocks_gained_later": later - moved.blocks_before}


def _blocks_at_rest(vm, timeout=5):
    """Whole free blocks once their number stays: a driver may let go of pages late."""
    end, last = time.monotonic() + timeout, -1
    while time.monotonic() < end:
        now = recipes.free_blocks(vm.guest)
        if now == last:
            break
        last = now
        time.sleep(0.5)
    return last


def compaction(bench, pair, note):
    """Time, in one guest, and notifications, in another."""
    with lab.guest(bench, pair, MOVE_GUEST_MIB, lab.NO_ZEROING) as vm:
        _full_of_holes(bench, vm)
        note("time", _compact(bench, vm))
    with lab.guest(bench, pair, MOVE_GUEST_MIB, lab.NO_ZEROING) as vm:
        _full_of_holes(bench, vm)
        with counts.notifications(vm) as kicks:
            values = _compact(bench, vm)
        per_page = kicks.total / values["moved"]
        note("count", {"notifications_per_page": per_page, "moved": values["moved"],
                       "by_queue": kicks.by_queue})


def asynchronous(bench, pair, note):
    """Page faults that want huge pages compact memory themselves, and must not sleep for
    a ballooned page: how often did they?"""
    with lab.guest(bench, pair, MOVE_GUEST_MIB, lab.NO_ZEROING) as vm:
        _full_of_holes(bench, vm)
        bench.say("huge pages wanted")
        with waits.watched(vm) as seen:
            vm.guest.run(f"benchtool first {ASYNC_MIB}", lab.TIMEOUT_S, check=False)
        if seen.moved < 100:
            raise LabError(f"only {seen.moved} ballooned pages were moved in MIGRATE_ASYNC")
        note("async", {"waits_per_page": seen.waits / seen.moved,
                       "kicks_per_page": seen.kicks / seen.moved,
                       "moved": seen.moved, "refused": seen.refused,
                       "waits": seen.waits, "kicks": seen.kicks})
