# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest goes on in another QEMU: the steps that every test of it takes.

QEMU 7.2 loses dirty pages of guests that run under TCG while they move, whatever their devices
are: there a guest is paused meanwhile (paused). One that runs: live.py.
"""

from vmlab.waits import wait_for

from .env import scaled

ENDED = ("completed", "failed", "cancelled")


def status(vm):
    return vm.qmp.cmd("query-migrate").get("status")


def in_flight(vm):
    """A guest that is still to arrive there."""
    return vm.qmp.cmd("query-status")["status"] == "inmigrate"


def wait_sent(source, target, seconds=120):
    """Until all of it has left; fails where it does not."""
    wait_for(lambda: status(source) in ENDED, scaled(seconds), "the migration", poll=0.05)
    assert status(source) == "completed", f"{status(source)}; target: {target.last_words()}"


def leave(source, target):
    """The guest is there; the QEMU that it left ends in order."""
    wait_for(lambda: not in_flight(target), scaled(30), "the guest at the target")
    source.qmp.cmd("quit")
    source.wait_exit(scaled(30))


def paused(source, target, uri):
    """The stopped guest goes on at the target; returns it."""
    source.qmp.cmd("stop")
    source.qmp.cmd("migrate", uri=uri)
    wait_sent(source, target)
    leave(source, target)
    target.qmp.cmd("cont")
    return target
