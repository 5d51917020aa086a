# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest of four NUMA nodes: each gives in proportion to what it can spare and gets back
likewise; one that is full gives nearly nothing."""

import re

from vmtest import kept, size
from vmtest.banks import memfd
from vmtest.env import MIB, scaled
from vmtest.pairs import every_device
from vmtest.pool import EXTRA_MIB

# The first has the kernel, too.
NODES_MIB = (512 + EXTRA_MIB, 384, 320, 256)
FULL = 3
GIVEN = 480 * MIB
# Blocks of 4 MiB in requests of 20 MiB, and what a guest at rest moves.
OFF = 24 * MIB


def per_node(vm, what):
    """One line of each node's meminfo, in bytes."""
    text = vm.guest.run("cat /sys/devices/system/node/node[0-9]*/meminfo", scaled(20)).output
    found = re.findall(rf"Node (\d+) {what}: *(\d+) kB", text)
    return [int(kib) << 10 for _, kib in sorted(found, key=lambda pair: int(pair[0]))]


def four_nodes(guest_for, pair):
    args = ["-smp", "4,sockets=4,cores=1,threads=1"]
    for number, mib in enumerate(NODES_MIB):
        args += ["-object", memfd(f"node{number}", mib)]
        args += ["-numa", f"node,nodeid={number},cpus={number},memdev=node{number}"]
    return guest_for(memory_mib=sum(NODES_MIB) - EXTRA_MIB, qemu_args=tuple(args), **pair.options)


def share_out(total, parts):
    return [total * part // sum(parts) for part in parts]


def assert_near(got, want, what):
    off = [abs(is_ - should) for is_, should in zip(got, want)]
    assert max(off) <= OFF, (
        f"{what}: MiB {[n // MIB for n in got]}, in proportion would be {[n // MIB for n in want]}"
    )


@every_device
def test_in_proportion(guest_for, pair):
    """Of four nodes, the last one full, a shrink takes from each what its part of the free memory
    is; half of it back goes to each in proportion to what it gave, and all of it back is exact."""
    vm = four_nodes(guest_for, pair)
    total = per_node(vm, "MemTotal")
    assert len(total) == len(NODES_MIB), f"the guest sees {len(total)} nodes"
    # who runs on a processor of that node fills that node first
    most = per_node(vm, "MemFree")[FULL] // MIB - 8
    vm.guest.run(f"taskset {1 << FULL:x} memtool keep data {most} 7 small", scaled(120))
    free = per_node(vm, "MemFree")
    assert free[FULL] < 24 * MIB, f"node {FULL} has {free[FULL] // MIB} MiB free"

    size.resize(vm, size.full(vm) - GIVEN)
    took = [was - now for was, now in zip(total, per_node(vm, "MemTotal"))]
    assert sum(took) == GIVEN
    free[FULL] = 0
    assert_near(took, share_out(GIVEN, free), "taken")

    size.resize(vm, size.full(vm) - GIVEN // 2)
    left = [was - now for was, now in zip(total, per_node(vm, "MemTotal"))]
    assert_near(left, share_out(GIVEN // 2, took), "left of it")
    kept.check(vm)
    size.resize(vm, size.full(vm))
    assert per_node(vm, "MemTotal") == total
