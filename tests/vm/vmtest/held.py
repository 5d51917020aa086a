# SPDX-License-Identifier: GPL-2.0-or-later
"""Ballooned pages in compaction's hands for as long as a test wants, and what waiting for them
costs: a module of the guest's (tests/guest/hold) isolates them and puts them back.

Needs a guest kernel with kprobes: Debian's, not the checking one.
"""

from functools import cache

from vmlab import guestmodule
from vmlab.errors import LabError
from vmlab.paths import Paths
from vmlab.waits import wait_for

from .env import ROOT, scaled

TICK_S = 0.01  # of /proc/PID/stat


@cache
def files():
    """For the guest: guest_for(files=held.files())."""
    headers = Paths.load().headers
    if headers is None:
        raise LabError("paths.sh names no HEADERS: run `make build-driver`")
    return {"lab/hold.ko": guestmodule.build(headers, ROOT / "tests" / "guest" / "hold")}


def hold(vm, pages):
    """Isolates that many. Our driver takes a moment before it lets go of new ones."""
    insert = f"insmod /lab/hold.ko pages={pages}"
    wait_for(
        lambda: not vm.guest.run(insert, scaled(20), check=False).status,
        scaled(30),
        f"{pages} ballooned pages to be isolated",
        poll=0.2,
    )


def release(vm):
    """Puts them back, as a migration that failed does."""
    vm.guest.run("rmmod hold", scaled(20))


class Background:
    """A command in the guest whose processor time is looked at meanwhile; .job ends with it."""

    def __init__(self, vm, command):
        self.vm = vm
        self.job = vm.guest.start(f"{command} & echo $!; wait $!")
        wait_for(lambda: self.job.output.strip(), scaled(20), "the command's number")
        self.pid = int(self.job.output)

    def busy(self, seconds):
        """The share of a processor that it takes, over so many of the guest's seconds."""
        begin, used = self._uptime(), self._used()
        wait_for(lambda: self._uptime() >= begin + seconds, scaled(30), "time to pass", poll=0.2)
        return (self._used() - used) / (self._uptime() - begin)

    def _used(self):
        # after the name, which may hold anything: state is field 3, user and system time 14 and 15
        fields = self.vm.guest.read(f"/proc/{self.pid}/stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def _uptime(self):
        return float(self.vm.guest.read("/proc/uptime").split()[0])
