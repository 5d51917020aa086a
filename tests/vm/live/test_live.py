# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with a balloon moves while it runs and writes: no byte is lost, every count is right."""

import pytest

from vmlab.errors import LabError
from vmlab.waits import wait_for

from vmtest import frames, kept, live, migrate, quiet, size
from vmtest.dirty import Dirtier
from vmtest.env import MIB, PAGE, scaled
from vmtest.live import Move
from vmtest.pairs import EVERY
from vmtest.size import Books, assert_exact

pytestmark = pytest.mark.qemu10

AWAY = 160 * MIB
DATA_MIB, DIRTY_MIB = 60, 24
ROUTES = {
    "stock-ours-stock": ("stock", "ours", "stock"),
    "ours-stock-ours": ("ours", "stock", "ours"),
}


def test_ledger_goes_along(machines):
    """With page ops the ledger arrives to the page, no ballooned page costs the new host memory,
    and the balloon goes on."""
    vm = machines.start()
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    size.resize(vm, before.actual - AWAY)
    work = Dirtier(vm, DIRTY_MIB)
    move = Move(vm, machines.start(incoming=True))
    move.wait_syncs(3)
    work.vm = vm = move.finish()
    assert live.shown(vm, "page-ops-negotiated") is True
    quiet.assert_exact(vm, before.total, before.actual - AWAY)
    live.wait_given_back(vm)
    assert not frames.backed_though_ballooned(vm)
    work.wait_rounds(2)
    kept.verify(vm)
    for away in (AWAY + 64 * MIB, 32 * MIB, 0):
        size.resize(vm, before.actual - away)
        quiet.assert_exact(vm, before.total, before.actual - away)
    work.finish()
    kept.verify(vm)
    vm.guest.unload_driver(scaled(30))
    assert Books.of(vm).total == before.total


@pytest.mark.parametrize("page_ops", [True, False], ids=["page-ops", "pfn"])
def test_in_the_middle_of_an_inflate(machines, page_ops):
    """The guest leaves while it is giving memory: it goes on giving at the target, exactly."""
    vm = machines.start(page_ops=page_ops, memory_mib=768)
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    work = Dirtier(vm, DIRTY_MIB)
    caught = []
    away = 0
    # The moment of the stop is the hypervisor's: one of some tries must hit.
    for turn in range(4):
        move = Move(vm, machines.start(page_ops=page_ops, memory_mib=768, incoming=True))
        # held back until a page has left: on a busy machine the guest writes too little for it
        move.wait_syncs(2)
        here = size.actual(vm)
        away = 384 * MIB if turn % 2 == 0 else 16 * MIB
        size.ask(vm, before.actual - away)
        if turn % 2 == 0:
            size.wait_actual(vm, lambda now, here=here: now < here, "the first page to leave")
        live.parameters(vm, max_bandwidth=1 << 40, downtime_limit=60000)
        move.wait(lambda move=move: live.status(move.source) == "completed", "the migration")
        left = size.actual(vm)
        caught.append(left not in (before.actual - away, here))
        work.vm = vm = move.arrived()
        size.wait_actual(vm, lambda now, away=away: now == before.actual - away, "the target")
        # Without page ops the stream has no ledger: the stock one has none.
        quiet.assert_exact(vm, before.total, before.actual - away, 0 if page_ops else None)
        kept.verify(vm)
        if any(caught) and turn % 2:
            break
    assert any(caught), "no migration ended in the middle of a resize"
    size.resize(vm, before.actual)
    assert_exact(before, Books.of(vm), before.actual)
    work.finish()
    kept.verify(vm)


@pytest.mark.parametrize("pair", EVERY)
def test_moves(machines, pair):
    """Without page ops a ballooned guest moves to another QEMU of the same kind."""
    there_and_on(machines, pair.driver, (pair.qemu, pair.qemu))


@pytest.mark.parametrize("driver", ["ours", "stock"])
@pytest.mark.parametrize("route", ROUTES)
def test_between_stock_and_ours(machines, route, driver):
    """Without page ops a ballooned guest moves to and from the stock device of that version."""
    there_and_on(machines, driver, ROUTES[route])


def there_and_on(machines, driver, route):
    """Sizes are exact and data is whole in each QEMU of the route, and resizing goes on."""
    options = {"driver": driver, "page_ops": False}
    vm = machines.start(route[0], **options)
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    work = Dirtier(vm, DIRTY_MIB)
    away = AWAY
    size.resize(vm, before.actual - away)
    for qemu in route[1:]:
        move = Move(vm, machines.start(qemu, incoming=True, **options))
        move.wait_syncs(3)
        work.vm = vm = move.finish()
        assert_exact(before, Books.of(vm), before.actual - away)
        work.wait_rounds(2)
        kept.verify(vm)
        away += 48 * MIB
        size.resize(vm, before.actual - away)
        assert_exact(before, Books.of(vm), before.actual - away)
    size.resize(vm, before.actual)
    assert_exact(before, Books.of(vm), before.actual)
    work.finish()
    kept.verify(vm)


def test_page_ops_guest_is_refused_by_stock(machines):
    """The target names what it lacks; the guest runs on where it was, its balloon too."""
    vm = machines.start()
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    size.resize(vm, before.actual - AWAY)
    work = Dirtier(vm, DIRTY_MIB)
    target = machines.start("stock", incoming=True)
    move = Move(vm, target)
    move.let_go()
    target.wait_exit(60, refused=True)
    said = target.qemu_log()
    assert "unsupported. Allowed features: 0x" in said, said
    named, allowed = said.split("Features ")[1].split(" unsupported. Allowed features: ")
    named, allowed = int(named, 16), int(allowed.split()[0], 16)
    # QEMU 10.2 has taken the features that it does not allow away before it names them.
    assert named >> 57 & 1 or not named & ~allowed, f"refused for another reason: {said}"
    assert not allowed >> 57 & 1
    wait_for(lambda: live.status(vm) in live.ENDED, scaled(30), "the end of the attempt")
    # Where the target ends after the guest was stopped, QEMU may call that a success.
    if not live.running(vm):
        vm.qmp.cmd("cont")
    work.wait_rounds(1)
    size.resize(vm, before.actual - AWAY // 2)
    quiet.assert_exact(vm, before.total, before.actual - AWAY // 2)
    work.finish()
    kept.verify(vm)


@pytest.mark.parametrize("source", ["ours", "stock"])
def test_from_7_2(machines, source):
    """A guest of QEMU 7.2, ours with page ops or stock, arrives on ours of this version with its
    balloon. It is paused meanwhile: 7.2 loses pages of a guest that runs under TCG."""
    options = {"machine": "pc-q35-7.2", "cpu": "qemu64"}
    try:
        vm = machines.start(source, version="7.2", **options)
    except LabError as error:
        if "not built" not in str(error):
            raise
        pytest.skip(str(error))
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    size.resize(vm, before.actual - AWAY)
    target = machines.start(incoming=True, **options)
    vm.qmp.cmd("stop")
    move = Move(vm, target)
    move.let_go()
    move.wait(lambda: live.status(vm) == "completed", "the migration")
    wait_for(lambda: not migrate.in_flight(target), scaled(30), "the guest at the target")
    target.qmp.cmd("cont")
    vm = move.arrived()
    assert_exact(before, Books.of(vm), before.actual - AWAY)
    if source == "ours":
        quiet.assert_exact(vm, before.total, before.actual - AWAY)
        assert live.shown(vm, "balloon-pages") == AWAY // PAGE
    # From here on it may run while it moves.
    move = Move(vm, machines.start(incoming=True, **options))
    move.wait_syncs(2)
    vm = move.finish()
    assert_exact(before, Books.of(vm), before.actual - AWAY)
    kept.verify(vm)
    size.resize(vm, before.actual)
    assert_exact(before, Books.of(vm), before.actual)
