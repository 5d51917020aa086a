# SPDX-License-Identifier: GPL-2.0-or-later
"""Acting in the middle of a resize, and knowing afterwards that it was the middle.

Judged by QEMU's trace of what the driver wrote as its size: it tells the end of a
resize at once, so where that is not in the trace the end was not reached.
"""

import re
from contextlib import contextmanager

from vmlab.waits import wait_for

from . import size
from .env import PAGE, scaled
from .trace import traced

# A guest that zeroes pages lets a resize last long enough to be caught half way: taken ones as
# Debian's does, for an inflate, and freed ones, for a deflate.
SLOW = {"kernel_args": "init_on_alloc=1 init_on_free=1"}
TRIES = 5
TOLD = re.compile(r"set_config actual: (\d+)")


class Way:
    """.reached: whether the driver said that it was at the target; after the with block."""

    reached = None


@contextmanager
def watched(vm, target):
    """with watched(vm, bytes) as way: ...; then way.reached."""
    way = Way()
    with traced(vm, "virtio_balloon_set_config") as seen:
        yield way
    told = {int(pages) for line in seen.lines for pages in TOLD.findall(line)}
    way.reached = (size.full(vm) - target) // PAGE in told


def catch(vm, target, act, again):
    """act() asks for a guest of `target` bytes and cuts that short after the first step. Where the
    guest was faster, again() puts it back to where it came from, for another try."""
    for _ in range(TRIES):
        with watched(vm, target) as way:
            act()
        if not way.reached:
            return
        again()
    raise AssertionError(f"{TRIES} times the guest got to {target} bytes before it was cut short")


def at_first_step(vm, count, command):
    """A command of the guest's (a Job) that runs as soon as that count in /proc/vmstat moves; the
    guest watches it when this returns."""
    look = f"grep '^{count} ' /proc/vmstat"
    watch = f'n=$({look}); echo ready; while [ "$({look})" = "$n" ]; do :; done'
    job = vm.guest.start(f"{watch}; {command}")
    wait_for(lambda: "ready" in job.output, scaled(30), "the guest to watch its balloon")
    return job
