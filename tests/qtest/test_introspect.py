# SPDX-License-Identifier: GPL-2.0-or-later
"""What QMP tells about the types: the stock device's list, plus ours."""

import pytest

from balloon import SHOWN

OURS = {"must-tell-host", "page-ops", "discard-granularity", "sweep-interval",
        "migration-skip-ballooned"} | set(SHOWN)
FLAGS = ("inhibited", "page-ops-negotiated", "target-unreached")
TYPES = ["virtio-balloon-device", "virtio-balloon-pci", "virtio-balloon-pci-transitional",
         "virtio-balloon-pci-non-transitional"]


def listed(m, command, typename):
    return {p["name"]: {k: v for k, v in p.items() if k != "name"}
            for p in m.qmp(command, typename=typename)}


@pytest.mark.parametrize("typename", TYPES)
@pytest.mark.parametrize("command", ["device-list-properties", "qom-list-properties"])
def test_properties_as_stock_plus_ours(boot, stock, typename, command):
    ours = listed(boot.machine(), command, typename)
    theirs = listed(boot.machine(binary=stock), command, typename)
    assert set(ours) - set(theirs) == OURS
    assert not set(theirs) - set(ours)
    assert {n: ours[n] for n in theirs} == theirs


def test_types_as_stock(boot, stock):
    found = []
    for binary in (None, stock):
        m = boot.machine(binary=binary)
        found.append({t["name"] for t in m.qmp("qom-list-types", abstract=True)
                      if "balloon" in t["name"]})
    assert found[0] == found[1]


def test_shown_properties_are_read_only(boot):
    b = boot()
    for name in SHOWN:
        value = b.shown(name)
        assert value is False if name in FLAGS else (value == 0) == (name != "block-size")
        with pytest.raises(Exception):
            b.m.qmp("qom-set", path="/machine/peripheral/balloon", property=name, value=value)


@pytest.mark.parametrize("machine", ["pc-i440fx-2.0", "pc-i440fx-2.4", "pc-q35-3.1", "pc-q35-4.0",
                                     "pc-q35-5.0", "pc-q35-7.2", "microvm"])
def test_old_machine_types_start(boot_both, machine):
    """Their compatibility settings name properties of the device."""
    device = "virtio-balloon-device" if machine == "microvm" else "virtio-balloon-pci"
    m = boot_both.machine("-device", device, machine=machine, memory="128M")
    assert m.qmp("query-balloon")["actual"] == 128 << 20


def test_trace_events(boot):
    m = boot.machine()
    names = {t["name"] for t in m.qmp("trace-event-get-state", name="*balloon*")}
    assert {"virtio_balloon_bad_addr", "virtio_balloon_handle_output", "virtio_balloon_get_config",
            "virtio_balloon_set_config", "virtio_balloon_to_target"} <= names
