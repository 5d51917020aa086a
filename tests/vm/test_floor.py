# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest asked for more than it can give keeps enough to live on."""

import re

from vmlab import recipes

from vmtest import kept, quiet, size
from vmtest.env import MIB, PAGE, scaled
from vmtest.fragmented import LEAVE_MIB, MEMORY_MIB
from vmtest.pairs import every_device
from vmtest.size import Books, assert_exact
from vmlab.waits import wait_for

GRUMBLE = re.compile(r"asked for \d+ MiB, gave (\d+) MiB")


def grumbles(vm):
    return len(GRUMBLE.findall(vm.guest.dmesg()))


@every_device
def test_guest_survives_an_impossible_target(guest_for, pair):
    """Asked down to 20 MiB, the guest stays responsive, kills nothing, keeps its data, says once
    where and why it stopped, and grows back exactly."""
    vm = guest_for(**pair.options)
    before, said = Books.of(vm), grumbles(vm)
    kept.keep(vm, 64, 9)
    size.ask(vm, 20 * MIB)
    wait_for(lambda: grumbles(vm) > said, scaled(60), "the driver's word on its limit")

    stuck = size.actual(vm)
    gave = int(GRUMBLE.findall(vm.guest.dmesg())[-1])
    assert gave > 0.9 * (size.full(vm) - stuck) / MIB, "it said less than it gave"
    # What the kernel keeps from the start (a checking one much more) nobody can give.
    unseen = size.full(vm) - before.total
    assert 20 * MIB < stuck < unseen + 210 * MIB, f"stopped at {stuck // MIB} MiB"
    if pair.qemu == "ours":
        unreached = "the device to say that the guest stands still"
        wait_for(lambda: quiet.device(vm, "target-unreached"), scaled(90), unreached)
    vm.guest.run("memtool touch 8", scaled(20))
    kept.verify(vm)
    assert vm.guest.meminfo()["MemAvailable"] > 4 * 1024
    assert Books.of(vm).kills == before.kills

    kept.drop(vm)
    size.resize(vm, size.full(vm))
    assert_exact(before, Books.of(vm), size.full(vm))
    assert pair.qemu != "ours" or not quiet.device(vm, "target-unreached")
    assert grumbles(vm) == said + 1, "it said so more than once"


def in_pieces(vm, order):
    """Bytes of free memory in pieces of that order and larger, but for the first 16 MiB, which
    the kernel keeps for devices."""
    pages = 0
    for line in vm.guest.read("/proc/buddyinfo").splitlines():
        zone, *counts = line.split("zone")[1].split()
        if zone != "DMA":
            pages += sum(int(count) << at for at, count in enumerate(counts) if at >= order)
    return pages * PAGE


@every_device
def test_some_larger_pieces_are_left(guest_for, pair):
    """Of a guest whose free memory lies scattered the balloon takes nearly all, but not every piece
    of more than a page: the kernel needs some for each process that it starts."""
    vm = guest_for(memory_mib=MEMORY_MIB, **pair.options)
    recipes.fragment(vm.guest, timeout=scaled(120))
    free = vm.guest.meminfo()["MemFree"] << 10
    assert in_pieces(vm, 3) > 4 * MIB
    size.resize(vm, size.full(vm) - free + LEAVE_MIB * MIB)
    assert in_pieces(vm, 3) >= MIB, "the guest is left with single pages"
    recipes.release(vm.guest, scaled(60))
    size.resize(vm, size.full(vm))


@every_device
def test_balloon_takes_what_becomes_free_later(guest_for, pair):
    """A target out of reach at first is reached once the guest has let memory go."""
    vm = guest_for(**pair.options)
    said = grumbles(vm)
    target = size.full(vm) - 320 * MIB
    kept.keep(vm, "free-200", 3)
    size.ask(vm, target)
    wait_for(lambda: grumbles(vm) > said, scaled(60), "the driver's word on its limit")
    assert size.actual(vm) > target
    kept.check(vm)
    size.wait_actual(vm, lambda now: now == target, "the balloon to take the freed memory", 60)
    size.resize(vm, size.full(vm))
