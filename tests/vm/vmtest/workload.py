# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest does meanwhile: keeps patterns in most of its memory, and churns (churn.sh).

Owns the sizes: how much is kept, how much the churn takes at most, and so how far
the balloon may go before the guest runs dry. Every byte is judged in the guest.
"""

import random
from pathlib import Path

from vmlab.waits import wait_for

from . import kept, size
from .env import DEBUG, MIB, scaled

SCRIPT = Path(__file__).with_name("churn.sh")
STATE = "/run/churn"
DISK = "/dev/vda"
DISK_MIB = 24
WORKERS = ("verify", "hog", "touch_thp", "compact", "files", "disk")
# Shares of what is free after boot that stay filled; together half of it.
KEEPERS = {"small": 20, "thp": 20, "shared": 10}
# A debug kernel takes that much longer for each page.
HOG_MIB, TOUCH_MIB, FILES_MIB = (32, 16, 30) if DEBUG else (96, 32, 30)
BURST_MIB = HOG_MIB + TOUCH_MIB + FILES_MIB
# The balloon leaves that much available: the whole churn may begin after it looked.
FLOOR_MIB = BURST_MIB + 98
MARGIN_MIB = 64


def disk_image(folder, seed):
    """A file with random content for the guest's disk; returns its path."""
    path = folder / "disk.raw"
    path.write_bytes(random.Random(seed).randbytes(DISK_MIB * MIB))
    return path


class Workload:
    """Begins in the constructor; goes with the guest when that moves (then set .vm)."""

    def __init__(self, vm, seed):
        self.vm = vm
        free = vm.guest.meminfo()["MemFree"] // 1024
        for number, (name, share) in enumerate(KEEPERS.items()):
            mib = free * share // 100
            kept.keep(vm, mib, seed + number, name, name)
        # what is checked for good must say the same at the end
        self._sums = {name: self._sum(name) for name in ("small", "shared")}
        spare = vm.guest.meminfo()["MemAvailable"] // 1024 - FLOOR_MIB - BURST_MIB - MARGIN_MIB
        assert spare > 128, f"only {spare} MiB for the balloon: the guest is too small"
        self.lowest = size.full(vm) - spare * MIB
        vm.guest.run(f"/lab/churn start {HOG_MIB} {TOUCH_MIB} {DISK}", scaled(60))

    def _sum(self, keeper):
        return self.vm.guest.run(f"memtool ask {keeper} verify", scaled(120)).output

    def calm(self, on):
        """While on, the churn asks for no compaction (page faults still may)."""
        verb = ":>" if on else "rm -f "
        self.vm.guest.run(f"{verb}{STATE}/calm", scaled(30))

    def rounds(self):
        """Rounds done by each worker."""
        text = self.vm.guest.run(f"cd {STATE}; grep . n.* /dev/null; true", scaled(30)).output
        pairs = (line.removeprefix("n.").split(":") for line in text.splitlines())
        return {name: int(count) for name, count in pairs}

    def assert_good(self):
        """No worker found a wrong byte, none has gone."""
        text = self.vm.guest.run(f"cd {STATE}; cat bad 2>/dev/null; ls", scaled(30)).output
        lines = text.split()
        assert "bad" not in lines, f"the guest found: {text}"
        gone = [name for name in WORKERS if f"on.{name}" not in lines]
        assert not gone, f"workers of the guest have gone: {gone}"

    def finish(self):
        """Ends the churn; every byte is checked once more. Returns the rounds done."""
        guest = self.vm.guest

        def all_went_round():
            self.assert_good()
            rounds = self.rounds()
            return all(map(rounds.get, WORKERS))

        wait_for(all_went_round, scaled(120), "a round of every worker", poll=0.2)
        guest.run(f":>{STATE}/stop", scaled(30))
        running = f"ls {STATE} | grep -c ^on"

        def ended():
            return guest.run(running, scaled(30), check=False).output.strip() == "0"

        wait_for(ended, scaled(120), "the end of the churn", poll=0.2)
        found = guest.run(f"cat {STATE}/bad 2>/dev/null; true", scaled(30)).output
        assert not found, f"the guest found: {found}"
        for name, before in self._sums.items():
            assert self._sum(name) == before, f"{name}: another checksum than at the start"
        self._sum("thp")
        return self.rounds()
