# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that the guest fills with checked content and keeps meanwhile (tests/guest/memtool).

Takes whatever has a .guest: a VM, a Domain. A wrong byte raises.
"""

from .env import scaled

NAME = "data"


def keep(vm, mib, seed, kind="", name=NAME, seconds=60):
    """mib: a number, or free-N: all that is free but N. kind: thp, small, shared or file:PATH."""
    vm.guest.run(f"memtool keep {name} {mib} {seed} {kind}".strip(), scaled(seconds))


def fill(vm, seed, name=NAME):
    """Anew, with other content."""
    vm.guest.run(f"memtool ask {name} fill {seed}", scaled(60))


def verify(vm, name=NAME, seconds=60):
    vm.guest.run(f"memtool ask {name} verify", scaled(seconds))


def drop(vm, name=NAME):
    """It is free memory again."""
    vm.guest.run(f"memtool ask {name} quit", scaled(60))


def check(vm, name=NAME):
    """Right to the last byte, and free again."""
    verify(vm, name)
    drop(vm, name)
