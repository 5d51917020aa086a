# SPDX-License-Identifier: GPL-2.0-or-later
"""What free pages hold, and who may count on it: page poison and free page reporting."""

import re
from contextlib import ExitStack

import pytest

from vmlab import dmesg
from vmlab.hostmem import PAGE as HOST_PAGE
from vmlab.paths import Paths
from vmlab.waits import wait_for

from vmtest import kept, migrate, size
from vmtest.env import ARCH, GUEST, MIB, scaled
from vmtest.features import accepted
from vmtest.pool import EXTRA_MIB
from vmtest.saved import SavedVM
from vmtest.trace import traced

F_PAGE_POISON, F_REPORTING = 4, 5
POISON = GUEST == "6.1-debug"
REPORTING = "virtio-balloon-pci,free-page-reporting=on"
# A page block: on s390x a huge page is half as large.
HUGE = MIB if ARCH == "s390x" else 2 * MIB


def backed(vm):
    """Bytes of the guest that the host holds memory for."""
    return vm.ram().present_pages() * HOST_PAGE


def use_all(vm):
    """Each free page is allocated, filled, checked and freed again."""
    vm.guest.run("memtool touch free-60", scaled(60))


@pytest.mark.arch
@pytest.mark.parametrize("filled", [
    pytest.param(False, id="free-pages-left", marks=pytest.mark.slow),
    pytest.param(True, id="free-pages-zeroed"),
])
def test_poison_where_free_pages_are_filled(guest_for, filled):
    """PAGE_POISON is accepted by a kernel that fills free pages, and by no other; reporting by
    both. What the guest then finds in pages that were away is right."""
    vm = guest_for(balloon=REPORTING, kernel_args=f"init_on_free={int(filled)}", fresh=True)
    assert (F_PAGE_POISON in accepted(vm)) == filled
    assert F_REPORTING in accepted(vm)
    use_all(vm)
    size.resize(vm, size.full(vm) - 200 * MIB)
    size.resize(vm, size.full(vm))
    kept.keep(vm, "free-60", 3)
    held = backed(vm)
    kept.check(vm)
    wait_for(lambda: backed(vm) < held - 100 * MIB, scaled(60), "free pages to be reported")
    use_all(vm)


def test_no_reporting_of_filled_pages_without_poison(guest_for):
    """A kernel that counts on what free pages hold shows none to a device that cannot be told
    what that is."""
    vm = guest_for(balloon=f"{REPORTING},page-poison=off", kernel_args="init_on_free=1", fresh=True)
    assert not {F_PAGE_POISON, F_REPORTING} & accepted(vm)
    use_all(vm)
    held = backed(vm)
    vm.guest.run("sleep 5", scaled(20))  # the kernel reports every two seconds
    assert backed(vm) >= held
    use_all(vm)


@pytest.mark.skipif(not POISON, reason="Debian's guest kernel has no page poisoning; 6.1-debug has")
@pytest.mark.parametrize("poison", ["on", "off"])
def test_a_kernel_that_checks_free_pages(guest_for, poison):
    """It finds its pattern in each, after they were ballooned and while they are reported."""
    vm = guest_for(balloon=f"{REPORTING},page-poison={poison}", kernel_args="page_poison=1",
                   fresh=True)
    assert (F_PAGE_POISON in accepted(vm)) == (poison == "on")
    assert (F_REPORTING in accepted(vm)) == (poison == "on")
    use_all(vm)
    size.resize(vm, size.full(vm) - 200 * MIB, 120)
    size.resize(vm, size.full(vm), 120)
    use_all(vm)
    held = backed(vm)
    vm.guest.run("sleep 5", scaled(20))
    assert backed(vm) >= held
    use_all(vm)
    assert "pagealloc" not in vm.guest.dmesg()


def hinted(vm):
    """Bytes that the device was told are free, and may keep from a migration."""
    found = re.findall(r"ballonet_hint gpa: \S+ bytes: (0x[0-9a-f]+)", vm.qemu_log())
    return sum(int(n, 16) for n in found)


def test_hinted_pages_after_a_migration():
    """What was free on the way is lost, and no harm: each page has a content of the guest again
    before anybody counts on one, and all of them are free again. (Paused at the end, see
    vmtest.migrate.)"""
    options = {
        "memory_mib": 512 + EXTRA_MIB,
        "balloon": "virtio-balloon-pci,free-page-hint=on,iothread=io",
        "qemu_args": ("-object", "iothread,id=io"),
        "kernel_args": "page_poison=1" if POISON else "init_on_free=1",
    }
    with ExitStack() as stack:
        vm = stack.enter_context(SavedVM(Paths.load(), **options))
        kept.keep(vm, 64, 7)
        use_all(vm)
        free = size.free(vm)
        uri = f"unix:{vm.dir}/migration"
        target = stack.enter_context(SavedVM(Paths.load(), incoming=uri, **options))
        vm.qmp.hmp("log trace:ballonet_hint")
        vm.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 8 * MIB})
        vm.qmp.cmd("migrate", uri=uri)
        wait_for(lambda: hinted(vm) > free // 2, scaled(60), "free memory to be hinted")
        vm.qmp.cmd("stop")
        vm.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        migrate.wait_sent(vm, target)
        migrate.leave(vm, target)
        assert backed(target) < size.full(target) - free // 2, "all was sent"
        target.qmp.cmd("cont")
        wait_for(lambda: size.free(target) > free - 16 * MIB, scaled(30), "the free pages back")
        use_all(target)
        kept.verify(target)
        assert not dmesg.find(target.guest.dmesg())
        assert "pagealloc" not in target.guest.dmesg()


@pytest.mark.arch
def test_reports_are_large_and_left_alone(guest_for):
    """Free memory goes back in whole huge pages and more, and a guest at rest does not touch it
    again."""
    vm = guest_for(balloon=REPORTING, fresh=True)
    with traced(vm, "ballonet_discard") as seen:
        # held until it was looked at: the kernel reports what is free for two seconds
        kept.keep(vm, "free-60", 3)
        assert backed(vm) > size.full(vm) * 3 // 5, "the guest used too little"
        kept.check(vm)
        wait_for(lambda: backed(vm) < size.full(vm) // 2, scaled(60), "free memory to go back")
    pieces = [int(n, 16) for n in re.findall(r" bytes: (0x[0-9a-f]+)", "\n".join(seen.lines))]
    assert pieces
    assert min(pieces) >= HUGE
    wait_for(lambda: backed(vm) < size.full(vm) * 2 // 5, scaled(60), "the rest")
    before = backed(vm)
    vm.guest.run("sleep 5", scaled(20))
    assert backed(vm) - before < 4 * HUGE
