# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests for tests. One that comes back clean is for the next; until then it is stopped.

What comes back is looked at: it lives, answers, empties its balloon, has MemTotal as at the
beginning then, and no complaint in its log; else the test that had it fails. Clean: it also has
the driver it was started with, and no process of a test is left. Not thread-safe.
"""

import os
from contextlib import ExitStack, nullcontext

from vmlab import dmesg, recipes
from vmlab.errors import GuestDied, LabError
from vmlab.paths import Paths
from vmlab.qmp import QmpError
from vmlab.waits import wait_for

from . import size
from .env import DEBUG, PAGE, scaled
from .frames import small_host_pages
from .pairs import OURS
from .saved import SavedVM

# What the guests kept ready may have together; the one not used for longest goes first.
KEPT_MIB = 6144 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT") or 1)
# A kernel with KASAN needs an eighth of memory for its shadow, and more time. With pages of 64 KiB
# the buffers of the command channel alone take 128 MiB on QEMU 10.0.
EXTRA_MIB = 256 if DEBUG or PAGE == 64 << 10 else 0


class PooledGuest:
    """One guest in use by a test. allow: regular expressions of expected complaints. keep: whether
    another test may have it. broken: the test leaves it in a state that is not to be judged."""

    ANSWER_S = 20

    def __init__(self, vm, key):
        self.vm = vm
        self.key = key
        self.allow = []
        self.keep = True
        self.broken = False
        self.total = vm.guest.meminfo()["MemTotal"]
        self.modules = _modules(vm)
        self.processes = _processes(vm)

    def splats(self):
        text = self.vm.console_text()
        if self.vm.alive():
            try:
                text += self.vm.guest.dmesg(scaled(self.ANSWER_S))
            except LabError:
                pass  # it cannot answer, which fault() says: the console may have the reason
        return dmesg.find(text, self.allow)

    def fault(self):
        """What is wrong with a guest that comes back, once its balloon is empty; or None."""
        vm = self.vm
        if self.broken or vm.ended_as_expected():
            return None
        if not vm.alive():
            return f"the guest has ended: {vm.last_words()}"
        try:
            self._empty()
            self._memory()
        except QmpError as error:
            return str(error)
        except GuestDied as error:
            return f"the guest has ended: {error}"
        except LabError as error:
            return f"the guest does not answer: {error}"
        except AssertionError as error:
            return str(error)
        return None

    def _empty(self):
        try:
            size.resize(self.vm, size.full(self.vm))
        except QmpError as error:
            if error.kind != "DeviceNotActive":  # it was taken out
                raise

    def _memory(self):
        last = []

        def look():
            last[:] = [self.vm.guest.meminfo(scaled(self.ANSWER_S))["MemTotal"]]
            return last[0] == self.total

        try:
            wait_for(look, scaled(self.ANSWER_S), "MemTotal", poll=0.2)
        except GuestDied:
            raise
        except LabError as error:
            if not last:
                raise
            raise AssertionError(f"MemTotal is {last[0]} KiB, not {self.total}") from error

    def untidy(self):
        """Whether this guest, with nothing wrong, is not as another test wants it."""
        vm = self.vm
        return (not self.keep or bool(self.allow) or self.broken or not vm.alive()
                or _modules(vm) != self.modules or _processes(vm) != self.processes)

    def state(self):
        """What a person wants to see when a test with this guest failed."""
        if not self.vm.alive():
            return f"QEMU has ended: {self.vm.last_words()}"
        try:
            look = "grep Mem /proc/meminfo; grep balloon /proc/vmstat"
            look += "; cat /sys/kernel/debug/virtio_balloon/*/state 2>/dev/null; dmesg | tail -n 15"
            text = self.vm.guest.run(look, scaled(20), check=False).output
            return f"query-balloon {size.actual(self.vm)}\n{text}"
        except LabError as error:
            return f"{error}\n{self.vm.console_text()[-3000:]}"


class Pool:
    """acquire() and release() in pairs; close() at the end."""

    def __init__(self, paths=None):
        self.paths = paths or Paths.load()
        self._idle = []

    def acquire(self, fresh=False, small_pages=True, **options):
        """A guest with these options of vmlab.VM. fresh: used by no test before.
        small_pages: without transparent huge pages of the host, so that its memory can be
        judged page by page. The device then tells the driver blocks of 4 KiB, but where
        discard-granularity asks for more."""
        # the defaults by name: with and without them it is the same guest
        options = {"memory_mib": 512, **OURS.options, **options}
        options["memory_mib"] += EXTRA_MIB
        key = repr((small_pages, sorted(options.items())))
        for pooled in self._idle:
            if pooled.key == key and not fresh:
                self._idle.remove(pooled)
                pooled.vm.qmp.cmd("cont")
                return pooled
        room = KEPT_MIB - options["memory_mib"]
        while sum(pooled.vm.memory_mib for pooled in self._idle) > max(room, 0):
            self._end(self._idle.pop(0))
        vm = SavedVM(self.paths, **options)
        with small_host_pages() if small_pages else nullcontext():
            vm.__enter__()
        return PooledGuest(vm, key)

    def release(self, pooled, failed=False):
        """Why the test that had it must fail, or None. failed: it has failed already."""
        faults = []
        try:
            if not failed:
                faults = list(filter(None, [*pooled.splats(), pooled.fault()]))
            if failed or faults or pooled.untidy():
                self._end(pooled)
            else:
                recipes.consolidate(pooled.vm.guest, True)
                # its clock's ticks would take time from the others
                pooled.vm.qmp.cmd("stop")
                self._idle.append(pooled)
        except LabError as error:
            faults.append(str(error))
        return "; ".join(faults[:5]) or None

    @staticmethod
    def _end(pooled):
        pooled.vm.__exit__(None, None, None)

    def close(self):
        """LabError where one did not end in order; all have ended then."""
        with ExitStack() as stack:
            while self._idle:
                stack.push(self._idle.pop().vm)


def _modules(vm):
    return sorted(line.split()[0] for line in vm.guest.read("/proc/modules").splitlines())


def _processes(vm):
    """Names of what runs in user space, the lab's own short commands aside."""
    names = vm.guest.run("for p in /proc/[0-9]*; do [ -s $p/cmdline ] && cat $p/comm; done; true")
    return sorted(set(names.output.split()) - {"cat", "sh"})
