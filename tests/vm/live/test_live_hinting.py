# SPDX-License-Identifier: GPL-2.0-or-later
"""Free page hinting while a guest moves and writes: free memory is not sent, used memory is."""

import pytest

from vmlab.waits import wait_for

from vmtest import kept, live, size
from vmtest.dirty import Dirtier
from vmtest.env import MIB, scaled
from vmtest.live import HELD, Move
from vmtest.pairs import ALL, ALL_AND_STOCK, OURS
from vmtest.size import Books, assert_exact

pytestmark = pytest.mark.qemu10

HINTS = ",free-page-hint=on,iothread=io0"
MEMORY_MIB = 768
USED_MIB = 380
DATA_MIB, DIRTY_MIB = 60, 24
# Without it the kernel zeroes what it hands out, and zeroes are not sent anyway.
KERNEL = {"kernel_args": "init_on_alloc=0"}


def start(machines, pair, hints=True, **more):
    """A guest whose free memory has been used, so that sending it would cost."""
    extra = HINTS if hints else ""
    options = {"memory_mib": MEMORY_MIB, **KERNEL, **more}
    vm = machines.start(
        pair.qemu,
        driver=pair.driver,
        extra=extra,
        qemu_args=("-object", "iothread,id=io0"),
        **options,
    )
    if not more.get("incoming"):
        kept.keep(vm, DATA_MIB, 5)
        vm.guest.run(f"memtool touch {USED_MIB}", scaled(60))
    return vm


def wait_hints(vm, free):
    """Until the driver has taken most of the free memory, to name it."""
    wait_for(lambda: size.free(vm) < free // 2, scaled(60), "the driver to name free memory")


def wait_free(vm, free):
    """Until the guest has its memory back."""
    wait_for(
        lambda: size.free(vm) > free - 24 * MIB,
        scaled(60),
        f"{free >> 20} MiB free; {size.free(vm) >> 20} are",
        poll=0.2,
    )


def ends_whole(vm, work, before, away):
    """The guest that has arrived works on with that much in its balloon, and gets it all back."""
    assert_exact(before, Books.of(vm), before.actual - away)
    work.wait_rounds(2)
    kept.verify(vm)
    size.resize(vm, before.actual)
    assert_exact(before, Books.of(vm), before.actual)
    work.finish()
    kept.verify(vm)


@pytest.mark.parametrize("pair", ALL_AND_STOCK)
def test_free_memory_is_not_sent(machines, pair):
    """Of memory that was used and is free again less than half goes over, data is whole, the guest
    has its free memory back at the target, and the balloon is as it was."""
    vm = start(machines, pair)
    before = Books.of(vm)
    size.resize(vm, before.actual - 64 * MIB)
    work = Dirtier(vm, DIRTY_MIB)
    free = size.free(vm)
    move = Move(vm, start(machines, pair, incoming=True))
    wait_hints(vm, free)
    work.wait_rounds(1)
    move.let_go()
    move.wait(lambda: live.status(vm) == "completed", "the migration")
    sent = live.ram(vm)["normal-bytes"]
    syncs = live.ram(vm)["dirty-sync-count"]
    work.vm = vm = move.arrived()
    # What is written meanwhile is sent once for each turn.
    least = sent - syncs * 2 * DIRTY_MIB * MIB
    assert least < (DATA_MIB + 100 + USED_MIB // 2) * MIB, f"{sent >> 20} MiB sent, {syncs} turns"
    wait_free(vm, free)
    ends_whole(vm, work, before, 64 * MIB)


@pytest.mark.parametrize("pair", ALL)
def test_cancelled_then_done(machines, pair):
    """After a cancelled migration the guest has its memory back, and the next one hints anew."""
    vm = start(machines, pair)
    before = Books.of(vm)
    work = Dirtier(vm, DIRTY_MIB)
    free = size.free(vm)
    target = start(machines, pair, incoming=True)
    Move(vm, target)
    wait_hints(vm, free)
    vm.qmp.cmd("migrate_cancel")
    wait_for(lambda: live.status(vm) == "cancelled", scaled(30), "the end of the migration")
    target.wait_exit(scaled(30), refused=True)
    wait_free(vm, free)
    work.wait_rounds(1)
    kept.verify(vm)
    move = Move(vm, start(machines, pair, incoming=True))
    wait_hints(vm, free)
    work.vm = vm = move.finish()
    wait_free(vm, free)
    assert_exact(before, Books.of(vm), before.actual)
    work.finish()
    kept.verify(vm)


def test_failed_then_done(machines):
    """The target dies in the middle: the guest runs on with all its memory, and moves later."""
    vm = start(machines, OURS)
    work = Dirtier(vm, DIRTY_MIB)
    free = size.free(vm)
    target = start(machines, OURS, incoming=True)
    Move(vm, target)
    wait_hints(vm, free)
    target.qmp.cmd("quit")
    target.wait_exit()
    wait_for(lambda: live.status(vm) == "failed", scaled(30), "the migration to fail")
    assert live.running(vm)
    wait_free(vm, free)
    work.wait_rounds(1)
    move = Move(vm, start(machines, OURS, incoming=True))
    wait_hints(vm, free)
    work.vm = vm = move.finish()
    wait_free(vm, free)
    work.finish()
    kept.verify(vm)


def test_guest_needs_its_memory_meanwhile(machines):
    """A guest that needs what was hinted has it at once, without an OOM kill, and what it writes
    there arrives."""
    vm = start(machines, OURS)
    before = Books.of(vm)
    free = size.free(vm)
    move = Move(vm, start(machines, OURS, incoming=True))
    wait_hints(vm, free)
    kept.keep(vm, free // MIB * 2 // 3, 9, "small", name="late", seconds=90)
    assert live.status(vm) == "active", "the migration was over too early to be of use"
    kept.verify(vm, "late")
    vm = move.finish()
    kept.verify(vm, "late")
    kept.verify(vm)
    assert Books.of(vm).kills == before.kills
    kept.drop(vm, "late")
    wait_free(vm, free)


def test_balloon_works_meanwhile(machines):
    """The target changes while hints go out; both sides' books stay exact."""
    vm = start(machines, OURS)
    before = Books.of(vm)
    work = Dirtier(vm, DIRTY_MIB)
    free = size.free(vm)
    move = Move(vm, start(machines, OURS, incoming=True))
    live.parameters(vm, max_bandwidth=HELD)
    wait_hints(vm, free)
    size.ask(vm, before.actual - 96 * MIB)
    size.wait_actual(vm, lambda now: now < before.actual, "the first page to leave")
    work.vm = vm = move.finish()
    size.wait_actual(vm, lambda now: now == before.actual - 96 * MIB, "the target")
    assert_exact(before, Books.of(vm), before.actual - 96 * MIB)
    wait_free(vm, free - 96 * MIB)
    work.finish()
    kept.verify(vm)


def test_sizes_swing_meanwhile(machines):
    """Hints and the ledger keep memory out of the same migration while the balloon swings and the
    guest writes, over many looks at what is dirty: no page that is in use is dropped."""
    vm = start(machines, OURS)
    before = Books.of(vm)
    work = Dirtier(vm, DIRTY_MIB)
    free = size.free(vm)
    move = Move(vm, start(machines, OURS, incoming=True))
    wait_hints(vm, free)
    for turn, away in enumerate((160, 16, 224, 96, 0, 192, 32, 128) * 2):
        size.ask(vm, before.actual - away * MIB)
        size.wait_actual(vm, lambda now, away=away: now == before.actual - away * MIB, "the target")
        # what was ballooned is used, and given up again
        kept.keep(vm, 24, 20 + turn, "small", name="turn")
        kept.check(vm, "turn")
        assert live.status(vm) == "active", "the migration was over too early to be of use"
    move.wait_syncs(live.ram(vm)["dirty-sync-count"] + 1)
    assert live.ram(vm)["dirty-sync-count"] > 4
    work.vm = vm = move.finish()
    ends_whole(vm, work, before, 128 * MIB)
