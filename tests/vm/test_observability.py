# SPDX-License-Identifier: GPL-2.0-or-later
"""What driver and device show of themselves agrees with what the kernels count."""

import pytest

from vmlab.qmp import QmpError
from vmlab.vm import BALLOON_PATH
from vmlab.waits import wait_for

from vmtest import driver, size
from vmtest.env import MIB, PAGE, scaled
from vmtest.fragmented import MEMORY_MIB, compact, scatter
from vmtest.pairs import every_device, every_driver
from vmtest.size import Books

EVENTS = "/sys/kernel/tracing/events/virtio_balloon"
GIVEN = 128 * MIB
FAULTS = [f"{how}-pfns" for how in ("rejected", "repeated", "stray")]
FAULTS += ["rejected-buffers", "failed-discards", "withheld-pages"]


def device_counter(vm, name):
    return vm.qmp.qom_get(BALLOON_PATH, name)


@every_device
def test_debugfs_agrees_with_vmstat(guest_for, pair):
    """The driver's counters are those of vmstat and query-balloon, at every rest."""
    vm = guest_for(**pair.options)
    driver.reload(vm, pair.driver)
    before = Books.of(vm)
    for given in (GIVEN, 2 * GIVEN, GIVEN // 2, 0):
        size.resize(vm, size.full(vm) - given)
        state, books = driver.state(vm), Books.of(vm)
        assert state["size"] == state["target"] == given // PAGE
        assert state["isolated"] == state["pending"] == state["inflating"] == 0
        assert state["inflate_pages"] == books.inflated - before.inflated
        assert state["deflate_pages"] == books.deflated - before.deflated
        assert state["inflight"] == 0


@every_device
def test_debugfs_counts_migrations(guest_for, pair):
    """So is the number of moved pages."""
    vm = guest_for(memory_mib=MEMORY_MIB, **pair.options)
    driver.reload(vm, pair.driver)
    before = Books.of(vm)
    scatter(vm)
    assert compact(vm).ballooned_moved > 1000

    def agree():
        return driver.state(vm)["migrated"] == Books.of(vm).migrated - before.migrated

    # the kernel may move some more in between
    wait_for(agree, scaled(10), "as many moves here as there")
    size.resize(vm, size.full(vm))


@every_device
def test_debugfs_goes_with_the_driver(guest_for, pair):
    """Nothing of it is left after rmmod."""
    vm = guest_for(**pair.options)
    assert vm.guest.run(f"ls -d {driver.DEBUGFS}/*/state", check=False).status == 0
    vm.guest.unload_driver()
    assert vm.guest.run(f"ls -d {driver.DEBUGFS}", check=False).status != 0
    assert vm.guest.run(f"ls -d {EVENTS}", check=False).status != 0
    vm.guest.load_driver(pair.driver)


@every_device
def test_tracepoints(guest_for, pair):
    """Every page that is asked for and acknowledged is in the trace, once."""
    vm = guest_for(**pair.options)
    run = vm.guest.run
    events = set(run(f"ls {EVENTS}").output.split())
    assert {f"virtio_balloon_{e}" for e in ("post", "done", "resize", "migrate", "oom")} <= events
    run(f"cd /sys/kernel/tracing; echo 4096 >buffer_size_kb; echo 1 >{EVENTS}/enable; echo >trace")
    size.resize(vm, size.full(vm) - GIVEN)
    size.resize(vm, size.full(vm))
    run(f"echo 0 >{EVENTS}/enable")
    lines = run("cat /sys/kernel/tracing/trace").output.splitlines()
    for event in ("post", "done"):
        for op in ("inflate", "deflate"):
            mark = f"virtio_balloon_{event}: op={op} pages="
            pages = sum(int(line.split(mark)[1].split()[0]) for line in lines if mark in line)
            assert pages == GIVEN // PAGE, f"{event} {op}: {pages} pages in the trace"


@every_driver
def test_device_counters_agree_with_the_guest(guest_for, pair):
    """The device's ledger holds exactly what the guest's kernel has ballooned; a sane guest has
    nothing rejected."""
    vm = guest_for(**pair.options)
    before = device_counter(vm, "discarded-bytes")
    for given in (GIVEN, 2 * GIVEN, GIVEN // 2, 0):
        size.resize(vm, size.full(vm) - given)
        assert device_counter(vm, "balloon-pages") == given // PAGE
    for name in FAULTS:
        assert device_counter(vm, name) == 0, name
    assert device_counter(vm, "inhibited") is False
    assert device_counter(vm, "discarded-bytes") - before >= 2 * GIVEN


@pytest.mark.slow
@every_driver
def test_device_ledger_follows_migration(guest_for, pair):
    """Tens of thousands of moves later the ledger still has as many pages as the guest."""
    vm = guest_for(memory_mib=MEMORY_MIB, **pair.options)
    target = scatter(vm)
    assert compact(vm).ballooned_moved > 1000
    assert device_counter(vm, "balloon-pages") == (size.full(vm) - target) // PAGE
    size.resize(vm, size.full(vm))
    assert device_counter(vm, "balloon-pages") == 0
    assert device_counter(vm, "stray-pfns") == 0


def test_device_counters_cannot_be_set(guest_for):
    """They are for reading."""
    vm = guest_for()
    for name in ("balloon-pages", "inhibited"):
        with pytest.raises(QmpError):
            vm.qmp.qom_set(BALLOON_PATH, name, 0)
