# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab notices what a test did not look at: how the emulator ended, and in what state a guest
comes back. Each of these made a test fail that had passed otherwise."""

import os
import signal
import subprocess

import pytest

from vmlab import procs
from vmlab.errors import GuestDied, LabError
from vmlab.exits import Exits
from vmlab.guest import Guest
from vmlab.paths import Paths
from vmlab.vm import VM
from vmlab.waits import wait_for

from vmtest.env import scaled
from vmtest.pool import PooledGuest

# An emulator that waits for a migration is there at once, and boots nothing.
WAITING = {"incoming": "defer", "memory_mib": 64}


def wrapped(folder, words):
    """An emulator that is a shell script: `words`, in which $REAL stands for ours."""
    script = folder / "emulator"
    script.write_text(f"#!/bin/sh\nREAL={Paths.load().qemu}\n{words}\n")
    script.chmod(0o755)
    return str(script)


def fault_of(vm):
    """What the lab says at the end of this guest."""
    with pytest.raises(LabError) as caught:
        vm.__exit__(None, None, None)
    return str(caught.value)


def waiting(**more):
    return VM(Paths.load(), **{**WAITING, **more}).__enter__()


def test_an_orderly_end_is_no_fault():
    with VM(Paths.load(), **WAITING) as vm:
        pid = vm.pid
    assert not procs.alive(pid)


def test_an_orderly_end_by_itself_is_no_fault_where_it_was_waited_for():
    with VM(Paths.load(), **WAITING) as vm:
        vm.qmp.cmd("quit")
        vm.wait_exit()


def test_a_crash_is_a_fault():
    vm = waiting()
    os.kill(vm.pid, signal.SIGSEGV)
    assert "SIGSEGV" in fault_of(vm)


def test_a_crash_is_no_end_to_wait_for():
    vm = waiting()
    os.kill(vm.pid, signal.SIGABRT)
    with pytest.raises(LabError, match="SIGABRT"):
        vm.wait_exit()
    assert "SIGABRT" in fault_of(vm)


def test_an_end_that_nobody_waited_for_is_a_fault():
    vm = waiting()
    vm.qmp.cmd("quit")
    wait_for(lambda: not vm.alive(), scaled(10), "end of QEMU")
    assert "by itself" in fault_of(vm)


def test_a_status_is_a_fault(tmp_path):
    end = 'trap : TERM; "$REAL" "$@" & wait $!; kill $!; wait $!; exit 3'
    assert "status 3" in fault_of(waiting(qemu=wrapped(tmp_path, end)))


def test_an_emulator_that_does_not_end_is_a_fault(monkeypatch):
    monkeypatch.setattr(VM, "END_S", 0.5)
    vm = waiting()
    os.kill(vm.pid, signal.SIGSTOP)
    assert "did not end" in fault_of(vm)
    assert not procs.alive(vm.pid)


@pytest.mark.parametrize("words", ["==7==ERROR: AddressSanitizer: heap-use-after-free on address",
                                   "plan.c:7:3: runtime error: left shift of negative value -1"])
def test_a_sanitizers_report_is_a_fault(tmp_path, words):
    vm = waiting(qemu=wrapped(tmp_path, f"echo '{words}' >&2; exec $REAL \"$@\""))
    assert words in fault_of(vm)


def test_a_process_left_over_is_a_fault(tmp_path):
    left = tmp_path / "pid"
    begin = f'sleep 300 & echo $! >{left}; exec "$REAL" "$@"'
    fault = fault_of(waiting(qemu=wrapped(tmp_path, begin)))
    assert "sleep" in fault
    assert not procs.alive(int(left.read_text()))


def test_how_others_processes_end_is_known():
    """By which the end of libvirt's QEMUs is judged (test_libvirt.py)."""
    with Exits() as exits:
        child = subprocess.Popen(["sh", "-c", "kill -ABRT $$"])
        child.wait(10)
        assert exits.wait(child.pid, 5) == child.returncode == -signal.SIGABRT


def test_an_error_under_way_is_not_hidden():
    """What failed first is what the test fails with."""
    with pytest.raises(ZeroDivisionError):
        with VM(Paths.load(), **WAITING) as vm:
            os.kill(vm.pid, signal.SIGSEGV)
            raise ZeroDivisionError


def taken_back(pool, spoil):
    """What the pool says of a guest that `spoil` was done to."""
    pooled = pool.acquire()
    spoil(pooled.vm)
    return pool.release(pooled)


def test_a_balloon_that_was_left_is_emptied(pool):
    """Which is looked at, too: here nothing is wrong."""
    assert taken_back(pool, lambda vm: vm.resize(vm.memory_mib - 64)) is None


def test_memory_that_is_missing_fails_the_test(pool, monkeypatch):
    """A guest that has less memory than before, with an empty balloon."""
    monkeypatch.setattr(PooledGuest, "ANSWER_S", 1)
    pooled = pool.acquire()
    pooled.total += 4
    fault = pool.release(pooled)
    assert fault and "MemTotal" in fault


def test_a_guest_that_does_not_answer_fails_the_test(pool, monkeypatch):
    monkeypatch.setattr(PooledGuest, "ANSWER_S", 2)
    fault = taken_back(pool, lambda vm: vm.qmp.cmd("stop"))
    assert fault and "answer" in fault


def test_a_guest_that_ended_fails_the_test(pool):

    def spoil(vm):
        vm.guest.start("echo b >/proc/sysrq-trigger")
        wait_for(lambda: not vm.alive(), scaled(30), "the guest to reset")

    fault = taken_back(pool, spoil)
    assert fault and "ended" in fault


def test_a_boot_is_not_tried_again_once_the_driver_was_loaded(monkeypatch):
    """An oops in the driver's probe looks like the emulator's fault, and is none."""
    tries = []

    def load(*_args, **_params):
        tries.append(1)
        raise GuestDied("guest: Oops: int3")

    monkeypatch.setattr(Guest, "load_driver", load)
    with pytest.raises(GuestDied, match="int3"):
        VM(Paths.load(), memory_mib=256).__enter__()
    assert len(tries) == 1
