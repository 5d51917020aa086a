# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that writes all the time: one area, filled anew and checked in turn.

Each round has another pattern, so a page that a migration sent before its last
write is found as wrong. It runs by itself in the guest, and moves with it; no
command is open while it does.
"""

from vmlab.waits import wait_for

from . import kept
from .env import scaled

STATE = "/run/dirty"
NAME = "dirty"
LOOP = f"""
mkdir -p {STATE}; rm -f {STATE}/*; echo 0 >{STATE}/rounds
(
	n=1
	while [ ! -e {STATE}/stop ]; do
		n=$((n + 1))
		memtool ask {NAME} fill $n && memtool ask {NAME} verify || break
		echo $n >{STATE}/rounds.new; mv {STATE}/rounds.new {STATE}/rounds
	done
	[ -e {STATE}/stop ] || echo wrong in round $n >{STATE}/bad
	: >{STATE}/end
) </dev/null >{STATE}/log 2>&1 &
"""


class Dirtier:
    """Begins in the constructor; .vm is to be set when the guest has moved."""

    def __init__(self, vm, mib):
        self.vm = vm
        kept.keep(vm, mib, 1, "small", NAME)
        vm.guest.run(LOOP, scaled(30))
        self.wait_rounds(1)

    def rounds(self):
        return int(self.vm.guest.read(f"{STATE}/rounds"))

    def wait_rounds(self, more):
        """Until so many further rounds are through."""
        goal = self.rounds() + more

        def through():
            self.assert_good()
            return self.rounds() >= goal

        wait_for(through, scaled(60), "the guest to rewrite its memory", poll=0.1)

    def assert_good(self):
        look = f"grep -v ^ok {STATE}/log {STATE}/bad 2>/dev/null; true"
        found = self.vm.guest.run(look, scaled(30)).output
        assert not found, f"the guest found: {found}"

    def finish(self):
        """Ends it; the last round is checked, too."""
        self.vm.guest.run(f": >{STATE}/stop", scaled(30))
        ended = f"[ -e {STATE}/end ]"
        wait_for(
            lambda: not self.vm.guest.run(ended, scaled(30), check=False).status,
            scaled(60),
            "the guest to stop writing",
            poll=0.1,
        )
        self.assert_good()
        kept.drop(self.vm, NAME)
