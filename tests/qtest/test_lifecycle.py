# SPDX-License-Identifier: GPL-2.0-or-later
"""Reset, stop, queue reset, unplug, and devices that do not come to be."""

import functools

import pytest

import pci
from balloon import DEFLATE, INFLATE, MIB, PAGE, PLAY, STATS, Balloon
from machine import QmpError


def test_reset_by_the_driver(boot, interface):
    """The guest owns its memory again: nothing is left in the ledger."""
    b = boot(interface=interface)
    b.inflate(PLAY, 256)
    b.io.config_write(4, 256)
    b.bring_up()
    assert b.shown("balloon-pages") == 0
    b.m.fill(PLAY, 256 * PAGE)
    b.inflate(PLAY + 100 * PAGE, 1)
    assert b.m.backed(PLAY, 256) == 255
    assert b.shown("repeated-pfns") == 0


def test_target_and_actual_over_a_reset(boot_both):
    b = boot_both()
    b.m.qmp("balloon", value=500 * MIB)
    b.io.config_write(4, 256)
    b.m.qmp("system_reset")
    b.m.event("RESET")
    b = Balloon(b.m)
    assert b.io.config_read(0) == 12 * MIB // PAGE
    assert b.io.config_read(4) == 256
    assert b.m.qmp("query-balloon") == {"actual": 511 * MIB}


def test_system_reset_with_work_in_flight(boot):
    b = boot(memory="1G")
    b.m.fill(PLAY, 256 * MIB)
    for at in range(0, 65536, 1024):
        b.queue(INFLATE, [PLAY // PAGE + at + i for i in range(1024)])
    b.kick(INFLATE)
    b.m.qmp("system_reset")
    b.m.event("RESET")
    b = Balloon(b.m)
    assert b.shown("balloon-pages") == 0
    # Whatever was discarded before the reset: nothing is, once the guest writes anew.
    b.m.fill(PLAY, 256 * MIB, 0x33)
    b.inflate(PLAY, 1)
    assert b.m.backed(PLAY, 65536) == 65535
    assert b.m.read(PLAY + PAGE, PAGE) == b"\x33" * PAGE


def test_reset_forgets_buffers_in_flight(boot, interface):
    b = boot(interface=interface, memory="1G")
    b.m.fill(PLAY, 256 * MIB)
    for round_ in range(20):
        for at in range(0, 65536, 1024):
            b.queue(INFLATE, [PLAY // PAGE + at + i for i in range(1024)])
        b.kick(INFLATE)
        b.buffer -= 65536 * 4
        b.bring_up()
    assert b.shown("balloon-pages") == 0
    b.inflate(PLAY, 16)
    b.deflate(PLAY, 16)


def test_stop_finishes_what_was_popped(boot):
    """Every buffer is back when the VM has stopped, or still on the ring: none is
    in between, where a migration would lose it."""
    b = boot(memory="1G")
    b.m.fill(PLAY, 256 * MIB)
    for at in range(0, 65536, 1024):
        b.queue(INFLATE, [PLAY // PAGE + at + i for i in range(1024)])
    b.kick(INFLATE)
    b.m.qmp("stop")
    done = len(b.ring[INFLATE].take_used())
    queue = b.m.qmp("x-query-virtio-queue-status", queue=INFLATE,
                    path="/machine/peripheral/balloon/virtio-backend")
    assert queue["inuse"] == 0
    assert queue["last-avail-idx"] == done
    b.m.qmp("cont")
    b.wait_used(INFLATE, 64 - done)
    b.m.until(lambda: not b.shown("withheld-pages"), "the last discards")
    assert b.m.backed(PLAY, 65536) == 0
    assert b.shown("repeated-pfns") == 0


def test_buffers_offered_while_stopped_are_found(boot):
    b = boot()
    b.m.fill(PLAY, 4 * PAGE)
    b.m.qmp("stop")
    b.queue(INFLATE, [PLAY // PAGE])
    b.m.qmp("cont")
    b.wait_used(INFLATE)
    assert b.m.backed(PLAY, 4) == 3


def test_nothing_is_discarded_while_stopped(boot):
    b = boot()
    b.m.fill(PLAY, 4 * PAGE)
    b.m.qmp("stop")
    b.queue(INFLATE, [PLAY // PAGE])
    b.kick(INFLATE)
    b.m.qmp("query-status")
    assert b.m.backed(PLAY, 4) == 4
    b.m.qmp("cont")
    b.wait_used(INFLATE)


@pytest.mark.parametrize("queue", [INFLATE, DEFLATE, STATS])
def test_queue_reset(boot_both, queue):
    """VIRTIO_F_RING_RESET: the queue comes back empty, the others go on."""
    b = boot_both()
    b.stats([(4, 5)])
    b.kick(STATS)
    b.inflate(PLAY, 4)
    b.io.reset_queue(queue)
    b.ring[queue].clear()
    b.io.enable_queue(queue, b.ring[queue])
    b.m.fill(PLAY + MIB, 4 * PAGE)
    b.inflate(PLAY + MIB, 4)
    assert b.m.backed(PLAY + MIB, 4) == 0
    b.deflate(PLAY, 4)
    if queue == STATS:
        b.stats([(4, 6)])
        b.kick(STATS)
        assert b.guest_stats()["stats"]["stat-free-memory"] == 6


def test_queue_reset_with_work_in_flight(boot):
    b = boot(memory="1G")
    b.m.fill(PLAY, 256 * MIB)
    for at in range(0, 65536, 1024):
        b.queue(INFLATE, [PLAY // PAGE + at + i for i in range(1024)])
    b.kick(INFLATE)
    b.io.reset_queue(INFLATE)
    b.ring[INFLATE].clear()
    b.io.enable_queue(INFLATE, b.ring[INFLATE])
    b.m.fill(PLAY + 300 * MIB, 4 * PAGE)
    b.inflate(PLAY + 300 * MIB, 4)
    assert b.m.backed(PLAY + 300 * MIB, 4) == 0


def test_two_devices_on_the_command_line(boot_both):
    m = None
    with pytest.raises(Exception) as e:
        m = boot_both.machine("-device", "virtio-balloon-pci", "-device", "virtio-balloon-pci")
    assert m is None
    assert "Only one balloon device is supported" in str(e.value)


def test_two_devices_by_device_add(boot_both):
    b = boot_both(machine="pc")
    with pytest.raises(QmpError) as e:
        b.m.qmp("device_add", driver="virtio-balloon-pci", id="second")
    assert e.value.desc == "Only one balloon device is supported"
    assert b.m.qmp("query-balloon")["actual"] == 512 * MIB
    b.m.qmp("balloon", value=256 * MIB)
    assert b.io.config_read(0) == 256 * MIB // PAGE


def test_failed_device_add_leaves_nothing_behind(boot):
    """The stock device leaves its QMP handler behind, with a device that is gone."""
    m = boot.machine(machine="pc")
    for _ in range(3):
        with pytest.raises(QmpError):
            m.qmp("device_add", driver="virtio-balloon-pci", id="balloon", free_page_hint=True)
        with pytest.raises(QmpError) as e:
            m.qmp("query-balloon")
        assert e.value.kind == "DeviceNotActive"
    m.qmp("device_add", driver="virtio-balloon-pci", id="balloon")
    assert m.qmp("query-balloon")["actual"] == 512 * MIB


def test_unplug_with_an_inflated_balloon(boot):
    """Everything is let go, and the next device starts empty."""
    m = boot.machine(machine="pc")
    for _ in range(3):
        m.qmp("device_add", driver="virtio-balloon-pci", id="balloon", addr="4")
        b = Balloon(m)
        b.inflate(PLAY, 16)
        b.queue(INFLATE, [PLAY // PAGE + 20])
        b.stats([(4, 1)])
        b.kick(STATS)
        assert b.shown("balloon-pages") == 16
        m.qmp("device_del", id="balloon")
        m.io_write(4, 0xAE08, 1 << 4)  # what the guest's ACPI code does to eject slot 4
        m.event("DEVICE_DELETED")
        with pytest.raises(QmpError) as e:
            m.qmp("query-balloon")
        assert e.value.kind == "DeviceNotActive"


def test_quit_with_work_in_flight(boot):
    b = boot(memory="1G")
    b.m.fill(PLAY, 256 * MIB)
    for at in range(0, 65536, 1024):
        b.queue(INFLATE, [PLAY // PAGE + at + i for i in range(1024)])
    b.kick(INFLATE)
    b.m.qmp("quit")
    assert b.m.wait_exit() == 0


def test_memory_module_unplugged_takes_its_ledger_along(boot):
    b = boot(memory="512M,slots=2,maxmem=1G", machine="pc")
    b.m.qmp("object-add", qom_type="memory-backend-ram", id="more", size=128 * MIB)
    b.m.qmp("device_add", driver="pc-dimm", id="dimm", memdev="more")
    gpa = b.m.qmp("query-memory-devices")[0]["data"]["addr"]
    b.m.fill(gpa, MIB)
    b.inflate(gpa, 128)
    b.inflate(PLAY, 10)
    assert b.m.backed(gpa, 256) == 128
    assert b.shown("balloon-pages") == 138
    b.m.qmp("device_del", id="dimm")
    b.m.io_write(4, 0xA00, 0)      # the ACPI memory hotplug interface: slot 0,
    b.m.io_write(1, 0xA14, 1 << 3)  # eject
    b.m.event("DEVICE_DELETED")
    b.m.qmp("object-del", id="more")
    b.m.until(lambda: b.shown("balloon-pages") == 10, "the block's pages to go")
    before = b.shown("rejected-pfns")
    b.send(DEFLATE, [gpa // PAGE])
    assert b.shown("rejected-pfns") == before + 1


def test_legacy_driver_that_never_says_driver_ok(boot_both):
    """Drivers of long ago used the queues without it."""
    b = boot_both(interface=pci.Legacy, driver=functools.partial(Balloon, driver_ok=False))
    b.m.fill(PLAY, 2 * PAGE)
    b.inflate(PLAY, 1)
    assert b.m.backed(PLAY, 2) == 1
