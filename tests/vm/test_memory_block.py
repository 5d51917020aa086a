# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking a memory block offline moves the balloon's pages out of it, and no page is lost."""

from vmtest import frames, kept, size
from vmtest.env import MIB, scaled
from vmtest.pairs import every_pair
from vmtest.size import Books

BLOCKS = "/sys/devices/system/memory"
GIVEN = 512 * MIB


def blocks(vm):
    """(name, bytes of the balloon in it) of each block that is online, fullest first."""
    block = int(vm.guest.read(f"{BLOCKS}/block_size_bytes"), 16)
    marks = frames.ballooned(vm)
    step = block // 4096
    names = vm.guest.run(f"cd {BLOCKS}; grep -l online memory*/state").output.split()
    found = []
    for name in (path.split("/")[0] for path in names):
        at = int(name.removeprefix("memory")) * step
        found.append((name, marks[at : at + step].count(1) * 4096))
    return sorted(found, key=lambda pair: -pair[1])


@every_pair
def test_offline_and_online(guest_for, pair):
    """A block full of ballooned pages goes offline: they move, told to the host each; the balloon
    keeps its size. Online again, MemTotal is as before."""
    vm = guest_for(memory_mib=1024, **pair.options)
    kept.keep(vm, 100, 4)
    size.resize(vm, size.full(vm) - GIVEN)
    before = Books.of(vm)
    for name, held in blocks(vm):
        assert held > 40 * MIB, "no block with enough of the balloon can be taken offline"
        # a block with the kernel's own pages in it refuses: then the next
        if not vm.guest.run(f"echo offline >{BLOCKS}/{name}/state", scaled(60), check=False).status:
            break
    after = Books.of(vm)
    assert after.migrated - before.migrated >= held // 4096, "the block was emptied without moving"
    assert after.actual == before.actual, "the balloon changed its size"
    assert after.inflated - after.deflated == before.inflated - before.deflated
    assert after.total < before.total
    assert not frames.backed_though_ballooned(vm)
    kept.verify(vm)

    vm.guest.run(f"echo online >{BLOCKS}/{name}/state", scaled(60))
    assert Books.of(vm).total == before.total
    size.resize(vm, size.full(vm))
    assert Books.of(vm).total == before.total + GIVEN
    kept.drop(vm)
