# SPDX-License-Identifier: GPL-2.0-or-later
"""Another kernel takes the guest over while the balloon is full: kexec, and kdump after a panic. No
driver deflates first; the device is reset by the next one, or by nobody."""

import subprocess
from pathlib import Path

import pytest

from vmlab.errors import LabError
from vmlab.paths import Paths

from vmtest import kept, size
from vmtest.env import MIB, ROOT, scaled
from vmtest.pairs import every_pair
from vmtest.size import Books

pytestmark = pytest.mark.slow
AWAY = 320 * MIB
KERNEL, INITRD = "/lab/vmlinuz", "/tmp/initrd"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """For the guest: the program that asks for the other kernel, and that kernel."""
    paths, program = Paths.load(), tmp_path_factory.mktemp("kexec") / "kexec"
    compiler = f"{paths.cross}gcc-12" if paths.cross else "cc"
    source = ROOT / "tests" / "guest" / "kexec" / "kexec.c"
    flags = "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-D_GNU_SOURCE"
    done = subprocess.run([compiler, *flags, "-o", program, source], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise LabError(f"{source.name} does not build: {done.stderr.strip()}")
    return {"bin/kexec": program.read_bytes(), KERNEL: Path(paths.kernel).read_bytes()}


def load(vm, when, words=""):
    """Hands the guest's own kernel and files over, to be started `when`."""
    vm.guest.run(f"cd / && find . -xdev | cpio -o -H newc > {INITRD} 2>/dev/null", scaled(60))
    return vm.guest.start(f'kexec {when} {KERNEL} {INITRD} "$(cat /proc/cmdline) {words}"')


@every_pair
def test_kexec_with_a_full_balloon(guest_for, pair, files):
    """The next kernel finds all of its memory, every page of it can be used, and its driver takes
    the target up where the last one was."""
    vm = guest_for(fresh=True, files=files, memory_mib=768, **pair.options)
    vm.pooled.keep = False
    before = Books.of(vm)
    target = size.full(vm) - AWAY
    size.resize(vm, target)
    load(vm, "boot")
    vm.wait_agent(2, scaled(120))
    assert abs(Books.of(vm).total - before.total) < 16 * MIB
    vm.guest.run("memtool touch free-60", scaled(120))
    kept.keep(vm, 64, 3)
    vm.guest.load_driver(pair.driver)
    size.wait_actual(vm, lambda now: now == target, "the guest to be squeezed again")
    kept.verify(vm)
    size.resize(vm, size.full(vm))
    kept.check(vm)


@every_pair
def test_kdump_with_a_full_balloon(guest_for, pair, files):
    """After a panic the dump kernel reads all that the first one had; what is in the balloon does
    not stop it."""
    vm = guest_for(fresh=True, files=files, memory_mib=640, kernel_args="crashkernel=192M",
                   **pair.options)
    vm.pooled.broken = True
    vm.pooled.allow += ["Kernel panic - not syncing: sysrq triggered crash", "Call Trace"]
    load(vm, "crash", "nr_cpus=1 reset_devices").wait(scaled(60))
    size.resize(vm, size.full(vm) - AWAY // 2)
    vm.guest.start("echo c >/proc/sysrq-trigger")
    vm.wait_agent(2, scaled(180))
    read = int(vm.guest.run("cat /proc/vmcore | wc -c", scaled(480)).output)
    assert read > size.full(vm) - 250 * MIB
    assert vm.alive()
