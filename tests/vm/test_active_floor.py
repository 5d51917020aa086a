# SPDX-License-Identifier: GPL-2.0-or-later
"""deflate-on-oom before it is too late: a guest squeezed to its floor gets the balloon's memory as
it needs it, without reclaim and long before the OOM killer; files that it reads are no need."""

import os
import re

from vmlab.waits import wait_for

from vmtest import driver, size
from vmtest.banks import plug_dimm
from vmtest.env import DEBUG, MIB, PAGE, scaled
from vmtest.pairs import OUR_DRIVERS, first_often
from vmtest.size import Books

BALLOON = "virtio-balloon-pci,deflate-on-oom=on"
MEMORY_MIB, BURST_MIB = 1024, 700
# Of several runs the fastest is the one that others disturbed least.
ROUNDS = 3
# Processor time against a guest with an empty balloon. The stock device takes each page by itself.
SLOWER = {"ours": 1.2, "stock": 1.4}
STALL_MS = 100
DISK_MIB = 1500
# The guest at its floor has no more than that above it.
NEAR = 24 * MIB


def squeeze(vm):
    """Takes all that the guest has to give, down to its floor; the host asks for more."""
    size.ask(vm, 20 * MIB)

    def given():
        state, left = driver.state(vm), vm.guest.meminfo()["MemAvailable"] << 10
        return not state["inflating"] and left < state["floor"] * PAGE + NEAR

    wait_for(given, scaled(90), "the driver to stop at the floor")


def processor_ms(vm):
    """Processor time of QEMU so far, the guest's own included."""
    with open(f"/proc/{vm.pid}/stat", encoding="ascii") as stat:
        times = stat.read().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) * 1000 / os.sysconf("SC_CLK_TCK")


def burst(vm):
    """Milliseconds that the guest takes to touch BURST_MIB once, the longest wait in it, and what
    it costs of processor time, whoever shares the machine."""
    before = processor_ms(vm)
    said = vm.guest.run(f"memtool burst {BURST_MIB}", scaled(120)).output
    ms, longest = map(float, re.match(r"ms (\S+) longest (\S+)", said).groups())
    return ms, longest, processor_ms(vm) - before


def stalls(vm):
    """How often an allocation had to reclaim memory itself."""
    return sum(count for name, count in vm.guest.vmstat().items() if name.startswith("allocstall"))


@first_often(OUR_DRIVERS)
def test_a_burst_loses_nothing(guest_for, pair, capsys):
    """A program that takes 700 MiB at once, most of it the balloon's, costs at most 1.2
    times the processor time of the same beside an empty balloon (on the stock device 1.4), on a
    machine that others share a measure of how long it takes; its longest wait grows by 100 ms at
    most. Nobody is killed. Where QEMU gets the processor in time, no allocation reclaims memory
    and the OOM killer does not ask the balloon: so it is in the best round."""
    vm = guest_for(balloon=BALLOON, memory_mib=MEMORY_MIB, **pair.options)
    kills = Books.of(vm).kills
    squeezed, free, late = [], [], []
    for _ in range(ROUNDS):
        squeeze(vm)
        before, state = stalls(vm), driver.state(vm)
        assert size.actual(vm) < (BURST_MIB - 100) * MIB, "the guest has as much as it needs"
        squeezed.append(burst(vm))
        now = driver.state(vm)
        late.append((stalls(vm) - before, now["oom_released"] - state["oom_released"]))
        gave = (now["floor_given"] - state["floor_given"]) * PAGE
        assert gave > BURST_MIB * MIB / 2, f"the floor gave {gave // MIB} MiB"
        # the host has to find memory for it in either case
        size.resize(vm, size.full(vm))
        squeeze(vm)
        size.resize(vm, size.full(vm))
        free.append(burst(vm))
    assert Books.of(vm).kills == kills, "the guest's OOM killer ran"
    best = [(min(run[at] for run in squeezed), min(run[at] for run in free)) for at in range(3)]
    with capsys.disabled():
        for what, (here, there) in zip(("took", "longest wait", "processor time"), best):
            print(f"\n  {BURST_MIB} MiB, {what}: {here:.0f} ms at the floor, {there:.0f} ms with "
                  "an empty balloon", end="")
        print(f"; (allocations that reclaimed, pages for the OOM killer): {late}")
    if DEBUG:
        return  # times are not for a kernel that checks itself
    _, (stall, usual), (cost, alone) = best
    assert cost <= SLOWER[pair.qemu] * alone
    assert stall <= usual + STALL_MS
    assert (0, 0) in late, f"(allocations that reclaimed, pages for the OOM killer): {late}"


@first_often(OUR_DRIVERS)
def test_files_are_no_need(guest_for, pair, tmp_path):
    """A guest squeezed to its floor that reads more than all of its memory from a disk is given
    nothing: what it keeps of that is available."""
    disk = tmp_path / "disk"
    with open(disk, "wb") as file:
        file.truncate(DISK_MIB * MIB)
    drive = ("-drive", f"file={disk},format=raw,if=virtio,readonly=on")
    vm = guest_for(fresh=True, balloon=BALLOON, memory_mib=MEMORY_MIB, qemu_args=drive,
              modules=("virtio_blk",), **pair.options)
    vm.pooled.keep = False  # must end before its disk is gone
    squeeze(vm)
    gave, left = driver.state(vm)["floor_given"], size.actual(vm)
    vm.guest.run("dd if=/dev/vda of=/dev/null bs=1M", scaled(240))
    reclaimed = vm.guest.vmstat()
    assert reclaimed["pgsteal_kswapd"] + reclaimed["pgsteal_direct"], "nothing had to be reclaimed"
    assert driver.state(vm)["floor_given"] == gave, "the balloon gave pages for files"
    assert size.actual(vm) <= left


@first_often(OUR_DRIVERS)
def test_floor_follows_plugged_memory(guest_for, pair):
    """The floor is a share of the memory that the guest has now, plugged memory included."""
    vm = guest_for(fresh=True, balloon=BALLOON, memory_mib=MEMORY_MIB,
              kernel_args="memhp_default_state=online_movable",
              qemu_args=("-m", "slots=4,maxmem=16G"), **pair.options)
    total, before = Books.of(vm).total, driver.state(vm)["floor"]
    plug_dimm(vm, "late", 4096)
    more = Books.of(vm).total // 64 // PAGE
    assert more > before
    wait_for(lambda: abs(driver.state(vm)["floor"] - more) < 16, scaled(30), f"a floor of {more}")
    vm.qmp.cmd("device_del", id="dimm-late")
    vm.qmp.wait_event("DEVICE_DELETED", scaled(60), lambda d: d.get("device") == "dimm-late")
    size.wait_total(vm, total)
    wait_for(lambda: driver.state(vm)["floor"] == before, scaled(30), f"a floor of {before}")
