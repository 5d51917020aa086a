# SPDX-License-Identifier: GPL-2.0-or-later
"""A balloon of scattered pages, and how much of it comes to lie in whole 2 MiB blocks.

Judged by QEMU's pagemap, and frame by frame by what the guest's kernel has ballooned. Of the
driver's own words only "running" is used, to know when to act, never to judge.
"""

from contextlib import contextmanager
from pathlib import Path

import pytest

from vmlab.errors import LabError
from vmlab.hostmem import BLOCK
from vmlab.waits import wait_for

from . import driver, frames, kept, size
from .env import GUEST as KERNEL, MIB, PAGE, scaled

WHY_NOT = {
    "6.12-arm64-16k": "to claim 2 MiB this kernel takes the page block around it, 32 MiB:"
                      " three quarters were gathered",
    "6.1-arm64-64k": "to claim 2 MiB this kernel takes the page block around it, 512 MiB",
}
gathers = pytest.mark.skipif(KERNEL in WHY_NOT, reason=WHY_NOT.get(KERNEL, ""))
MEMORY_MIB = 512
# In whole blocks, of what the balloon has: at the end, and at least. The last block is never full.
NEARLY = 0.9
LEAVE_MIB = 64  # a kernel sets some 50 of it aside
HOST_HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HOST_COMPACT = Path("/proc/sys/vm/compact_memory")
PARAMETERS = "/sys/module/virtio_balloon/parameters"
# Where the pace is of no interest; and so little of a CPU that there is time to act in the middle.
FAST, SLOWLY = {"gather_cpu": 100}, {"gather_cpu": 1}
WITHIN_S = 60
UNDER_WAY = ("isolated", "pending", "exchanging")
# The host has to have huge pages behind the guest, else the device wishes for none.
GUEST = {"memory_mib": MEMORY_MIB, "small_pages": False, "driver_params": FAST}


def touch(vm, leave_mib=LEAVE_MIB, share=0.5, by="touch {}"):
    """The host backs nearly all of the guest, at least that share of it with huge pages; returns
    how much with those, in bytes. Skips only where the host has none to give. by: memtool's verb
    that uses all free memory but so much."""
    host = HOST_HUGE.read_text() if HOST_HUGE.exists() else "[never]"
    if "[never]" in host:
        pytest.skip("this host has no transparent huge pages")
    HOST_COMPACT.write_text("1")  # whatever earlier tests left of its free memory
    vm.guest.run("echo 0 >/proc/sys/vm/compaction_proactiveness", check=False)
    vm.guest.run("memtool " + by.format(f"free-{leave_mib}"), scaled(120))
    huge = vm.ram().huge_bytes()
    assert huge >= size.full(vm) * share, f"only {huge // MIB} MiB of the guest are in huge pages"
    return huge


def hold(vm):
    """Of nearly all free memory every fourth page is in use then, with checked content; the
    rest is free, and known to the host. Ends with release()."""
    touch(vm, by="fragment hold {} 11 every-4")


def release(vm, *names):
    """Every keeper's data is right; then it is gone and the balloon empty."""
    for name in names or ("hold",):
        kept.check(vm, name)
    size.resize(vm, size.full(vm))


def spare(vm, leave_mib):
    """The guest's size in bytes once all free memory but so much is in the balloon."""
    return size.full(vm) - (vm.guest.meminfo()["MemFree"] // 1024 - leave_mib) * MIB


def managed(vm, zone):
    """Pages of a zone that are the guest's and not the balloon's."""
    words = iter(vm.guest.read("/proc/zoneinfo").split())
    for word in words:
        if word == "zone" and next(words) == zone:
            break
    for word in words:
        if word == "managed":
            return int(next(words))
    raise AssertionError(f"the guest has no zone {zone}")


def absent(vm):
    """Bytes in 2 MiB blocks of which the host backs no page."""
    return vm.ram().absent_blocks() * BLOCK


def whole(vm):
    """Bytes in 2 MiB blocks that are wholly in the balloon, and of which the host backs no page.
    Of a balloon at rest."""
    marks, present, step = frames.ballooned(vm), vm.ram().present(), BLOCK // PAGE
    full, none = b"\1" * step, b"\0" * step
    return BLOCK * sum(
        marks[at : at + step] == full and present[at : at + step] == none
        for at in range(0, len(marks), step)
    )


def wait_absent(vm, goal, seconds=WITHIN_S):
    """Until so many bytes are in absent blocks."""
    last = [0]

    def look():
        last[0] = absent(vm)
        return last[0] >= goal

    try:
        wait_for(look, scaled(seconds), f"{goal >> 20} MiB in whole absent blocks", poll=0.1)
    except LabError as error:
        raise AssertionError(f"{error}; they are {last[0] >> 20} MiB") from error


def wait_rest(vm, seconds=WITHIN_S):
    """Until the driver says that it gathers nothing and no page is under way."""

    def look():
        now = driver.state(vm)
        return now["gather_state"] != "running" and not any(map(now.get, UNDER_WAY))

    wait_for(look, scaled(seconds), "an end of the gathering", poll=0.2)


def assert_whole(vm):
    """Of the balloon nearly all comes to be in whole blocks that cost the host nothing. (Where a
    pause comes before the end, as after a change of the target, it rests more than once.)"""
    away = size.full(vm) - size.actual(vm)
    found = [0]

    def look():
        wait_rest(vm)
        found[0] = whole(vm)
        return found[0] >= NEARLY * away

    try:
        wait_for(look, scaled(WITHIN_S), f"{away >> 20} MiB of the balloon in whole absent blocks")
    except LabError as error:
        raise AssertionError(f"{error}; {found[0] >> 20} MiB are") from error


def switch(vm, name, value):
    """A parameter of the loaded driver."""
    vm.guest.write(f"{PARAMETERS}/{name}", value)


def reload(vm, **params):
    """The driver anew, with these parameters."""
    vm.guest.unload_driver(scaled(30))
    vm.guest.load_driver("ours", scaled(30), **{**FAST, **params})
    driver.wait_bound(vm)


class Gathering:
    """What is to come of a balloon that is at its target."""

    def __init__(self, vm):
        self._vm = vm
        self._begin = absent(vm)
        self._goal = int(NEARLY * (size.full(vm) - size.actual(vm)))
        assert self._begin < self._goal, "all is in whole blocks: there is nothing to gather"

    def wait_begun(self):
        """Until it has begun, and most is still to come."""
        wait_for(lambda: absent(self._vm) > self._begin + BLOCK, scaled(WITHIN_S),
                 "the first whole blocks")
        self.assert_half_way()

    def assert_half_way(self):
        done = absent(self._vm)
        assert done < (self._begin + self._goal) / 2, (
            f"{done - self._begin >> 20} MiB are gathered already: the test proves nothing"
        )

    def wait_done(self):
        wait_absent(self._vm, self._goal)


def balloon(vm, leave_mib):
    """Everything free but so much goes into the balloon, scattered as it is. Returns (the guest's
    size in bytes, Gathering)."""
    target = spare(vm, leave_mib)
    size.resize(vm, target)
    return target, Gathering(vm)


@contextmanager
def slowly(vm):
    """The driver gathers so slowly that one can act meanwhile; afterwards as before."""
    reload(vm, **SLOWLY)
    yield
    reload(vm)
