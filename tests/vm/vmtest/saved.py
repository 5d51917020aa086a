# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that have booted once are saved before a driver is loaded, and go on from there each time
a test asks for the same machine: a boot takes ten times the processor time of that.

The files lie in the cache, named by all that the guest was made of, and are shared by runs. What is
saved is stopped, so QEMU 7.2 loses no page of it.
"""

import fcntl
import hashlib
import os
from contextlib import suppress

from vmlab import dmesg
from vmlab.errors import LabError
from vmlab.vm import VM
from vmlab.waits import wait_for

from . import leaks, migrate
from .env import scaled

# All files together; those not used for longest go first.
KEPT_BYTES = 12 << 30


class PatientVM(VM):
    """A VM whose time limits suit the guest's kernel."""

    def wait_agent(self, count=1, timeout=90):
        super().wait_agent(count, scaled(timeout))
        leaks.only_when_asked(self)


class SavedVM(PatientVM):
    """Begins with a guest that has booted before, where one like it can be saved."""

    def _begin(self):
        if not self._savable():
            super()._begin()
            return
        self._options["incoming"] = f"exec:cat {_saved(self)}"
        try:
            super()._begin()
        finally:
            self._options["incoming"] = None  # its driver is still to be loaded
        wait_for(lambda: not migrate.in_flight(self), scaled(30), "a saved guest")
        self.qmp.cmd("cont")
        self.guest.send(b"P", 0)  # its hello was said to another
        self.wait_agent()

    def _savable(self):
        """What the host shares with the guest is filled by reading it, and a disk goes on alone."""
        o = self._options
        return (self.paths.arch == "amd64" and o["incoming"] is None and o["backing"] == "anon"
                and "-drive" not in o["qemu_args"])


def _saved(vm):
    """The path of what was saved of a guest like this one."""
    folder = vm.paths.cache / "booted"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _name(vm)
    with open(path.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            os.utime(path)
        else:
            _save(vm, path)
            _prune(folder)
    return path


def _name(vm):
    """Made of the command line without what is this guest's own, and of the programs in it."""
    text = " ".join(map(str, vm.command_line())).replace(str(vm.dir), "")
    for program in (vm.command_line()[0], vm.paths.kernel):
        about = os.stat(program)
        text += f" {about.st_size} {about.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _save(vm, path):
    """Boots one like it, and writes it there; LabError where its kernel complained."""
    options = {key: value for key, value in vm._options.items()
               if key not in ("self", "paths", "driver")}
    partial = path.with_suffix(".part")
    with PatientVM(vm.paths, driver=None, **options) as other:
        found = dmesg.find(other.console_text() + other.guest.dmesg())
        if found:
            raise LabError(f"the guest's boot: {found}")
        other.qmp.cmd("stop")
        other.qmp.cmd("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        other.qmp.cmd("migrate", uri=f"exec:cat >{partial}")
        migrate.wait_sent(other, other)
    partial.rename(path)


def _prune(folder):
    """Other runs do the same, and end what they have begun."""
    files = []
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            about = file.stat()
            files.append((about.st_mtime, about.st_size, file))
    room = KEPT_BYTES
    for _, size, file in sorted(files, reverse=True):
        room -= size
        if room < 0 and file.suffix != ".lock":
            file.unlink(missing_ok=True)
