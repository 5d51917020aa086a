# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that tests borrow. One that comes back clean is lent again; until then it is stopped.

Clean: alive, balloon empty, the driver it was started with, MemTotal as at the
beginning, no process of a test left, no complaint in its log. Not thread-safe.
"""

from contextlib import nullcontext

from vmlab import dmesg, recipes
from vmlab.errors import LabError
from vmlab.paths import Paths
from vmlab.vm import VM

from . import leaks, size
from .env import DEBUG, PAGE, scaled
from .frames import small_host_pages
from .pairs import OURS

# What the guests kept ready may have together; the one not used for longest goes first.
KEPT_MIB = 6144
# A kernel with KASAN needs an eighth of memory for its shadow, and more time. With pages of 64 KiB
# the buffers of the command channel alone take 128 MiB on QEMU 10.0.
EXTRA_MIB = 256 if DEBUG or PAGE == 64 << 10 else 0


class PatientVM(VM):
    """A VM whose time limits suit the guest's kernel."""

    def wait_boot(self, count=1, timeout=90):
        super().wait_boot(count, scaled(timeout))
        leaks.only_when_asked(self)


class Loan:
    """One guest, lent out. allow: regular expressions of expected complaints."""

    def __init__(self, vm, key):
        self.vm = vm
        self.key = key
        self.allow = []
        self.total = vm.guest.meminfo()["MemTotal"]
        self.modules = _modules(vm)
        self.processes = _processes(vm)

    def splats(self):
        text = self.vm.console_text()
        if self.vm.alive():
            try:
                text += self.vm.guest.dmesg()
            except LabError:
                pass  # it cannot answer: the console has the reason
        return dmesg.find(text, self.allow)

    def dirt(self):
        """Why this guest must not be lent again, or None."""
        vm = self.vm
        if not vm.alive():
            return "it has ended"
        if size.actual(vm) != size.full(vm):
            return "its balloon is not empty"
        if _modules(vm) != self.modules:
            return "its modules are others"
        if vm.guest.meminfo()["MemTotal"] != self.total:
            return "its MemTotal is another"
        if _processes(vm) != self.processes:
            return "processes are left in it"
        return None

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
    """lend() and take_back() in pairs; close() at the end."""

    def __init__(self, paths=None):
        self.paths = paths or Paths.load()
        self._idle = []

    def lend(self, fresh=False, small_pages=True, **options):
        """A guest with these options of vmlab.VM. fresh: booted for this loan.
        small_pages: without transparent huge pages of the host, so that its memory can be
        judged page by page. The device then tells the driver blocks of 4 KiB, but where
        discard-granularity asks for more."""
        # the defaults by name: with and without them it is the same guest
        options = {"memory_mib": 512, **OURS.options, **options}
        options["memory_mib"] += EXTRA_MIB
        key = repr((small_pages, sorted(options.items())))
        for loan in self._idle:
            if loan.key == key and not fresh:
                self._idle.remove(loan)
                loan.vm.qmp.cmd("cont")
                return loan
        room = KEPT_MIB - options["memory_mib"]
        while sum(loan.vm.memory_mib for loan in self._idle) > max(room, 0):
            self._end(self._idle.pop(0))
        vm = PatientVM(self.paths, **options)
        with small_host_pages() if small_pages else nullcontext():
            vm.__enter__()
        return Loan(vm, key)

    def take_back(self, loan, keep=True):
        """keep: false for one with which a test failed."""
        try:
            keep = keep and not loan.allow and loan.dirt() is None
            if keep:
                recipes.consolidate(loan.vm.guest, True)
                # its clock's ticks would take time from the others
                loan.vm.qmp.cmd("stop")
        except LabError:
            keep = False
        if keep:
            self._idle.append(loan)
        else:
            self._end(loan)

    @staticmethod
    def _end(loan):
        loan.vm.__exit__()

    def close(self):
        while self._idle:
            self._end(self._idle.pop())


def _modules(vm):
    return sorted(line.split()[0] for line in vm.guest.read("/proc/modules").splitlines())


def _processes(vm):
    """Names of what runs in user space, the lab's own short commands aside."""
    names = vm.guest.run("for p in /proc/[0-9]*; do [ -s $p/cmdline ] && cat $p/comm; done; true")
    return sorted(set(names.output.split()) - {"cat", "sh"})
