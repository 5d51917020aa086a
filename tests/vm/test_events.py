# SPDX-License-Identifier: GPL-2.0-or-later
"""A user can follow a resize, and is not flooded by it."""

import re
import time

import pytest

from vmtest import size
from vmtest.env import MIB
from vmtest.pairs import every_device
from vmtest.trace import traced

GIVEN_MIB = 1024
ACTUAL = re.compile(r"virtio_balloon_set_config actual: (\d+)")


def actuals(seen):
    """Pages in the balloon, as the driver told them one after the other."""
    return [int(n) for n in ACTUAL.findall("\n".join(seen.lines))]


def sizes(vm):
    return [event["data"]["actual"] for event in vm.qmp.events("BALLOON_CHANGE")]


@every_device
def test_actual_is_told_in_steps(guest_for, pair):
    """A shrink by 1 GiB is told in more than one step, growing in one or more; either in fewer
    than one per 16 MiB, or ten a second, each step nearer to the target, the last one on it."""
    vm = guest_for(memory_mib=1536, **pair.options)
    for target, least in ((size.full(vm) - GIVEN_MIB * MIB, 2), (size.full(vm), 1)):
        start = time.monotonic()
        with traced(vm, "virtio_balloon_set_config") as seen:
            size.resize(vm, target)
        most = max(GIVEN_MIB // 16, 10 * (time.monotonic() - start))
        told = actuals(seen)
        assert least <= len(told) < most, f"told {len(told)} times"
        down = target < size.full(vm)
        assert told == sorted(told, reverse=not down), f"back and forth: {told}"
        assert told[-1] == (size.full(vm) - target) // 4096


@every_device
@pytest.mark.parametrize("given", [1, 700])
def test_balloon_change_event(guest_for, pair, given):
    """BALLOON_CHANGE tells the size that a resize ended with. (QEMU sends one a second.)"""
    vm = guest_for(memory_mib=1536, **pair.options)
    for target in (size.full(vm) - given * MIB, size.full(vm)):
        vm.qmp.clear_events()
        start = time.monotonic()
        size.resize(vm, target)
        vm.qmp.wait_event("BALLOON_CHANGE", match=lambda data, end=target: data["actual"] == end)
        assert sizes(vm)[-1] == target
        assert len(sizes(vm)) <= time.monotonic() - start + 2


def test_no_word_without_change(guest_for):
    """A guest that is told the size it has says nothing; told another, it says that alone."""
    vm = guest_for()
    given = 16 * MIB
    with traced(vm, "virtio_balloon_set_config") as seen:
        for _ in range(3):
            size.ask(vm, size.full(vm))
            vm.guest.run("true")  # time for the guest to have seen it
        size.resize(vm, size.full(vm) - given)
        for _ in range(3):
            size.ask(vm, size.full(vm) - given)
            vm.guest.run("true")
    told = actuals(seen)
    assert told and told[-1] == given // 4096, f"told {told}: the trace sees nothing"
    assert told == sorted(set(told)) and told[0] > 0, f"told without a change: {told}"
