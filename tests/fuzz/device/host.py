# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host's user and the guest's registers can do to a device at any
moment: each is one small step, safe to take whatever the rings hold.
"""

import contextlib
import glob
import os
import signal
import subprocess

import machine
import pci

PATH = "/machine/peripheral/balloon"
# Calls that give memory back, and how the host may refuse them: as something that passes, as
# what it cannot do.
REFUSALS = (("fallocate", "EIO"), ("madvise", "EINVAL"), ("process_madvise", "EAGAIN"),
            ("process_madvise", "EPERM"))


class Host:
    def __init__(self, rig):
        self.rig = rig
        self.rng = rig.rng
        self.snapshotting = False
        rig.end_migration = self.end_migration

    def any(self):
        step = self.rng.choice((self.target, self.target, self.stats, self.stats, self.config,
                                self.stop_cont, self.stop_cont, self.migrate, self.snapshot,
                                self.clock, self.look))
        self.rig.note(step.__name__)
        step()

    def target(self):
        size = self.rig.size
        value = self.rng.choice((1, 4096, size // 2, size - 1, size, size * 2, (1 << 63) - 1,
                                 self.rng.randrange(1, size)))
        self.rig.qmp("balloon", value=value)

    def stats(self):
        self.rig.qmp("qom-set", path=PATH, property="guest-stats-polling-interval",
                     value=self.rng.choice((0, 1, 2, 0xFFFFFFFF, 1 << 40, -1, "often")))
        self.rig.qmp("qom-get", path=PATH, property="guest-stats-polling-interval")
        self.rig.qmp("qom-get", path=PATH, property="guest-stats")

    def config(self):
        """Writes of any width anywhere in the configuration."""
        size = self.rng.choice((1, 2, 4))
        at = self.rng.randrange(0, 40) & ~(size - 1)
        value = self.rng.choice((0, 1, (1 << 8 * size) - 1, self.rng.getrandbits(8 * size)))
        self.rig.b.io.config_write(at, value, size)
        self.rig.b.io.config_read(at, size)

    def stop_cont(self):
        self.rig.qmp("stop")
        if self.rng.random() < 0.5:
            self.look()
        self.rig.qmp("cont")

    def write_protected(self):
        """Whether a snapshot still has guest memory under its userfaultfd."""
        for fd in glob.glob(f"/proc/{self.rig.m.process.pid}/fd/*"):
            try:
                if "[userfaultfd]" in os.readlink(fd):
                    return True
            except FileNotFoundError:
                pass
        return False

    def migrating(self):
        """Whether a thread of a migration is there. QEMU crashes where the next one begins
        between the last word of a snapshot and the end of its thread, stock's too."""
        for name in glob.glob(f"/proc/{self.rig.m.process.pid}/task/*/comm"):
            try:
                with open(name, encoding="ascii") as f:
                    if f.read().startswith(("bg_snapshot", "live_migration", "mig/")):
                        return True
            except (FileNotFoundError, ProcessLookupError):
                pass
        return False

    def ended(self):
        return self.rig.qmp("query-migrate").get("status", "none") in (
            "none", "failed", "completed", "cancelled") and not self.migrating()

    def end_migration(self):
        if self.snapshotting:
            # Not cancelled: a write from the main loop to a page that is still protected
            # then, as qtest makes them, would wait for a thread that waits for the main loop.
            self.rig.qmp("migrate-set-parameters", max_bandwidth=1 << 40)
            self.rig.wait(lambda: self.ended() and not self.write_protected(),
                          "the snapshot to end")
            self.snapshotting = False
        state = self.rig.qmp("query-migrate").get("status")
        if state in ("setup", "active", "device", "pre-switchover", "postcopy-active"):
            self.rig.qmp("migrate_cancel")
        self.rig.wait(self.ended, "the migration to end")
        self.rig.qmp("cont")

    def _begin(self, snapshot, bandwidth):
        self.end_migration()
        self.snapshotting = snapshot
        self.rig.qmp("migrate-set-capabilities", capabilities=[
            {"capability": "background-snapshot", "state": snapshot}])
        self.rig.qmp("migrate-set-parameters", max_bandwidth=bandwidth)
        self.rig.qmp("migrate", uri="exec:cat > /dev/null")
        # A snapshot stops the machine while it begins, and leaves it so where it cannot.
        self.rig.wait(lambda: self.rig.qmp("query-migrate").get("status") != "setup", "the start")
        if self.rig.qmp("query-migrate").get("status") == "failed":
            self.rig.qmp("cont")

    def migrate(self):
        """Slow, so that hints are asked for; the next one, or a reset, cancels it."""
        self._begin(False, self.rng.choice((1 << 18, 1 << 24)))

    def snapshot(self):
        """Discards are inhibited for as long as it takes; some hosts cannot do it."""
        if self.rig.size > 512 << 20:
            return  # it reads every page of the guest first
        self._begin(True, 1 << 26)

    def clock(self):
        self.rig.m.step_clock(self.rng.choice((1, 10 ** 6, 10 ** 9, 3 * 10 ** 9, 15 * 10 ** 9)))

    @contextlib.contextmanager
    def refusing(self):
        """Meanwhile the host refuses one kind of call, always or now and then."""
        call, error = self.rng.choice(REFUSALS)
        which = self.rng.choice(("1+", "1+2", "2+3"))
        self.rig.note("refused:", call, error, which)
        tracer = subprocess.Popen(
            ["strace", "-f", "-e", f"trace={call}",
             "-e", f"inject={call}:error={error}:when={which}",
             "-o", os.devnull, "-p", str(self.rig.m.process.pid)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            if "attached" not in tracer.stderr.readline():
                self.rig.note("strace cannot attach")
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.stderr.read()
            tracer.wait(machine.LIMIT)
            tracer.stderr.close()

    def look(self):
        shown = self.rig.shown()
        self.rig.qmp("query-balloon")
        self.rig.m.hmp("info balloon")
        self.rig.qmp("x-query-virtio-status", path=PATH + "/virtio-backend")
        return shown

    # Resets; the driver's rings are gone after each.

    def reset(self):
        if self.rng.random() < 0.3:
            self.rig.reset_system()
        else:
            self.rig.note("device reset")
            self.rig.interface().set_status(0)

    def in_between(self):
        """One of the resets, or what cuts the device off, at a moment that the device does not
        choose. Its driver is over; bring_up() finds the device again."""
        rig, rng = self.rig, self.rng
        steps = [self.device_reset, self.no_master]
        if rig.port:
            steps += [self.function_reset, self.function_reset, self.bus_reset, self.power_off,
                      self.unplug]
        step = rng.choice(steps)
        rig.note(step.__name__)
        step()

    def device_reset(self):
        self.rig.b.io.set_status(0)

    def no_master(self):
        function = self.rig.b.io.pci
        function.config_write(2, 4, function.config_read(2, 4) & ~pci.COMMAND_MASTER)

    def function_reset(self):
        function = self.rig.b.io.pci
        function.config_write(2, function.capability(pci.CAP_EXPRESS) + pci.DEVCTL, pci.FLR)

    def bus_reset(self):
        port = pci.PciDevice(self.rig.m, pci.PORT_SLOT)
        port.config_write(2, pci.BRIDGE_CONTROL, 0x40)
        port.config_write(2, pci.BRIDGE_CONTROL, 0)

    def power_off(self):
        pci.Port(self.rig.m).cut()

    def unplug(self):
        pci.Port(self.rig.m).switch_off()

    def reset_queue(self, number):
        """Return: whether the interface can."""
        if self.rig.legacy or not self.rig.b.features >> pci.F_RING_RESET & 1:
            return False
        self.rig.note("reset of queue", number)
        self.rig.b.io.reset_queue(number)
        return True
