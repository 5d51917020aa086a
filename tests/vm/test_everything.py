# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything at once: data stays whole and the books exact while all that can move moves.

STRESS_SECONDS (20) is shared by the two ways to talk to the host; SEED repeats a
run's decisions, though not the guest's scheduling.
"""

import os
import random
import time
from contextlib import ExitStack

import pytest

from vmlab import dmesg
from vmlab.errors import LabError
from vmlab.paths import Paths

from vmtest import frames, leaks, migrate, quiet, size
from vmtest.churn import Churn
from vmtest.env import DEBUG, MIB, PAGE, scaled
from vmtest.pool import EXTRA_MIB
from vmtest.saved import PatientVM
from vmtest.workload import FLOOR_MIB, SCRIPT, Workload, disk_image

SECONDS = float(os.environ.get("STRESS_SECONDS") or 20)
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1, 1 << 31))
MODES = ("page-ops", "pfn")
MEMORY_MIB = (1152 if DEBUG else 1536) + EXTRA_MIB
# Guest RAM that the host backs though the guest does not count it: firmware, kernel image.
UNCOUNTED_MIB = 16


class Machines:
    """The guest, and the QEMU it moves to; all end with the stack."""

    def __init__(self, stack, tmp_path, mode):
        self.stack = stack
        self.options = {
            "memory_mib": MEMORY_MIB,
            "balloon": "virtio-balloon-pci" + (",page-ops=off" if mode == "pfn" else ""),
            "driver_params": {"floor_mib": FLOOR_MIB},
            "modules": ("virtio_blk",),
            "files": {"lab/churn": SCRIPT.read_bytes()},
            "qemu_args": (
                "-drive",
                f"file={disk_image(tmp_path, SEED)},format=raw,if=virtio,readonly=on",
            ),
        }
        self.started = []

    def start(self, **more):
        vm = PatientVM(Paths.load(), **self.options, **more)
        # the host backs a page only because that page was used
        with frames.small_host_pages():
            self.stack.enter_context(vm)
        self.started.append(vm)
        return vm

    def move(self, vm):
        uri = f"unix:{vm.dir}/migration"
        return migrate.paused(vm, self.start(incoming=uri), uri)

    def complaints(self, log=""):
        """Of the guest's kernel; log: its dmesg, where it still answers."""
        return dmesg.find("".join(vm.console_text() for vm in self.started) + log)


def state(vm):
    """What a person wants to see when it failed."""
    if not vm.alive():
        return f"QEMU has ended: {vm.last_words()}"
    try:
        text = f"query-balloon {size.actual(vm)}, ledger {quiet.device(vm, 'balloon-pages')}\n"
        command = "grep -E 'Mem|Shmem|Anon' /proc/meminfo; grep -E 'oom_k|balloon' /proc/vmstat"
        command += f"; cat {quiet.STATE}; cd /run/churn && grep . n.* bad; dmesg | tail -n 30"
        return text + vm.guest.run(command, scaled(30), check=False).output
    except LabError as error:
        return f"{error}\n{vm.console_text()[-3000:]}"


@pytest.mark.long
@pytest.mark.parametrize("mode", [MODES[0], pytest.param(MODES[1], marks=pytest.mark.slow)])
def test_everything_at_once(mode, tmp_path, capsys):
    """A guest that checks most of its memory all the time, under compaction, huge page faults, page
    cache, memory blocks that come and go, the driver unbound and bound, a target that swings
    (beyond what can be, too) and a move to another QEMU: no wrong byte, no OOM kill, no complaint,
    I3 to the page at every quiet moment, and all memory back at the end."""
    shown = [0.0]

    def say(text, often=10):
        if time.monotonic() - shown[0] >= often:
            shown[0] = time.monotonic()
            with capsys.disabled():
                print(f"\n  {mode} SEED={SEED}: {text}", end="", flush=True)

    with ExitStack() as stack:
        machines = Machines(stack, tmp_path, mode)
        say(f"{SECONDS / len(MODES):g} s")
        vm = machines.start()
        ranges = quiet.device(vm, "page-ops-negotiated")
        assert ranges == (mode == "page-ops"), "driver or device built without page ops? run make"
        kills = vm.guest.vmstat()["oom_kill"]
        leaks.start_clean(vm)
        work = Workload(vm, SEED)
        churn = Churn(vm, work, f"{SEED} {mode}", say)
        try:
            churn.run(SECONDS / len(MODES), machines.move)
            rounds = work.finish()
            check_host(churn)
            churn.finish()
        except (AssertionError, LabError):
            print(f"step {churn.step}, done {churn.done}\n{state(work.vm)}")
            print(*machines.complaints(), sep="\n")
            raise
        say(f"steps {churn.done}, rounds {rounds}", 0)
        assert work.vm.guest.vmstat()["oom_kill"] == kills, "the guest's OOM killer ran"
        complaints = machines.complaints(work.vm.guest.dmesg())
        assert not complaints, complaints
        for name in ("small", "thp", "shared"):
            work.vm.guest.run(f"memtool ask {name} quit", scaled(60))
        work.vm.guest.unload_driver(scaled(60))
        assert work.vm.guest.meminfo()["MemTotal"] * 1024 == churn.total
        leaks.assert_none(work.vm)


def check_host(churn):
    """With the balloon at its largest the host has that memory back, and the guest's kernel has
    as many pages marked as the device has in its ledger."""
    vm, lowest = churn.vm, churn.work.lowest // PAGE * PAGE
    churn.quiet(lowest)
    marked = frames.ballooned(vm).count(1) * PAGE
    assert marked == churn.full - lowest, f"the kernel marks {marked} bytes as ballooned"
    resident = vm.ram().rss_bytes()
    assert resident <= lowest + UNCOUNTED_MIB * MIB, (
        f"a guest of {lowest >> 20} MiB costs the host {resident >> 20} MiB"
    )
