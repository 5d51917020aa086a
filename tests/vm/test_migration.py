# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest moves between stock QEMU and ours, in both directions, balloon and all. It is paused
meanwhile (see vmtest.migrate)."""

from contextlib import ExitStack

import pytest

from vmlab import dmesg
from vmlab.paths import Paths
from vmlab.vm import BALLOON_PATH
from vmlab.waits import wait_for

from vmtest import kept, migrate, size
from vmtest.env import MIB, scaled
from vmtest.pool import EXTRA_MIB
from vmtest.saved import SavedVM
from vmtest.size import Books, assert_exact

pytestmark = pytest.mark.interop

# A versioned machine: the same hardware whoever emulates it.
OPTIONS = {"memory_mib": 512 + EXTRA_MIB, "machine": "pc-q35-7.2"}
# With page ops negotiated a guest cannot go to stock, which has none.
PLAIN = "virtio-balloon-pci,page-ops=off"
ROUTES = {
    "stock-ours-stock": ("stock", "ours", "stock"),
    "ours-stock-ours": ("ours", "stock", "ours"),
}


@pytest.fixture
def machines():
    """machines(qemu, ...): a guest or the target of one; all end with the test."""
    paths = Paths.load()
    with ExitStack() as running:

        def start(qemu, **options):
            balloon = PLAIN if qemu == "ours" else "virtio-balloon-pci"
            vm = SavedVM(paths, qemu=qemu, balloon=balloon, **OPTIONS, **options)
            return running.enter_context(vm)

        yield start


@pytest.mark.parametrize("route, driver", [
    ("stock-ours-stock", "stock"),
    ("ours-stock-ours", "ours"),
    pytest.param("stock-ours-stock", "ours", marks=pytest.mark.slow),
    pytest.param("ours-stock-ours", "stock", marks=pytest.mark.slow),
])
def test_there_and_back(machines, route, driver):
    """An inflated balloon arrives with its size and target; data is whole; resizing goes on
    exactly, in each QEMU of the route."""
    vm = machines(ROUTES[route][0], driver=driver)
    before = Books.of(vm)
    kept.keep(vm, 100, 7)
    away = 128 * MIB
    size.resize(vm, before.actual - away)
    for qemu in ROUTES[route][1:]:
        uri = f"unix:{vm.dir}/migration"
        target = machines(qemu, driver=driver, incoming=uri)
        vm = migrate.paused(vm, target, uri)
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
    complaints = dmesg.find(vm.guest.dmesg())
    assert not complaints, complaints


@pytest.mark.parametrize("route", [
    "stock-ours-stock", pytest.param("ours-stock-ours", marks=pytest.mark.slow)])
def test_statistics_go_on(machines, route):
    """The guest goes on answering for its statistics, once the new host asks for them."""
    vm = machines(ROUTES[route][0], driver="ours")
    vm.qmp.qom_set(BALLOON_PATH, "guest-stats-polling-interval", 1)
    for qemu in ROUTES[route][1:]:
        uri = f"unix:{vm.dir}/migration"
        target = machines(qemu, driver="ours", incoming=uri)
        vm = migrate.paused(vm, target, uri)
        vm.qmp.qom_set(BALLOON_PATH, "guest-stats-polling-interval", 1)
        total = vm.guest.meminfo()["MemTotal"] << 10

        def answered(vm=vm, total=total):
            stats = vm.qmp.qom_get(BALLOON_PATH, "guest-stats")["stats"]
            return stats["stat-total-memory"] == total

        wait_for(answered, scaled(20), "statistics at the target")
