# SPDX-License-Identifier: GPL-2.0-or-later
"""Postcopy: the guest runs at the target before its memory is there."""

import pytest

from vmlab.waits import wait_for

from vmtest import frames, kept, live, quiet, size
from vmtest.dirty import Dirtier
from vmtest.env import MIB, scaled
from vmtest.live import Move
from vmtest.size import Books

pytestmark = pytest.mark.qemu10

AWAY, MORE = 96 * MIB, 64 * MIB
DATA_MIB, DIRTY_MIB = 120, 24


def gone(before, after):
    """Of two looks, one byte a page, how many pages only the first has."""
    lost = int.from_bytes(before, "little") & ~int.from_bytes(after, "little")
    return lost.bit_count()


@pytest.mark.parametrize("page_ops", [True, False], ids=["page-ops", "pfn"])
def test_discards_wait_for_the_last_page(machines, page_ops):
    """While memory comes in nothing is given back to the host, whatever the guest gives; when the
    last page has come, with page ops all of it is. Data is whole, the books are exact."""
    live.need(machines, "postcopy-ram")
    vm = machines.start(page_ops=page_ops)
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7, "small")
    size.resize(vm, before.actual - AWAY)
    work = Dirtier(vm, DIRTY_MIB)
    target = machines.start(page_ops=page_ops, incoming=True)
    move = Move(vm, target, "postcopy-ram")
    live.parameters(vm, max_postcopy_bandwidth=4 * MIB)
    move.wait_sent(8 * MIB)
    vm.qmp.cmd("migrate-start-postcopy")
    wait_for(lambda: live.running(target), scaled(60), "the guest to run at the target")
    work.vm = target
    assert live.shown(target, "inhibited") is True
    came, discards = target.ram().present(), live.shown(target, "discards")
    size.ask(target, before.actual - AWAY - MORE)
    if page_ops:
        # The driver is told to come again later, and keeps its pages until then.
        wait_for(
            lambda: live.shown(target, "ops-inhibited"), scaled(60), "the request to be put off"
        )
    else:
        # it may use a page before it tells: nothing of it is discarded later
        wait_for(lambda: live.shown(target, "dropped-pages"), scaled(60), "memory to be dropped")
    assert live.status(vm) == "postcopy-active", "postcopy was over too early to be of use"
    assert live.shown(target, "discards") == discards, "discarded while memory was coming in"
    assert not gone(came, target.ram().present()), "pages that had come were discarded"
    live.parameters(vm, max_postcopy_bandwidth=0)
    wait_for(lambda: live.status(vm) in live.ENDED, scaled(90), "the last page")
    assert live.status(vm) == "completed", target.last_words()
    vm = move.arrived()
    wait_for(lambda: live.shown(vm, "inhibited") is False, scaled(30), "the end of the inhibition")
    size.wait_actual(vm, lambda now: now == before.actual - AWAY - MORE, "the target", 90)
    live.wait_given_back(vm)
    if page_ops:
        quiet.assert_exact(
            vm, before.total, before.actual - AWAY - MORE, allow=("ops-inhibited",)
        )
        assert not frames.backed_though_ballooned(vm)
    work.wait_rounds(1)
    kept.verify(vm)
    size.resize(vm, before.actual)
    size.assert_exact(before, Books.of(vm), before.actual)
    work.finish()
    kept.verify(vm)
