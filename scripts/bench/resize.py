# SPDX-License-Identifier: GPL-2.0-or-later
"""One change of a guest's size, timed from outside.

The clock starts before the QMP command and stops when query-balloon answers the
target exactly. Beside it: the time until the host's RSS has followed, the RSS
in between, and QEMU's processor time until it rests again: by thread, in all
("busy"), and what of it came after the answer ("later"). One thread.
"""

import time

from vmlab.errors import LabError

from .cpu import Meter

FASTEST_S = 0.002
SLOWEST_S = 0.005
CALM_S = 0.1
STUCK_S = 60
FOLLOWED = 0.98


def rss_bytes(pid):
    """Cheaper than hostmem's, which reads a longer file."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def change(vm, mib, calm=False):
    """Sets the guest's size; returns the step's values. s, ms, MiB, GiB.

    calm: look seldom, so that looking costs QEMU next to nothing; the time is
    then no result."""
    meter = Meter(vm)
    target = mib << 20
    before = vm.qmp.cmd("query-balloon")["actual"]
    samples = [(0.0, rss_bytes(vm.pid))]
    meter.begin()
    begin = time.monotonic()
    vm.set_balloon(mib)
    took = _watch(vm, target, begin, samples, CALM_S if calm else None)
    at_answer = meter.end()
    meter.settle()
    used = meter.end()
    samples.append((time.monotonic() - begin, rss_bytes(vm.pid)))
    gib = abs(before - target) / (1 << 30)
    start, end = samples[0][1], samples[-1][1]
    return {
        "s": None if calm else took,
        "gib": gib,
        "rss_s": _followed(samples),
        "rss_above_mib": (max(rss for _, rss in samples) - start) / (1 << 20),
        "rss_left_mib": max(0.0, gib * 1024 - (start - end) / (1 << 20)),
        "other_ms_per_gib": used["other_ms"] / gib,
        "vcpu_ms_per_gib": used["vcpu_ms"] / gib,
        "busy_ms_per_gib": sum(used.values()) / gib,
        "later_ms_per_gib": (sum(used.values()) - sum(at_answer.values())) / gib,
    }


def _watch(vm, target, begin, samples, every):
    last, moved = None, begin
    while True:
        actual = vm.qmp.cmd("query-balloon")["actual"]
        now = time.monotonic()
        samples.append((now - begin, rss_bytes(vm.pid)))
        if actual == target:
            return now - begin
        if actual != last:
            last, moved = actual, now
        elif now - moved > STUCK_S:
            raise LabError(f"the guest stays at {actual >> 20} MiB, {target >> 20} were asked for")
        # half a percent of what has passed is precise enough
        time.sleep(every or min(max((now - begin) / 200, FASTEST_S), SLOWEST_S))


def _followed(samples):
    """Seconds until the RSS had fallen nearly as far as it would; None if it did not fall."""
    start, end = samples[0][1], samples[-1][1]
    if start - end < 64 << 20:
        return None
    line = start - (start - end) * FOLLOWED
    # a balloon may make it rise first: the last time it was above counts
    at = 0.0
    for when, rss in samples:
        if rss > line:
            at = when
    return next((when for when, _ in samples if when > at), at)
