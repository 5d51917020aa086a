# SPDX-License-Identifier: GPL-2.0-or-later
"""Situations in a guest that tests and demo need, made the same way each time.

Uses a guest.Guest and a callable that resizes; judges by the guest's vmstat.
"""

from dataclasses import dataclass

from .errors import LabError
from .waits import wait_for

HOG = "hog"


def fragment(guest, leave_mib=150, share=500, seed=7, timeout=180, tick=None):
    """Fills all free memory but leave_mib with small pages and gives a
    pseudo-random share/1000 of them back, scattered: no whole 2 MiB block is
    free afterwards. The rest stays held until release(). tick(): while it lasts."""
    # neither may move pages before the test says so
    guest.run("echo 0 >/proc/sys/vm/compaction_proactiveness", check=False)
    consolidate(guest, False)
    background(guest, f"memtool fragment {HOG} free-{leave_mib} {seed} {share}", timeout, tick)


def consolidate(guest, wanted):
    """Whether our driver gathers the balloon into whole blocks; others do not know how."""
    path = "/sys/module/virtio_balloon/parameters/gather"
    guest.run(f"[ ! -w {path} ] || echo {'Y' if wanted else 'N'} >{path}")


def background(guest, command, timeout, tick=None):
    """A command to its end; tick() is called while it lasts."""
    job = guest.start(command)
    if tick:
        wait_for(job.done, timeout, f"`{command}` in the guest", tick=lambda _: tick())
    return job.wait(timeout)


def release(guest, timeout=60):
    guest.run(f"memtool ask {HOG} quit", timeout)


@dataclass(frozen=True)
class Compaction:
    """What one compaction did, from /proc/vmstat and /proc/buddyinfo."""

    ballooned_moved: int
    all_moved: int
    blocks_before: int
    blocks_after: int


def free_blocks(guest):
    """Free memory in whole 2 MiB blocks, counted in such blocks."""
    total, block = 0, (2 << 20) // guest.page_size
    for line in guest.read("/proc/buddyinfo").splitlines():
        counts = [int(word) for word in line.split("zone")[1].split()[1:]]
        total += sum(n << order for order, n in enumerate(counts) if 1 << order >= block) // block
    return total


def compact(guest, timeout=120, tick=None):
    """One pass over all zones, as root in a guest would ask for it."""
    before, blocks = guest.vmstat(), free_blocks(guest)
    if "balloon_migrate" not in before:
        raise LabError("this guest's kernel counts no balloon_migrate: no balloon compaction in it")
    background(guest, "echo 1 >/proc/sys/vm/compact_memory", timeout, tick)
    after = guest.vmstat()
    return Compaction(
        after["balloon_migrate"] - before["balloon_migrate"],
        after["pgmigrate_success"] - before["pgmigrate_success"],
        blocks,
        free_blocks(guest),
    )


def mass_migration(guest, resize, guest_mib, leave_mib=100, share=500):
    """Makes tens of thousands of ballooned pages move in one compaction.

    resize(mib) sets the balloon and waits; guest_mib is the guest's size now.
    The balloon ends at all free memory but leave_mib. Returns a Compaction.
    """
    fragment(guest, share=share)
    free = guest.meminfo()["MemFree"] // 1024
    resize(guest_mib - (free - leave_mib))
    release(guest)
    return compact(guest)
