# SPDX-License-Identifier: GPL-2.0-or-later
"""Moving a guest that runs: QEMUs to move between, one migration held back until let go.

For QEMU 10.0 and later: 7.2 loses dirty pages of guests that run under TCG while
they move. All machines end with the test; a complaint of a guest's kernel, read from the console
that each of them logs, fails it.
"""

import os

import pytest

from vmlab import dmesg
from vmlab.paths import Paths
from vmlab.qmp import QmpError
from vmlab.vm import BALLOON_PATH
from vmlab.waits import wait_for

from .env import MIB, scaled
from .frames import small_host_pages
from .migrate import ENDED, leave, status  # noqa: F401 (ENDED: for the tests)
from .pool import EXTRA_MIB
from .saved import PatientVM

VERSION = os.environ.get("QEMU_VERSION") or "7.2"
VERSION = "10.0" if VERSION == "7.2" else VERSION
BALLOON = "virtio-balloon-pci"
# Slow enough that a guest can do something meanwhile, and that one which writes does not arrive.
HELD = 24 * MIB


class Machines:
    """start() gives a guest, or with incoming=True the other end of a move."""

    def __init__(self, stack):
        self.stack = stack
        self.started = []

    def paths(self, version=VERSION):
        return Paths.load(qemu_version=version)

    def start(self, qemu="ours", version=VERSION, page_ops=True, extra="", incoming=False, **more):
        """qemu: "ours" or "stock", of that version. page_ops: whether our device offers them.
        extra: further properties of the balloon."""
        options = {"memory_mib": 512 + EXTRA_MIB, **more}
        off = ",page-ops=off" if qemu == "ours" and not page_ops else ""
        options["balloon"] = BALLOON + off + extra
        if incoming:
            options["incoming"] = "defer"
        vm = PatientVM(self.paths(version), qemu=qemu, **options)
        with small_host_pages():
            self.stack.enter_context(vm)
        self.started.append(vm)
        return vm

    def complaints(self):
        """Of the guests' kernels."""
        found = dmesg.find("".join(vm.console_text() for vm in self.started))
        for vm in self.started:
            if vm.alive() and vm.qmp.cmd("query-status")["status"] == "running":
                found += dmesg.find(vm.guest.dmesg())
        return found


def capabilities(vm, *names, on=True):
    """Raises QmpError where this host cannot."""
    wanted = [{"capability": name, "state": on} for name in names]
    vm.qmp.cmd("migrate-set-capabilities", capabilities=wanted)


def need(machines, *names):
    """Skips where this host cannot: where stock's emulator of that version refuses, too."""
    stock = machines.start("stock", incoming=True, memory_mib=64)
    try:
        capabilities(stock, *names)
    except QmpError as error:
        pytest.skip(f"this host has no {' and '.join(names)}: {error}")


def parameters(vm, **values):
    vm.qmp.cmd("migrate-set-parameters", **values)


def ram(vm):
    """QEMU's figures of the memory sent, {} before there are any."""
    return vm.qmp.cmd("query-migrate").get("ram", {})


def state(vm):
    """Of the machine: running, paused, inmigrate."""
    return vm.qmp.cmd("query-status")["status"]


def running(vm):
    return state(vm) == "running"


class Move:
    """A migration that is under way, but cannot end before let_go()."""

    def __init__(self, source, target, *with_capabilities):
        self.source, self.target = source, target
        self.uri = f"unix:{target.dir}/migration"
        for vm in (source, target):
            if with_capabilities:
                capabilities(vm, *with_capabilities)
        parameters(source, max_bandwidth=HELD, downtime_limit=1)
        target.qmp.cmd("migrate-incoming", uri=self.uri)
        source.qmp.cmd("migrate", uri=self.uri)
        self.wait(lambda: status(source) not in ("none", "setup"), "the migration to begin")

    def wait(self, condition, what, seconds=90):
        def look():
            return condition() or status(self.source) in ("failed", "cancelled")

        wait_for(look, scaled(seconds), what, poll=0.05)
        state = status(self.source)
        assert state not in ("failed", "cancelled"), f"{state}; {self.target.last_words()}"

    def wait_sent(self, size):
        """Until so many bytes have gone out."""
        self.wait(lambda: ram(self.source).get("transferred", 0) >= size, f"{size} bytes sent")

    def wait_syncs(self, count):
        """Until the dirty memory was looked up so often: it is sent again and again."""
        self.wait(lambda: ram(self.source).get("dirty-sync-count", 0) >= count, f"{count} syncs")

    def let_go(self):
        parameters(self.source, max_bandwidth=1 << 40, downtime_limit=60000)

    def finish(self):
        """Lets the guest go; returns the target once it runs there, the source has ended."""
        self.let_go()
        self.wait(lambda: status(self.source) == "completed", "the migration")
        return self.arrived()

    def arrived(self):
        leave(self.source, self.target)
        wait_for(lambda: running(self.target), scaled(30), "the guest to run at the target")
        return self.target


def shown(vm, name):
    """A read-only property of our device."""
    return vm.qmp.qom_get(BALLOON_PATH, name)


def wait_given_back(vm):
    """Until nothing is withheld from the host."""
    wait_for(lambda: not shown(vm, "withheld-pages"), scaled(30), "withheld memory to go back")
