# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest asked for more than it can give keeps enough to live on."""

import re

from vmtest import quiet, size
from vmtest.env import MIB, scaled
from vmtest.pairs import every_device
from vmtest.size import Books, assert_exact
from vmlab.waits import wait_for

GRUMBLE = re.compile(r"asked for \d+ MiB, gave \d+ MiB")


def grumbles(vm):
    return len(GRUMBLE.findall(vm.guest.dmesg()))


@every_device
def test_guest_survives_an_impossible_target(lend, pair):
    """Asked down to 20 MiB, the guest stays responsive, kills nothing, keeps its data, says once
    why it stopped, and grows back exactly."""
    vm = lend(**pair.options)
    before, said = Books.of(vm), grumbles(vm)
    vm.guest.run("memtool keep data 64 9")
    size.ask(vm, 20 * MIB)
    wait_for(lambda: grumbles(vm) > said, scaled(60), "the driver's word on its limit")

    stuck = size.actual(vm)
    # What the kernel keeps from the start (a checking one much more) nobody can give.
    kept = size.full(vm) - before.total
    assert 20 * MIB < stuck < kept + 210 * MIB, f"stopped at {stuck // MIB} MiB"
    if pair.qemu == "ours":
        unreached = "the device to say that the guest stands still"
        wait_for(lambda: quiet.device(vm, "target-unreached"), scaled(90), unreached)
    vm.guest.run("memtool touch 8", scaled(20))
    vm.guest.run("memtool ask data verify", scaled(20))
    assert vm.guest.meminfo()["MemAvailable"] > 4 * 1024
    assert Books.of(vm).kills == before.kills

    vm.guest.run("memtool ask data quit")
    size.resize(vm, size.full(vm))
    assert_exact(before, Books.of(vm), size.full(vm))
    assert pair.qemu != "ours" or not quiet.device(vm, "target-unreached")
    assert grumbles(vm) == said + 1, "it said so more than once"


@every_device
def test_balloon_takes_what_becomes_free_later(lend, pair):
    """A target out of reach at first is reached once the guest has let memory go."""
    vm = lend(**pair.options)
    said = grumbles(vm)
    target = size.full(vm) - 320 * MIB
    vm.guest.run("memtool keep data free-200 3", scaled(60))
    size.ask(vm, target)
    wait_for(lambda: grumbles(vm) > said, scaled(60), "the driver's word on its limit")
    assert size.actual(vm) > target
    vm.guest.run("memtool ask data verify", scaled(30))
    vm.guest.run("memtool ask data quit")
    size.wait_actual(vm, lambda now: now == target, "the balloon to take the freed memory", 60)
    size.resize(vm, size.full(vm))
