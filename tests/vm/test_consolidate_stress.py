# SPDX-License-Identifier: GPL-2.0-or-later
"""The balloon is gathered while everything else moves memory, too: data stays whole, the books
exact.

GATHER_SECONDS (600; in a checking kernel 60) is how long; SEED repeats a run's decisions, though
not the guest's scheduling.
"""

import os
import random
import time

import pytest

from vmlab.errors import LabError

from vmtest import blocks, kept, leaks, quiet, size
from vmtest.banks import plug_dimm
from vmtest.churn import Churn
from vmtest.env import DEBUG, MIB, scaled
from vmtest.inject import failing_allocations
from vmtest.workload import FLOOR_MIB, SCRIPT, Workload, disk_image

SECONDS = float(os.environ.get("GATHER_SECONDS") or (60 if DEBUG else 600))
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1, 1 << 31))
MEMORY_MIB = 1408 if DEBUG else 1792
HELD_MIB = 256 if DEBUG else 512
DIMM_MIB = 256
HUGE_PAGES = "/proc/sys/vm/nr_hugepages"
FAIL_PERCENT = 10


class Gathered(Churn):
    """A Churn whose balloon is gathered at full speed, but at quiet moments."""

    gathered = 0  # blocks, by drivers that have gone since
    failures = None
    deck = ("swing", "swing", "beyond", "rest", "block", "dimm", "pool", "rebind")

    def quiet(self, target):
        """That nothing is under way needs a balloon that lies still."""
        blocks.switch(self.vm, "gather", "N")
        try:
            super().quiet(target)
        finally:
            blocks.switch(self.vm, "gather", "Y")

    def rebind(self, rng):
        self.gathered += self.blocks()
        super().rebind(rng)

    def blocks(self):
        """Blocks that the driver has made whole since it was bound."""
        return int(quiet.driver_state(self.vm)["gathered_blocks"])

    def rest(self, rng):
        """A target long enough for blocks to become whole."""
        size.resize(self.vm, self._target(rng), 120)
        time.sleep(rng.uniform(1, 5))

    def dimm(self, rng):
        """More memory comes, is used and ballooned, and goes; what was in it finds a place."""
        vm = self.vm
        size.resize(vm, self.full, 120)
        # Linux maps new memory with pages that it does not check for NULL (phys_pmd_init)
        with self.failures.held_off():
            bank = plug_dimm(vm, f"late{self.step}", DIMM_MIB)
        for _ in range(2):
            # the guest's size counts the DIMM
            size.ask(vm, self._target(rng, 64 * MIB) + bank.size)
            # the moment of the next wish is the stimulus, here as below
            time.sleep(rng.uniform(0.3, 3))
        # taking memory away wants a place for what is in it
        size.resize(vm, self.full + bank.size, 120)
        vm.qmp.cmd("device_del", id=f"dimm-{bank.name}")
        vm.qmp.wait_event("DEVICE_DELETED", scaled(120),
                          lambda d: d.get("device") == f"dimm-{bank.name}")
        vm.qmp.cmd("object-del", id=bank.name)

    def pool(self, rng):
        """The guest's own pool of huge pages grows and shrinks."""
        size.resize(self.vm, self._target(rng, 128 * MIB), 120)
        for count in (rng.randint(8, 48), 0):
            self.vm.guest.run(f"echo {count} >{HUGE_PAGES}", scaled(60))
            time.sleep(rng.uniform(0, 1))


@blocks.gathers
@pytest.mark.slow
def test_gathering_beside_everything(guest_for, tmp_path, capsys):
    """Two CPUs: compaction without pause, programs that need memory, huge page faults, page cache,
    targets that swing, memory blocks, a DIMM and huge pages that come and go, the driver unbound
    and bound, allocations that fail where the kernel can make them; meanwhile the balloon is
    gathered. No wrong byte, no OOM kill, I3 to the page at every quiet moment."""
    shown = [0.0]

    def say(text, often=10):
        if time.monotonic() - shown[0] >= often:
            shown[0] = time.monotonic()
            with capsys.disabled():
                print(f"\n  SEED={SEED}: {text}", end="", flush=True)

    vm = guest_for(
        fresh=True,
        small_pages=False,
        memory_mib=MEMORY_MIB,
        kernel_args="memhp_default_state=online_movable",
        driver_params={"floor_mib": FLOOR_MIB, "gather_cpu": 100},
        modules=("virtio_blk",),
        files={"lab/churn": SCRIPT.read_bytes()},
        qemu_args=("-m", "slots=4,maxmem=4G", "-drive",
                   f"file={disk_image(tmp_path, SEED)},format=raw,if=virtio,readonly=on"),
    )
    kills = vm.guest.vmstat()["oom_kill"]
    leaks.start_clean(vm)
    vm.guest.run(f"memtool fragment hold {HELD_MIB} 11 every-4", scaled(120))
    work = Workload(vm, SEED)
    churn = Gathered(vm, work, str(SEED), say)
    try:
        with failing_allocations(vm, FAIL_PERCENT) as failures:
            churn.failures = failures
            churn.run(SECONDS)
            kept.verify(vm, "hold")
        rounds = work.finish()
        churn.finish()
    except (AssertionError, LabError):
        print(f"SEED={SEED} step {churn.step}, done {churn.done}")
        raise
    done = churn.gathered + churn.blocks()
    say(f"steps {churn.done}, rounds {rounds}, blocks {done}, failed {failures.count}", 0)
    assert done, "nothing was gathered: the test proves nothing"
    assert vm.guest.vmstat()["oom_kill"] == kills, "the guest's OOM killer ran"
    for name in ("small", "thp", "shared"):
        vm.guest.run(f"memtool ask {name} quit", scaled(60))
    blocks.release(vm)
    vm.guest.unload_driver(scaled(60))
    assert vm.guest.meminfo()["MemTotal"] * 1024 == churn.total
    leaks.assert_none(vm)
