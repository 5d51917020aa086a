# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that the driver forgot: asks kmemleak, in a guest kernel that has it.

A scan reports what nothing points to; young objects are spared for 5 s, so the
scan that counts comes after that.
"""

from vmlab.waits import wait_for

from .env import DEBUG, scaled

KMEMLEAK = "/sys/kernel/debug/kmemleak"
YOUNG_S = 6


def only_when_asked(vm):
    """No scan of its own accord a minute after boot: it takes a CPU for longer than most tests."""
    if DEBUG and _present(vm):
        vm.guest.run(f"echo scan=off >{KMEMLEAK}", scaled(30))


def start_clean(vm):
    """Forgets what is already reported (boot code's); call before what is tested."""
    if _present(vm):
        vm.guest.run(f"echo clear >{KMEMLEAK}", scaled(30))


def assert_none(vm):
    """Call after the driver is gone. Nothing to see in a kernel without kmemleak."""
    if not _present(vm):
        return
    gone = _uptime(vm)
    vm.guest.run(f"echo scan >{KMEMLEAK}", scaled(60))
    wait_for(lambda: _uptime(vm) > gone + YOUNG_S, scaled(30), "objects to come of age", poll=0.5)
    # an object counts once two scans in a row found it unchanged
    vm.guest.run(f"echo scan >{KMEMLEAK}", scaled(60))
    report = vm.guest.run(f"cat {KMEMLEAK}", scaled(60)).output
    assert not report.strip(), f"kmemleak: {report[:2000]}"


def _present(vm):
    return not vm.guest.run(f"[ -e {KMEMLEAK} ]", check=False).status


def _uptime(vm):
    return float(vm.guest.read("/proc/uptime").split()[0])
