# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenes about shrinking and growing: each a guest of its own, some steps in it.

A scene is a function (bench, pair, note); note(step, values) records a step.
"""

import subprocess
import sys
from pathlib import Path

from vmlab.errors import LabError

from . import counts, cpu, host, lab, resize, stall

GUEST_MIB = 6144
AWAY_MIB = 4608
SCATTERED_AWAY_MIB = 2304  # half of the pages are free, the rest are held
# As long as a shrink is watched, on one processor, as a shrink is at work.
COMPUTE = "timeout 5 sh -c 'while :; do :; done'; true"
FIRST_TOUCH_MIB = 1024
HALF = 500  # of 1000 pages
LEVELS = (0, 10, 50, 200, 500)  # of 1000 pages held, scattered
LEVEL_GUEST_MIB, LEVEL_AWAY_MIB = 4096, 1536


def _shrink(bench, vm, mib, calm=False):
    bench.say(f"shrink to {vm.memory_mib - mib} MiB")
    return resize.change(vm, vm.memory_mib - mib, calm)


def _grow(vm):
    return resize.change(vm, vm.memory_mib)


def _touched(bench, vm, note):
    lab.touch(bench, vm)
    note("memory", {"huge": lab.huge_share(vm)})
    note("floor", lab.floor(bench, vm, AWAY_MIB))
    note("shrink", _shrink(bench, vm, AWAY_MIB))
    note("grow", _grow(vm))
    out = lab.job(bench, vm, f"benchtool first {FIRST_TOUCH_MIB}").output
    note("first touch", {"s_per_gib": int(out.split()[1]) / 1e9 / (FIRST_TOUCH_MIB / 1024)})


def _device_time(bench, vm, note, away_mib):
    """Host processor time of a shrink: other threads' plus the vCPUs' in the device."""
    huge = lab.huge_share(vm)
    with cpu.Sampler(vm, bench.folder) as sampler:
        values = _shrink(bench, vm, away_mib, calm=True)
    share = sampler.device_share()
    values["device_ms_per_gib"] = values["other_ms_per_gib"] + share * values["vcpu_ms_per_gib"]
    note("cpu", {**values, "huge": huge})


def plain(bench, pair, note):
    """Nothing is zeroed on allocation. The untouched guest comes first: it costs the
    host nothing that could be seen later."""
    with lab.guest(bench, pair, GUEST_MIB, lab.NO_ZEROING) as vm:
        note("shrink untouched", _shrink(bench, vm, AWAY_MIB))
        note("grow untouched", _grow(vm))
        _touched(bench, vm, note)


def debian(bench, pair, note):
    """As Debian's kernel comes: it zeroes what it hands out."""
    with lab.guest(bench, pair, GUEST_MIB) as vm:
        _touched(bench, vm, note)


def fresh(bench, pair, note):
    """The same, never touched: zeroing makes the host back what it is about to get."""
    with lab.guest(bench, pair, GUEST_MIB) as vm:
        note("shrink untouched", _shrink(bench, vm, AWAY_MIB))
        note("grow untouched", _grow(vm))


def device(bench, pair, note):
    """Processor time in the host, huge pages behind the guest."""
    with lab.guest(bench, pair, GUEST_MIB, lab.NO_ZEROING) as vm:
        lab.touch(bench, vm)
        _device_time(bench, vm, note, AWAY_MIB)


def stalled(bench, pair, note):
    """The worst answer during a shrink, first with all of QEMU but the vCPUs ahead of the
    machine's other threads, then without; beside it, in a guest that computes as hard for
    as long, and how long the device itself held QEMU at most."""
    with lab.guest(bench, pair, GUEST_MIB, lab.NO_ZEROING) as vm:
        lab.touch(bench, vm)
        with stall.ahead(vm, cpu.vcpu_threads(vm)):
            with stall.Probe(vm.stall_path, ahead=True) as held_up, counts.slices(vm) as held:
                _shrink(bench, vm, AWAY_MIB, calm=True)
        _grow(vm)
        lab.touch(bench, vm)
        with stall.Probe(vm.stall_path) as busy:
            vm.guest.run(COMPUTE, lab.TIMEOUT_S)
        with stall.Probe(vm.stall_path) as probe:
            _shrink(bench, vm, AWAY_MIB, calm=True)
        found = {"": held_up, "plain_": probe, "noise_": busy}
        if not all(probe.result for probe in found.values()):
            raise LabError("the second monitor gave no answer")
        values = {f"{kind}{key}": value for kind, probe in found.items()
                  for key, value in probe.result.items()}
        note("stall", {**values, "slice_ms": held.worst_ms})


def small(bench, pair, note):
    """The host backs the guest with 4 KiB pages."""
    with lab.guest(bench, pair, GUEST_MIB, lab.NO_ZEROING, small=True) as vm:
        lab.touch(bench, vm)
        _device_time(bench, vm, note, AWAY_MIB)


def scattered(bench, pair, note):
    """The guest's free memory lies in single pages."""
    with lab.guest(bench, pair, GUEST_MIB, lab.NO_ZEROING) as vm:
        lab.scatter(bench, vm, HALF)
        note("memory", lab.free_by_order(vm))
        note("shrink", _shrink(bench, vm, SCATTERED_AWAY_MIB))
        note("grow", _grow(vm))
    with lab.guest(bench, pair, GUEST_MIB, lab.NO_ZEROING) as vm:
        lab.scatter(bench, vm, HALF)
        _device_time(bench, vm, note, SCATTERED_AWAY_MIB)


def levels(bench, pair, note):
    """The same shrink with more and more pages held in between. A guest for each: what
    was given back in small pieces comes back from the host in small pages."""
    for held in LEVELS:
        with lab.guest(bench, pair, LEVEL_GUEST_MIB, lab.NO_ZEROING) as vm:
            if held:
                lab.scatter(bench, vm, 1000 - held)
            else:
                lab.touch(bench, vm)
            note(f"held {held}", {**_shrink(bench, vm, LEVEL_AWAY_MIB), **lab.free_by_order(vm)})


def size(guest_mib):
    """A scene for a guest of that size, three quarters of which leave it."""

    def scene(bench, pair, note):
        with lab.guest(bench, pair, guest_mib, lab.NO_ZEROING) as vm:
            lab.touch(bench, vm)
            note("shrink", _shrink(bench, vm, guest_mib * 3 // 4))
            note("grow", _grow(vm))

    return scene


def host_floor(bench, _pair, note):
    """One madvise over as much touched memory as the guest gives up."""
    program = Path(__file__).with_name("host_floor.py")
    host.wait_for_memory(AWAY_MIB, bench.say)
    for kind in ("huge", "small"):
        done = subprocess.run(
            [sys.executable, "-B", program, str(AWAY_MIB), kind],
            capture_output=True, text=True, timeout=120, check=False,
        )
        if done.returncode:
            raise LabError(f"host floor: {done.stderr.strip()[-200:]}")
        note(f"madvise {kind}", {"s": float(done.stdout)})
