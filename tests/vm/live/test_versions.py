# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with a balloon moves between QEMUs of different versions, up and down.

It runs while it leaves QEMU 10.0 or later, and is paused while it leaves 7.2 (see vmtest.live).
"""

import pytest

from vmlab.errors import LabError

from vmtest import frames, kept, live, quiet, size
from vmtest.env import MIB, scaled
from vmtest.live import Move
from vmtest.size import Books, assert_exact

pytestmark = pytest.mark.qemu10

PAUSED = "7.2"  # while a guest leaves it
# Older and newer. `make test-migration` builds the first pair; the second moves where it is built.
PAIRS = ((PAUSED, live.VERSION), ("10.0", "10.2"))
MACHINE = "pc-q35-7.2"  # the same hardware whoever emulates it
AWAY = 160 * MIB
DATA_MIB = 60
# Between ours of both versions the ledger goes along; stock has none.
ROUTES = {
    "ours-up-and-down": (True, (("ours", 0), ("ours", 1), ("ours", 0))),
    "ours-down-and-up": (True, (("ours", 1), ("ours", 0), ("ours", 1))),
    "stock-to-newer-ours": (False, (("stock", 0), ("ours", 1), ("stock", 0))),
    "stock-to-older-ours": (False, (("stock", 1), ("ours", 0), ("stock", 1))),
}


@pytest.fixture(params=PAIRS, ids="-".join)
def versions(request, machines):
    """(older, newer), both built."""
    for version in request.param:
        try:
            machines.paths(version)
        except LabError as error:
            if version in (PAUSED, live.VERSION):
                raise
            pytest.skip(str(error))
    return request.param


@pytest.mark.parametrize("driver", ["ours", "stock"])
@pytest.mark.parametrize("route", ROUTES)
def test_there_and_back(machines, versions, route, driver):
    """Size, target and data arrive, no ballooned page costs the new host memory where the ledger
    arrives, too, and resizing goes on exactly in each QEMU."""
    page_ops, stops = ROUTES[route]
    stops = [(qemu, versions[newer]) for qemu, newer in stops]
    page_ops = page_ops and driver == "ours"
    options = {"page_ops": page_ops, "machine": MACHINE, "driver": driver}
    qemu, version = stops[0]
    vm = machines.start(qemu, version, **options)
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    away = AWAY
    size.resize(vm, before.actual - away)
    for qemu, leads_to in stops[1:]:
        target = machines.start(qemu, leads_to, incoming=True, **options)
        if version == PAUSED:
            vm.qmp.cmd("stop")
        move = Move(vm, target)
        if version == PAUSED:
            move.let_go()
            move.wait(lambda move=move: live.status(move.source) == "completed", "the migration")
            # a paused guest arrives paused, and until then "cont" is heard but forgotten
            move.wait(lambda target=target: live.state(target) == "paused", "the guest to arrive")
            target.qmp.cmd("cont")
            vm = move.arrived()
        else:
            vm = move.finish()
        version = leads_to
        if page_ops:
            quiet.assert_exact(vm, before.total, before.actual - away)
            live.wait_given_back(vm)
            assert not frames.backed_though_ballooned(vm)
        assert_exact(before, Books.of(vm), before.actual - away)
        kept.verify(vm)
        away += 64 * MIB
        size.resize(vm, before.actual - away)
        assert_exact(before, Books.of(vm), before.actual - away)
    size.resize(vm, before.actual)
    assert_exact(before, Books.of(vm), before.actual)
    kept.verify(vm)
    vm.guest.unload_driver(scaled(30))
    assert Books.of(vm).total == before.total
