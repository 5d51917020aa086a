# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest put to sleep (S3) and awake again."""

from vmlab.waits import wait_for

from .env import scaled

SLEEP = "echo mem >/sys/power/state"


def slept(vm):
    return vm.qmp.cmd("query-status")["status"] == "suspended"


def fall_asleep(vm, sleeping):
    """sleeping: the guest's command that sends it to S3. Returns what the host then backs."""
    wait_for(lambda: slept(vm) or sleeping.done(), scaled(30), "the guest to sleep")
    assert slept(vm), sleeping.output
    return vm.ram().rss_bytes()


def wake(vm, sleeping):
    """The guest's processor is reset on the way, and with it the device."""
    vm.qmp.cmd("system_wakeup")
    assert sleeping.wait(scaled(60)).status == 0
