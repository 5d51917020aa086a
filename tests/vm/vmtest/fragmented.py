# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest in which one compaction moves tens of thousands of ballooned pages.

The recipe is vmlab's (fragment, inflate into the holes, release); here it is cut to
this guest's memory and left at the moment before the compaction.
"""

from vmlab import recipes

from . import kept, size
from .env import MIB, PAGE, scaled

# Enough for ten thousand moves and more; to fill it is most of what a test here takes.
MEMORY_MIB = 768
# More than the driver leaves to the guest, so that the target is reached.
LEAVE_MIB = 120
# What is left free while the rest is taken.
FREE_MIB = 100
if PAGE == 65536:
    # Page blocks are of 512 MiB: the kernel keeps more free, and in a guest below 3 GiB it does
    # not tell blocks of movable pages from others, so that compaction finds nowhere to move to.
    MEMORY_MIB, LEAVE_MIB, FREE_MIB = 4096, 900, 700


def scatter(vm, data_mib=0, seed=11):
    """Balloons scattered pages; returns the guest's size then. kept.check() checks
    what the guest holds meanwhile; scattered pages of the balloon lie all over."""
    guest = vm.guest
    if data_mib:
        kept.keep(vm, data_mib, seed, "small")
    recipes.fragment(guest, leave_mib=FREE_MIB, timeout=scaled(120))
    target = size.full(vm) - (guest.meminfo()["MemFree"] // 1024 - LEAVE_MIB) * MIB
    size.resize(vm, target)
    recipes.release(guest, scaled(60))
    return target


def compact(vm):
    """recipes.Compaction of one pass over all zones."""
    return recipes.compact(vm.guest, scaled(120))
