# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenes about huge pages, the host's and the guest's: what a balloon of scattered pages
leaves of them, and what gathering the balloon into whole blocks costs a program.
Shape as in scenes_resize.

Guest data is checked in each; a wrong page fails the scene. What the host got is read
from its pagemap, smaps and free huge pages, never from the pair's own counts.
"""

import statistics
import time

from vmlab.errors import LabError
from vmlab.hostmem import HugePages
from vmlab.recipes import free_blocks
from vmlab.waits import wait_for

from . import lab

GUEST_MIB, AWAY_MIB = 2048, 1024
SPREAD_MIB, EVERY = 1740, 4  # of so much memory one page in so many stays in use
IN_USE = 0.9
FLOOR_MIB = 16  # of our driver, in a guest as full as that; the kernel keeps some 70 for itself
WITHIN_S = 60
CALM_S = 15  # nothing more is to come when nothing came for so long
NEARLY = 0.95
LOOK_S = 1.0
STEP_MIB = 16  # less is what a guest at rest takes and gives
HUGE_PAGES = "/proc/sys/vm/nr_hugepages"
SIZE_SPREAD_MIB, SIZE_KEPT_MIB = 1600, 400  # one page in four of it; in half of it, in two
LEAST_FREE_MIB = 72  # watermarks, and what a guest that works takes beside
LOOP_MIB, TURN_S, TURNS = 64, 3, 6
PARAMETER = "/sys/module/virtio_balloon/parameters/gather"
STATE = "/sys/kernel/debug/virtio_balloon/*/state"
BALLOON, UNTORN = "virtio-balloon-pci", ",discard-granularity=2M"
# The host backs all of it from the start, as whole huge pages where it has them.
BACKING = {
    "thp": "memory-backend-ram",
    "hugetlb": "memory-backend-memfd,share=on,hugetlb=on,hugetlbsize=2M",
}


def _guest(bench, pair, backing="thp", **more):
    memory = f"{BACKING[backing]},id=ram0,size={GUEST_MIB}M,prealloc=on"
    args = ("-object", memory, "-machine", "memory-backend=ram0")
    return lab.guest(bench, pair, GUEST_MIB, qemu_args=args, **more)


def _hold(bench, vm):
    """A guest fragmented as the figures say, with checked content."""
    bench.say(f"one page in {EVERY} of {SPREAD_MIB} MiB in use")
    lab.job(bench, vm, f"memtool fragment hold {SPREAD_MIB} 7 every-{EVERY}")


def _verify(bench, vm, *names):
    for name in names:
        bench.say(f"check guest data: {name}")
        done = vm.guest.run(f"memtool ask {name} verify", lab.TIMEOUT_S, check=False)
        if done.status:
            raise LabError(f"guest data `{name}` is wrong: {done.output.strip()}")


def _shrink(bench, vm):
    bench.say(f"shrink by {AWAY_MIB} MiB")
    vm.resize(GUEST_MIB - AWAY_MIB, lab.TIMEOUT_S, bench.tick)


def _absent_mib(vm):
    return vm.ram().absent_blocks() * 2


def _gather(bench, look, seconds=WITHIN_S):
    """Watches look(), MiB, until the whole balloon is in it, or nothing more comes. "mib" at the
    end, "s" until NEARLY all of the balloon was (None: never), "last_s" of the last change."""
    bench.say("blocks become whole")
    begin = changed = time.monotonic()
    mib = nearly = None
    while True:
        seen, now = look(), time.monotonic()
        if seen != mib:
            mib, changed = seen, now
        if nearly is None and mib >= NEARLY * AWAY_MIB:
            nearly = now - begin
        if mib >= AWAY_MIB or now - begin > seconds or now - changed > CALM_S:
            return {"mib": mib, "s": nearly, "last_s": changed - begin}
        bench.tick()
        time.sleep(LOOK_S)


def _come_to_rest(bench, look):
    """Until look() has not changed for CALM_S, WITHIN_S at most."""
    begin = changed = time.monotonic()
    last = look()
    while changed + CALM_S > (now := time.monotonic()) and begin + WITHIN_S > now:
        bench.tick()
        time.sleep(LOOK_S)
        seen = look()
        if seen != last:
            last, changed = seen, now


def _whole_blocks(bench, vm, note, step, *data):
    before = _absent_mib(vm)
    _shrink(bench, vm)
    found = _gather(bench, lambda: _absent_mib(vm) - before)
    _verify(bench, vm, *data)
    note(step, {**found, "wrong": 0, "free_mib": lab.free_mib(vm)})


def fragmented(bench, pair, note):
    """How much of a balloon of scattered pages ends up in whole absent blocks of the host."""
    with _guest(bench, pair) as vm:
        _hold(bench, vm)
        _whole_blocks(bench, vm, note, "blocks", "hold")


def full(bench, pair, note):
    """The same, and nine tenths of what the balloon leaves are in use."""
    low = {"driver_params": {"floor_mib": FLOOR_MIB}} if pair.driver == "ours" else {}
    with _guest(bench, pair, **low) as vm:
        _hold(bench, vm)
        left = (vm.guest.meminfo()["MemTotal"] >> 10) - AWAY_MIB
        keepers = ("most", "rest")  # the kernel's counts follow late, so in two steps
        for keeper in keepers:
            more = lab.free_mib(vm) - AWAY_MIB - int(left * (1 - IN_USE))
            lab.job(bench, vm, f"memtool keep {keeper} {max(more, 1)} 9 small")
        _whole_blocks(bench, vm, note, "blocks", "hold", *keepers)


def hugetlb(bench, pair, note):
    """What the host's pool of huge pages gains: what the guest's file loses, as other programs may
    use the pool, too."""
    for step in ("plain", "fragmented"):
        with HugePages(GUEST_MIB // 2), _guest(bench, pair, "hugetlb") as vm:
            if step == "plain":
                lab.job(bench, vm, "memtool keep hold 400 7")
            else:
                _hold(bench, vm)
            ram, free = vm.ram(), HugePages.free()
            before = ram.backing_bytes()
            _shrink(bench, vm)
            found = _gather(bench, lambda ram=ram, had=before: had - ram.backing_bytes() >> 20)
            _verify(bench, vm, "hold")
            note(step, {**found, "pool_mib": (HugePages.free() - free) * 2})


def _huge_share(ram):
    """Of what the host backs, the fraction in huge pages."""
    return ram.huge_bytes() / ram.rss_bytes()


def cycle(bench, pair, note):
    """What is left of the host's huge pages while memory is away, and once it was and is used
    again; with our device also where it tears none (discard-granularity)."""
    for step in ("plain", "fragmented", "untorn"):
        if step == "untorn" and pair.device != "ours":
            continue
        with _guest(bench, pair, balloon=BALLOON + UNTORN * (step == "untorn")) as vm:
            if step == "plain":
                lab.job(bench, vm, "memtool keep hold 400 7")
            else:
                _hold(bench, vm)
            ram = vm.ram()
            if _huge_share(ram) < 0.5:
                raise LabError("the host backs the guest with small pages: transparent huge"
                               " pages are off, or none were to be had")
            start, before = _absent_mib(vm), _huge_share(ram)
            _shrink(bench, vm)
            found = _gather(bench, lambda vm=vm, start=start: _absent_mib(vm) - start)
            away = {"away": 100 * _huge_share(ram) / before, "away_mib": found["mib"]}
            vm.resize(GUEST_MIB, lab.TIMEOUT_S, bench.tick)
            lab.touch(bench, vm)
            _verify(bench, vm, "hold")
            note(step, {**away, "kept": 100 * _huge_share(ram) / before, "before": before,
                        "huge_mib": ram.huge_bytes() >> 20})


def _pieces_mib(vm):
    """Free memory of the guest that is in no whole block."""
    return lab.free_mib(vm) - 2 * free_blocks(vm.guest)


def _hold_at_random(bench, vm, spread_mib):
    bench.say(f"{SIZE_KEPT_MIB} MiB of {spread_mib} MiB in use")
    given = 1000 - 1000 * SIZE_KEPT_MIB // spread_mib
    lab.job(bench, vm, f"memtool fragment hold {spread_mib} 7 {given}")


def _take_huge_pages(bench, vm, count):
    """How many of so many the guest's kernel gets for its own use; and how many when it was asked
    to compact memory before."""
    bench.say("huge pages of the guest")
    free, begin = lab.free_mib(vm), time.monotonic()
    lab.job(bench, vm, f"echo {count} >{HUGE_PAGES}")
    took, got = time.monotonic() - begin, int(vm.guest.read(HUGE_PAGES))
    lab.job(bench, vm, f"echo 0 >{HUGE_PAGES}; echo 1 >/proc/sys/vm/compact_memory")
    lab.job(bench, vm, f"echo {count} >{HUGE_PAGES}")
    _verify(bench, vm, "hold")
    return {"count": got, "wanted": count, "s": took, "free_mib": free,
            "compacted": int(vm.guest.read(HUGE_PAGES))}


def guest_pages(bench, pair, note):
    """The guest's own huge pages: one half ballooned, and beside it one of the size that is left,
    without a balloon, in which as much memory is as scattered. Both are asked for as many as leave
    the second one what its kernel needs."""
    with lab.guest(bench, pair, GUEST_MIB // 2, driver=False) as vm:
        size = vm.guest.meminfo()["MemTotal"]
        _hold_at_random(bench, vm, SIZE_SPREAD_MIB // 2)
        count = (lab.free_mib(vm) - LEAST_FREE_MIB) // 2
        without = _take_huge_pages(bench, vm, count)
        note("unballooned", without)
    with lab.guest(bench, pair, GUEST_MIB) as vm:
        away = (vm.guest.meminfo()["MemTotal"] - size) >> 10
        _hold_at_random(bench, vm, SIZE_SPREAD_MIB)
        before = _absent_mib(vm)
        vm.resize(GUEST_MIB - away, lab.TIMEOUT_S, bench.tick)
        _gather(bench, lambda: _absent_mib(vm) - before)
        bench.say("the guest's free memory comes to rest")
        _come_to_rest(bench, lambda: _pieces_mib(vm) // STEP_MIB)
        took = _take_huge_pages(bench, vm, count)
        note("ballooned", took | {
            "share": 100 * took["count"] / without["count"],
            "compacted_share": 100 * took["compacted"] / without["compacted"],
        })


class _Loop:
    """Programs that go over their memory all the time, and how far they have got."""

    def __init__(self, bench, vm, processes):
        self._bench = bench
        self._job = vm.guest.start(f"benchtool loop {LOOP_MIB} {processes}")

    def at(self):
        """(seconds, MiB) by the last word so far; waits for the first."""

        def lines():
            return self._job.output.splitlines()[:-1]

        words = wait_for(lines, 30, "the guest's loop", tick=self._bench.tick)[-1].split()
        return int(words[0]) / 1e9, int(words[1])

    def pace(self, seconds):
        """MiB a second, over so many."""
        begin = self.at()
        wait_for(lambda: self.at()[0] > begin[0] + seconds, seconds + 30, "the guest's loop",
                 tick=self._bench.tick)
        end = self.at()
        return (end[1] - begin[1]) / (end[0] - begin[0])

    def end(self):
        lab.end_job(self._job)


def _switch(bench, vm, value):
    """Waits until the driver has noticed, where there is a switch. Its own word serves for that
    alone. True while it gathers."""
    if vm.guest.run(f"[ ! -e {PARAMETER} ] || ! echo {value} >{PARAMETER}", check=False).status:
        look = f"grep ^gather_state {STATE}"
        ends = {"Y": ("running", "idle"), "N": ("off",)}[value]

        def word():
            found = vm.guest.run(look).output.split()[-1]
            return found if found in ends else None

        return wait_for(word, 30, f"gather={value}", poll=0.1, tick=bench.tick) == "running"
    return value == "Y"


def loop(bench, pair, note):
    """What a program loses while the balloon is gathered: in turn it is not, and it is. With
    another driver than ours it never is, so that this figure says how exact it is."""
    off = {"driver_params": {"gather": "N"}} if pair.driver == "ours" else {}
    for step, processes in (("one", 1), ("all", 2)):
        with _guest(bench, pair, **off) as vm:
            _hold(bench, vm)
            before = _absent_mib(vm)
            _shrink(bench, vm)
            bench.say("a loop in the guest, while blocks become whole and while not")
            programs = _Loop(bench, vm, processes)
            calm, busy = [programs.pace(TURN_S)], []
            while len(busy) < TURNS and _switch(bench, vm, "Y"):
                busy.append(programs.pace(TURN_S))
                _switch(bench, vm, "N")
                calm.append(programs.pace(TURN_S))
            programs.end()
            _verify(bench, vm, "hold")
            if not busy:
                raise LabError("nothing was left to gather")
            # against the turns beside it, as the machine may have other things to do meanwhile
            lost = [100 * (1 - 2 * pace / (calm[i] + calm[i + 1])) for i, pace in enumerate(busy)]
            note(step, {"loss": statistics.median(lost), "turns": lost, "calm": calm, "busy": busy,
                        "mib": _absent_mib(vm) - before})
