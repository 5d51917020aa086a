# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that does not come to be leaves no timer behind that would call it. (Finding C8.)

The stock device leaves one behind where its options are refused: what the timer then finds in
freed memory is chance, so it is not asked here."""

import pytest

from balloon import Balloon
from machine import QmpError

INTERVAL = "guest-stats-polling-interval"


def polls_after_a_failed_device_add(m, **options):
    for _ in range(3):
        with pytest.raises(QmpError):
            m.qmp("device_add", driver="virtio-balloon-pci", id="second", **options)
        for _ in range(5):
            m.step_clock(10 ** 9)
    assert m.qmp("query-status")["running"]


def test_interval_of_a_second_device(boot):
    b = boot(machine="pc")
    polls_after_a_failed_device_add(b.m, guest_stats_polling_interval=1)
    b.inflate(64 << 20, 4)


def test_interval_for_all_devices(boot):
    """Set by -global, before any property of the device itself."""
    m = boot.machine("-global", f"virtio-balloon-device.{INTERVAL}=1", machine="pc")
    with pytest.raises(QmpError):
        m.qmp("device_add", driver="virtio-balloon-pci", id="none", free_page_hint=True)
    for _ in range(5):
        m.step_clock(10 ** 9)
    m.qmp("device_add", driver="virtio-balloon-pci", id="balloon", addr="4")
    Balloon(m).inflate(64 << 20, 4)


def test_interval_of_a_device_with_a_bad_option(boot):
    m = boot.machine(machine="pc")
    polls_after_a_failed_device_add(m, guest_stats_polling_interval=1, free_page_hint=True)


def test_interval_of_a_device_that_is_only_looked_at(boot):
    """An object that was never a device: made and dropped as its properties are listed."""
    m = boot.machine(machine="pc")
    m.qmp("device-list-properties", typename="virtio-balloon-device")
    for _ in range(5):
        m.step_clock(10 ** 9)
