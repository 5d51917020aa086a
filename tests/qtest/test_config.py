# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration space, features, and the host user's side: QMP and HMP."""

import pytest

import pci
from balloon import (F_DEFLATE_ON_OOM, F_FREE_PAGE_HINT, F_MUST_TELL_HOST, F_PAGE_POISON,
                     F_REPORTING, F_STATS_VQ, MIB, PAGE, PLAY, SLOT)
from machine import QemuGone, QmpError

RAM = 512 * MIB
SECOND = 10 ** 9


@pytest.mark.parametrize("options, on", [
    ("", [F_PAGE_POISON]),
    ("page-poison=off", []),
    ("deflate-on-oom=on", [F_PAGE_POISON, F_DEFLATE_ON_OOM]),
])
def test_offered_features(boot_both, interface, options, on):
    b = boot_both(interface=interface, options=options)
    own = b.io.offered() & 0xFFFFFF
    assert own == sum(1 << bit for bit in on + [F_STATS_VQ])


def test_must_tell_host(boot, interface):
    b = boot(interface=interface, options="must-tell-host=on")
    assert b.io.offered() & 1 << F_MUST_TELL_HOST
    b.inflate(64 * MIB, 4)
    b.deflate(64 * MIB, 4)


def test_transport_features_as_stock(boot, stock, interface):
    bits = []
    for binary, options in ((None, "page-ops=off"), (stock, "")):
        b = boot(interface=interface, binary=binary, options=options)
        bits.append(b.io.offered())
        b.m.close()
    assert bits[0] == bits[1]


@pytest.mark.parametrize("options, length", [
    ("", 16), ("page-poison=off", 8), ("page-poison=off,qemu-4-0-config-size=on", 16),
])
def test_config_size(boot_both, options, length):
    b = boot_both(options=boot_both.plain(options))
    # Beyond the end a read gives all ones.
    assert b.io.config_read(length) == 0xFFFFFFFF
    assert b.io.config_read(length - 4) == 0


def test_queues_as_stock(boot_both, interface):
    b = boot_both(interface=interface, options=boot_both.plain())
    assert b.queue_sizes(128, 128, 128, 0, 0)


@pytest.mark.parametrize("device", ["virtio-balloon-pci", "virtio-balloon-pci-transitional",
                                    "virtio-balloon-pci-non-transitional"])
@pytest.mark.parametrize("machine", ["q35", "pc", "pc-i440fx-2.6"])
def test_pci_config_space_as_stock(boot, ours, stock, device, machine):
    """Every byte of it: ids, class, capabilities, BARs; MSI-X where stock has it."""
    seen = [pci_config_space(boot, binary, machine, device) for binary in (ours, stock)]
    assert seen[0] == seen[1]
    assert seen[0][0] & 0xFFFF == 0x1AF4


def pci_config_space(boot, binary, machine, device):
    m = boot.machine("-device", f"{device},addr={SLOT:#x}", binary=binary, machine=machine)
    dev = pci.PciDevice(m, SLOT)
    for bar in range(0x10, 0x28, 4):
        dev.config_write(4, bar, 0xFFFFFFFF)
    seen = dev.config_space()
    m.close()
    return seen


@pytest.mark.parametrize("options", ["vectors=0", "vectors=4", "ioeventfd=off"])
def test_interrupt_vectors_as_stock(boot, ours, stock, options):
    """Properties of 10.0 and later; 7.2 knows neither, stock or ours."""
    device = f"virtio-balloon-pci,{options}"
    if boot.machine(binary=stock).version() < 10:
        for binary in (ours, stock):
            with pytest.raises(QemuGone, match=f"Property '.*{options.split('=')[0]}' not found"):
                boot.machine("-device", device, binary=binary)
        return
    plain = pci_config_space(boot, ours, "q35", "virtio-balloon-pci")
    seen = [pci_config_space(boot, binary, "q35", device) for binary in (ours, stock)]
    assert seen[0] == seen[1]
    assert (seen[0] == plain) == (options == "ioeventfd=off")


@pytest.mark.parametrize("ioeventfd", ["on", "off"])
def test_kicks_with_and_without_ioeventfd(boot_both, ioeventfd):
    if boot_both.machine().version() < 10:
        pytest.skip("the balloon has no ioeventfd before QEMU 10.0")
    b = boot_both(options=f"ioeventfd={ioeventfd}")
    b.m.fill(PLAY, 16 * PAGE)
    b.inflate(PLAY, 16)
    assert b.m.backed(PLAY, 16) == 0
    b.deflate(PLAY, 16)


def test_target_reaches_the_guest(boot_both, interface):
    b = boot_both(interface=interface)
    b.io.isr()
    b.m.qmp("balloon", value=300 * MIB)
    assert b.io.isr() == 3
    assert b.io.config_read(0) == 212 * MIB // PAGE


def expects_a_size(b):
    """What QEMU says for its device; it names the argument since some version before 10.0."""
    return f"Parameter '{'value' if b.m.version() >= 10 else 'target'}' expects a size"


def test_hmp(boot_both):
    b = boot_both()
    assert b.m.hmp("info balloon") == "balloon: actual=512\r\n"
    assert b.m.hmp("balloon 100") == ""
    assert b.io.config_read(0) == 412 * MIB // PAGE
    assert b.m.hmp("balloon 0") == f"Error: {expects_a_size(b)}\r\n"


def test_target_above_ram_and_odd(boot_both):
    b = boot_both()
    b.m.qmp("balloon", value=1 << 40)
    assert b.io.config_read(0) == 0
    b.m.qmp("balloon", value=RAM - PAGE - 1)
    assert b.io.config_read(0) == 1
    b.m.qmp("balloon", value=1)
    assert b.io.config_read(0) == RAM // PAGE - 1


@pytest.mark.parametrize("value", [0, -1, -1 << 63])
def test_target_that_is_none(boot_both, value):
    b = boot_both()
    with pytest.raises(QmpError) as e:
        b.m.qmp("balloon", value=value)
    assert (e.value.kind, e.value.desc) == ("GenericError", expects_a_size(b))
    assert b.io.config_read(0) == 0


def test_no_balloon(boot_both):
    m = boot_both.machine()
    with pytest.raises(QmpError) as e:
        m.qmp("query-balloon")
    assert (e.value.kind, e.value.desc) == ("DeviceNotActive",
                                            "No balloon device has been activated")


def test_actual_and_its_event(boot_both, interface):
    b = boot_both(interface=interface)
    b.io.config_write(4, 1000)
    assert b.m.event("BALLOON_CHANGE") == {"actual": RAM - 1000 * PAGE}
    assert b.m.qmp("query-balloon") == {"actual": RAM - 1000 * PAGE}
    assert b.io.config_read(4) == 1000
    # The target is the device's to write (5.5.4).
    b.io.config_write(0, 7)
    assert b.io.config_read(0) == 0
    # The same value again is no change; the next event is the next change's.
    # (QEMU sends one of these a second; under qtest the seconds are ours.)
    b.m.step_clock(2 * 10 ** 9)
    b.io.config_write(4, 1000)
    b.m.step_clock(2 * 10 ** 9)
    b.io.config_write(4, 1001)
    assert b.m.event("BALLOON_CHANGE") == {"actual": RAM - 1001 * PAGE}


def test_a_target_that_is_not_reached(boot):
    """Said after ten seconds without a step, in the guest's time, and until the next one."""
    b = boot()
    b.m.step_clock(60 * SECOND)
    assert not b.shown("target-unreached")
    b.m.qmp("balloon", value=RAM - 100 * PAGE)
    b.m.step_clock(9 * SECOND)
    assert not b.shown("target-unreached")
    b.io.config_write(4, 50)
    b.m.step_clock(9 * SECOND)
    assert not b.shown("target-unreached")
    b.m.step_clock(2 * SECOND)
    assert b.shown("target-unreached")
    b.io.config_write(4, 50)  # no step
    assert b.shown("target-unreached")
    b.io.config_write(4, 99)
    assert not b.shown("target-unreached")
    b.m.step_clock(11 * SECOND)
    assert b.shown("target-unreached")
    b.m.qmp("balloon", value=RAM - 99 * PAGE)
    b.m.step_clock(60 * SECOND)
    assert not b.shown("target-unreached")
    b.m.qmp("balloon", value=RAM)
    b.m.step_clock(11 * SECOND)
    assert b.shown("target-unreached")


def test_a_target_within_a_page_of_the_guest(boot):
    """A guest with pages of 64 KiB gives whole ones: 15 units more than asked are no fault."""
    b = boot()
    b.m.qmp("balloon", value=RAM - 97 * PAGE)
    b.io.config_write(4, 112)
    b.m.step_clock(60 * SECOND)
    assert not b.shown("target-unreached")
    for given in (96, 113):
        b.io.config_write(4, given)
        b.m.step_clock(11 * SECOND)
        assert b.shown("target-unreached")


def test_actual_of_a_legacy_driver_byte_by_byte(boot):
    """The lowest byte first: what the bytes make up in between is no size. (As Linux does it.)"""
    b = boot(interface=pci.Legacy)
    b.io.config_write(4, 0x01FF)
    assert b.m.event("BALLOON_CHANGE") == {"actual": RAM - 0x01FF * PAGE}
    b.m.step_clock(2 * 10 ** 9)
    # Together, as a guest does it: however busy this host is, no pause comes in between.
    b.m.commands([f"outb {pci.LEGACY_BAR + 0x14 + 4 + at:#x} {byte:#x}"
                  for at, byte in enumerate((0x00, 0x02, 0, 0))])
    assert b.io.config_read(4) == 0x0200
    assert b.m.event("BALLOON_CHANGE") == {"actual": RAM - 0x0200 * PAGE}
    assert b.m.qmp("query-balloon") == {"actual": RAM - 0x0200 * PAGE}


def test_actual_beyond_all_memory(boot):
    """A guest may claim anything; what is left is never below nothing."""
    b = boot()
    b.io.config_write(4, 0xFFFFFFFF)
    assert b.m.qmp("query-balloon") == {"actual": 0}
    assert b.shown("balloon-pages") == 0


def test_hotplugged_memory_counts(boot_both):
    b = boot_both(memory="512M,slots=2,maxmem=1G")
    b.m.qmp("object-add", qom_type="memory-backend-ram", id="more", size=128 * MIB)
    b.m.qmp("device_add", driver="pc-dimm", id="dimm", memdev="more")
    assert b.m.qmp("query-balloon") == {"actual": 640 * MIB}
    b.m.qmp("balloon", value=600 * MIB)
    assert b.io.config_read(0) == 40 * MIB // PAGE


def test_poison_value(boot_both):
    b = boot_both()
    b.io.config_write(12, 0xAAAAAAAA)
    assert b.io.config_read(12) == 0xAAAAAAAA
    b.bring_up()
    assert b.io.config_read(12) == 0


def test_poison_value_without_the_feature(boot_both):
    b = boot_both(features=1 << F_STATS_VQ)
    b.io.config_write(12, 0xAAAAAAAA)
    assert b.io.config_read(12) == 0


def test_hint_without_iothread(boot_both):
    m = boot_both.machine(machine="pc")
    for _ in range(2):
        with pytest.raises(QmpError) as e:
            m.qmp("device_add", driver="virtio-balloon-pci", free_page_hint=True)
        assert e.value.desc == "'free-page-hint' requires 'iothread' to be set"
        if boot_both.kind == "stock":
            break  # its second answer is another one: see test_lifecycle


def test_feature_numbers():
    assert (F_FREE_PAGE_HINT, F_REPORTING) == (3, 5)
