# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that was squeezed moves as one of that size: nobody looks at its balloon."""

import pytest

from vmlab.hostmem import rss_bytes
from vmlab.waits import wait_for

from vmtest import frames, kept, live, quiet, size
from vmtest.dirty import Dirtier
from vmtest.env import MIB, PAGE, scaled
from vmtest.live import Move
from vmtest.size import Books

pytestmark = pytest.mark.qemu10

MEMORY_MIB, AWAY = 1024, 640 * MIB
DATA_MIB, DIRTY_MIB = 100, 16
# What QEMU itself takes to move a guest.
OWN = 48 * MIB
# What the guest never used: looking at it fills shared memory.
UNUSED_MIB = 72


def peak(vm):
    """The most memory that this QEMU ever had."""
    with open(f"/proc/{vm.pid}/status", encoding="ascii", errors="replace") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) << 10


@pytest.mark.parametrize("backing", ["anon", "memfd"])
@pytest.mark.parametrize("capability", [None, "multifd", "xbzrle"])
def test_the_balloon_stays_behind(machines, backing, capability):
    """While it runs and writes: its balloon is not read, so that shared memory at the source is not
    filled; not sent; and costs the target nothing. Data is whole, and the balloon goes on."""
    vm = machines.start(memory_mib=MEMORY_MIB, backing=backing)
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    vm.guest.run(f"memtool touch free-{UNUSED_MIB}", scaled(60))
    size.resize(vm, before.actual - AWAY)
    vm.guest.run(f"memtool touch free-{UNUSED_MIB}", scaled(60))
    work = Dirtier(vm, DIRTY_MIB)
    held = rss_bytes(vm.pid)
    target = machines.start(memory_mib=MEMORY_MIB, backing=backing, incoming=True)
    empty = rss_bytes(target.pid)
    move = Move(vm, target, *([capability] if capability else []))
    move.wait_syncs(2)
    move.let_go()
    move.wait(lambda: live.status(vm) == "completed", "the migration")
    ram, left = live.ram(vm), before.actual - AWAY
    looked_at = (ram["normal"] + ram["duplicate"]) * PAGE
    # What is written meanwhile is sent once for each turn.
    again = ram["dirty-sync-count"] * 2 * DIRTY_MIB * MIB
    assert looked_at < left + again + 32 * MIB, f"{looked_at >> 20} MiB, {ram}"
    assert rss_bytes(vm.pid) < held + OWN + UNUSED_MIB * MIB
    assert peak(target) < empty + left + OWN
    work.vm = vm = move.arrived()
    quiet.assert_exact(vm, before.total, left)
    live.wait_given_back(vm)
    assert not frames.backed_though_ballooned(vm)
    work.wait_rounds(2)
    kept.verify(vm)
    size.resize(vm, before.actual)
    quiet.assert_exact(vm, before.total, before.actual)
    work.finish()
    kept.verify(vm)


def test_the_target_gives_memory_back_before_all_is_told(machines):
    """The first thing that a guest does at its target is to take back what was not sent."""
    vm = machines.start(memory_mib=MEMORY_MIB)
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    size.resize(vm, before.actual - AWAY)
    move = Move(vm, machines.start(memory_mib=MEMORY_MIB, incoming=True))
    move.wait_sent(8 * MIB)
    size.ask(vm, before.actual)
    size.wait_actual(vm, lambda now: now > before.actual - AWAY, "the first page to come back")
    vm = move.finish()
    wait_for(lambda: size.actual(vm) == before.actual, scaled(60), "the rest")
    kept.keep(vm, "free-64", 9, "small", name="late", seconds=90)
    kept.verify(vm, "late")
    kept.verify(vm)
    size.assert_exact(before, Books.of(vm), before.actual)
