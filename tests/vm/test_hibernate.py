# SPDX-License-Identifier: GPL-2.0-or-later
"""Suspend to disk with an inflated balloon: its pages are not written, and the kernel that wakes
up in another QEMU, whose balloon device is empty, goes for that one's target.

Our driver keeps the balloon until then; stock's empties it before the image is written.
"""

import pytest

from vmlab import dmesg
from vmlab.errors import LabError
from vmlab.paths import Paths
from vmlab.waits import wait_for

from vmtest import frames, kept, size
from vmtest.env import MIB, scaled
from vmtest.pairs import EVERY, OURS, first_often
from vmtest.pool import EXTRA_MIB
from vmtest.saved import PatientVM
from vmtest.size import Books

MEMORY_MIB = 896 + EXTRA_MIB
GIVEN = 400 * MIB
DATA_MIB = 50
# Compression is slow under TCG.
KERNEL = "hibernate=nocompress"
BOOT = "/proc/sys/kernel/random/boot_id"


PFN = "virtio-balloon-pci,page-ops=off"


def machine(disk, pair, **options):
    args = ("-drive", f"file={disk},format=raw,if=virtio")
    options |= {"memory_mib": MEMORY_MIB, "modules": ("virtio_blk",), "kernel_args": KERNEL,
                **pair.options}
    return PatientVM(Paths.load(), qemu_args=args, **options)


def is_kernel(vm, boot):
    """Whether that kernel runs; while memory is being exchanged nobody answers."""
    try:
        return vm.guest.read(BOOT) == boot
    except LabError:
        return False


def no_complaints(log):
    complaints = dmesg.find(log)
    assert not complaints, complaints


def hibernate(disk, pair):
    """A guest with a balloon writes its memory to the disk: (its kernel's boot, its books when
    the balloon was empty)"""
    with open(disk, "wb") as file:
        file.truncate(1024 * MIB)
    with frames.small_host_pages(), machine(disk, pair) as vm:
        vm.guest.run("mkswap /dev/vda >/dev/null && swapon /dev/vda", scaled(30))
        kept.keep(vm, DATA_MIB, 4)
        boot, full = vm.guest.read(BOOT), Books.of(vm)
        size.resize(vm, size.full(vm) - GIVEN)
        vm.guest.start("echo shutdown >/sys/power/disk && echo disk >/sys/power/state")
        vm.wait_exit(scaled(120))
        no_complaints(vm.console_text())
    return boot, full


def wake_up(disk, pair, boot, full, **options):
    """The same kernel in another QEMU, whose user asked for nothing; the balloon works there."""
    with frames.small_host_pages(), machine(disk, pair, **options) as vm:
        vm.guest.start("echo $(cat /sys/class/block/vda/dev) >/sys/power/resume")
        wait_for(lambda: is_kernel(vm, boot), scaled(120), "the kernel that was put to sleep")
        kept.verify(vm)
        size.wait_actual(vm, lambda now: now == size.full(vm), "an empty balloon")
        wait_for(lambda: Books.of(vm).total == full.total, scaled(30), "all of MemTotal")
        size.resize(vm, size.full(vm) - GIVEN)
        assert not frames.backed_though_ballooned(vm)
        size.resize(vm, size.full(vm))
        kept.verify(vm)
        no_complaints(vm.console_text() + vm.guest.dmesg())


@first_often(EVERY)
def test_hibernate(tmp_path, pair):
    disk = tmp_path / "swap"
    boot, full = hibernate(disk, pair)
    written = disk.stat().st_blocks * 512
    assert DATA_MIB * MIB < written < GIVEN, f"{written >> 20} MiB were written"
    wake_up(disk, pair, boot, full)


@pytest.mark.slow
def test_hibernate_to_another_device(tmp_path):
    """The device there lacks a feature that was negotiated: it drops it without a word."""
    disk = tmp_path / "swap"
    boot, full = hibernate(disk, OURS)
    wake_up(disk, OURS, boot, full, balloon=PFN)
