# SPDX-License-Identifier: GPL-2.0-or-later
"""A migration with free page hints, and the driver of its source, for the tests of hinting."""

import struct

import pci
from balloon import F_FREE_PAGE_HINT, F_STATS_VQ, MIB, PAGE, PLAY, SLOT, SPEC, Balloon
from ring import WRITE

HINT = 3
CMD_ID = 8  # offset of free_page_hint_cmd_id
STOP, DONE = SPEC["VIRTIO_BALLOON_CMD_ID_STOP"], SPEC["VIRTIO_BALLOON_CMD_ID_DONE"]
FEATURES = 1 << F_STATS_VQ | 1 << F_FREE_PAGE_HINT
PAGES = 8 * MIB // PAGE

ARGS = ("-object", "iothread,id=io", "-device",
        f"virtio-balloon-pci,id=balloon,addr={SLOT:#x},free-page-hint=on,iothread=io")


class Run:
    """A migration that is held back, with the driver of its source."""

    def __init__(self, boot, source, target, capabilities=(), interface=pci.Modern, args=()):
        self.target = boot.machine(*ARGS, *args, "-incoming", "defer", binary=target)
        self.m = boot.machine(*ARGS, *args, binary=source)
        for m in (self.m, self.target):
            for name in capabilities:
                m.qmp("migrate-set-capabilities",
                      capabilities=[{"capability": name, "state": True}])
        self.b = Balloon(self.m, interface, features=FEATURES, queues=4)
        self.m.fill(PLAY, 32 * MIB)
        # so little that nothing but zero pages, which come first, is sent before finish()
        self.m.qmp("migrate-set-parameters", max_bandwidth=1 << 14)
        self.uri = f"unix:{self.target.dir}/migration"
        self.target.qmp("migrate-incoming", uri=self.uri)

    def start(self):
        self.m.qmp("migrate", uri=self.uri)

    def cmd_id(self):
        return self.b.io.config_read(CMD_ID)

    def asked(self):
        self.m.until(lambda: self.cmd_id() > DONE, "a request for hints")
        return self.cmd_id()

    def begin(self):
        """To the point where hints count."""
        self.start()
        cmd_id = self.asked()
        self.say(cmd_id)
        return cmd_id

    def say(self, cmd_id):
        head = self.b.ring[HINT].add([(self.b.place(struct.pack("<I", cmd_id)), 4, 0)])
        self.b.kick(HINT)
        assert self.b.wait_used(HINT) == [(head, 0)]

    def hint(self, gpa, size):
        head = self.b.ring[HINT].add([(gpa, size, WRITE)])
        self.b.kick(HINT)
        assert self.b.wait_used(HINT) == [(head, 0)]

    def finish(self):
        self.m.qmp("migrate-set-parameters", max_bandwidth=1 << 40)
        self.m.until(lambda: self.m.qmp("query-migrate")["status"] == "completed", "the migration")
        self.target.until(lambda: self.target.qmp("query-status")["status"] == "running",
                          "the target to run")

    def sent(self, gpa):
        return self.target.backed(gpa, PAGES)

    def only_the_first_was_hinted(self):
        """Of the two pieces of 8 MiB from PLAY on, at the target, after the end."""
        self.finish()
        assert self.sent(PLAY) == 0
        assert self.sent(PLAY + 8 * MIB) == PAGES

    def end(self, how, status):
        """Ends the migration before it got there."""
        how()
        self.m.until(lambda: self.m.qmp("query-migrate")["status"] == status, status)

    def cancel(self):
        self.end(lambda: self.m.qmp("migrate_cancel"), "cancelled")

    def told(self):
        self.m.until(lambda: self.cmd_id() == DONE, "DONE")

    def target_cmd_id(self):
        io = self.b.io
        io.m = self.target
        return io.config_read(CMD_ID)
