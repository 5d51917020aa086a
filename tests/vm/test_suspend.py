# SPDX-License-Identifier: GPL-2.0-or-later
"""Suspend to RAM with an inflated balloon: it stays as it was, and the host knows it after."""

from vmlab.waits import wait_for

from vmtest import frames, half_way, kept, quiet, size
from vmtest.asleep import SLEEP, fall_asleep, wake
from vmtest.env import MIB, PAGE, scaled
from vmtest.pairs import OURS, every_pair
from vmtest.size import Books
from vmtest.trace import traced

# A guest of its own for each test: with QEMU's ACPI a second sleep ends as soon as it begins.
WHOLE_MIB, HALF_WAY_MIB = 832, 2048
GIVEN = 400 * MIB
# Longer than it takes to fall asleep.
ON_ITS_WAY = 1600 * MIB


@every_pair
def test_suspend_to_ram(guest_for, pair):
    """Size, MemTotal, what the host backs and the guest's data are the same after as before;
    with our pair no page leaves the balloon on the way, though the device forgot them all."""
    vm = guest_for(memory_mib=WHOLE_MIB, **pair.options)
    kept.keep(vm, 100, 4)
    small = size.full(vm) - GIVEN
    size.resize(vm, small)
    before, resident = Books.of(vm), vm.ram().rss_bytes()
    events = ("ballonet_deflate", "ballonet_inflate") if pair == OURS else ("virtio_notify",)
    with traced(vm, *events) as seen:
        sleeping = vm.guest.start(SLEEP)
        asleep = fall_asleep(vm, sleeping)
        wake(vm, sleeping)
        size.wait_actual(vm, lambda now: now == small, f"{small} bytes again")
        # query-balloon may have said so all along: a reset leaves that as it is
        size.wait_total(vm, before.total)
        if pair == OURS:
            told = "the device to be told of the balloon again"
            wait_for(lambda: quiet.device(vm, "balloon-pages") * PAGE == GIVEN, scaled(30), told)
        kept.verify(vm)
    if pair == OURS:
        assert not seen.count("ballonet_deflate"), "a page left the balloon"
        assert seen.count("ballonet_inflate"), "the device was not told again"
    after = Books.of(vm)
    assert (after.total, after.kills) == (before.total, before.kills)
    assert asleep <= resident + 32 * MIB, f"asleep it costs {asleep >> 20} MiB"
    assert not frames.backed_though_ballooned(vm)
    size.resize(vm, size.full(vm))
    kept.verify(vm)


def asleep_half_way(guest_for, pair):
    """(a guest that fell asleep on its way down by ON_ITS_WAY, its command that has it sleep)"""
    for _ in range(half_way.TRIES):
        vm = guest_for(fresh=True, memory_mib=HALF_WAY_MIB, **half_way.SLOW, **pair.options)
        small = size.full(vm) - ON_ITS_WAY
        with half_way.watched(vm, small) as way:
            sleeping = half_way.at_first_step(vm, "balloon_inflate", SLEEP)
            size.ask(vm, small)
            fall_asleep(vm, sleeping)
        if not way.reached:
            return vm, sleeping
        wake(vm, sleeping)
    raise AssertionError(f"{half_way.TRIES} guests were at their target before they slept")


@every_pair
def test_suspend_half_way(guest_for, pair):
    """Asked for less and put to sleep on the way: it gets there after."""
    vm, sleeping = asleep_half_way(guest_for, pair)
    small = size.full(vm) - ON_ITS_WAY
    wake(vm, sleeping)
    size.wait_actual(vm, lambda now: now == small, f"{small} bytes")
    assert not frames.backed_though_ballooned(vm)
    size.resize(vm, size.full(vm))
