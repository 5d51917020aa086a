# SPDX-License-Identifier: GPL-2.0-or-later
"""Free page hinting: memory named as free while the VM migrates is not sent."""

import struct

import pytest

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

    def __init__(self, boot, source, target, capabilities=(), interface=pci.Modern):
        self.target = boot.machine(*ARGS, "-incoming", "defer", binary=target)
        self.m = boot.machine(*ARGS, binary=source)
        for m in (self.m, self.target):
            for name in capabilities:
                m.qmp("migrate-set-capabilities",
                      capabilities=[{"capability": name, "state": True}])
        self.b = Balloon(self.m, interface, features=FEATURES, queues=4)
        self.m.fill(PLAY, 32 * MIB)
        self.m.qmp("migrate-set-parameters", max_bandwidth=1 << 18)
        self.uri = f"unix:{self.target.dir}/migration"
        self.target.qmp("migrate-incoming", uri=self.uri)

    def start(self):
        self.m.qmp("migrate", uri=self.uri)

    def cmd_id(self):
        return self.b.io.config_read(CMD_ID)

    def asked(self):
        self.m.until(lambda: self.cmd_id() > DONE, "a request for hints")
        return self.cmd_id()

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

    def target_cmd_id(self):
        io = self.b.io
        io.m = self.target
        return io.config_read(CMD_ID)


@pytest.fixture(params=[("ours", "ours"), ("ours", "stock"), ("stock", "ours")], ids="->".join)
def run(request, boot, ours, stock):
    binaries = {"ours": ours, "stock": stock}

    def make(capabilities=()):
        r = Run(boot, *(binaries[k] for k in request.param), capabilities)
        r.source_kind = request.param[0]
        return r
    return make


def test_hinted_memory_is_not_sent(run):
    r = run()
    assert r.cmd_id() == STOP
    r.start()
    cmd_id = r.asked()
    r.say(cmd_id)
    r.hint(PLAY, 8 * MIB)
    r.hint(PLAY + 16 * MIB, 8 * MIB)
    r.say(STOP)
    r.finish()
    assert r.sent(PLAY) == 0
    assert r.sent(PLAY + 8 * MIB) == PAGES
    assert r.sent(PLAY + 16 * MIB) == 0
    assert r.target.read(PLAY + 8 * MIB, PAGE) == b"\x5a" * PAGE
    assert r.target_cmd_id() == DONE


def test_a_hint_written_to_afterwards_is_sent(run):
    """The driver may have the page again once it is told so: the write is what counts."""
    r = run()
    r.start()
    r.say(r.asked())
    r.hint(PLAY, 8 * MIB)
    r.m.fill(PLAY + MIB, PAGE, 0x77)
    r.finish()
    assert r.target.read(PLAY + MIB, PAGE) == b"\x77" * PAGE


def test_hints_before_the_id_mean_nothing(run):
    r = run()
    r.start()
    r.asked()
    r.hint(PLAY, 8 * MIB)
    r.finish()
    assert r.sent(PLAY) == PAGES


def test_stale_id_means_nothing(run):
    r = run()
    r.start()
    r.say(r.asked() - 1)
    r.hint(PLAY, 8 * MIB)
    r.finish()
    assert r.sent(PLAY) == PAGES


def test_stale_id_in_the_middle(run):
    """What comes after an id of another run is none of this one's."""
    r = run()
    r.start()
    cmd_id = r.asked()
    r.say(cmd_id)
    r.hint(PLAY, 8 * MIB)
    r.say(cmd_id - 1)
    r.hint(PLAY + 8 * MIB, 8 * MIB)
    r.finish()
    assert r.sent(PLAY) == 0
    assert r.sent(PLAY + 8 * MIB) == PAGES


def test_hints_after_the_drivers_stop(run):
    r = run()
    r.start()
    r.say(r.asked())
    r.hint(PLAY, 8 * MIB)
    r.say(STOP)
    r.hint(PLAY + 8 * MIB, 8 * MIB)
    r.finish()
    assert r.sent(PLAY) == 0
    assert r.sent(PLAY + 8 * MIB) == PAGES


def test_id_and_pages_in_one_buffer(run):
    r = run()
    r.start()
    at = r.b.place(struct.pack("<I", r.asked()))
    head = r.b.ring[HINT].add([(at, 4, 0), (PLAY, 8 * MIB, WRITE)])
    r.b.kick(HINT)
    assert r.b.wait_used(HINT) == [(head, 0)]
    r.finish()
    assert r.sent(PLAY) == 0


def test_legacy_interface(boot, ours):
    """The id is in the guest's byte order there, which on x86 is the same."""
    r = Run(boot, ours, ours, interface=pci.Legacy)
    r.start()
    r.say(r.asked())
    r.hint(PLAY, 8 * MIB)
    r.say(STOP)
    r.finish()
    assert r.sent(PLAY) == 0
    assert r.sent(PLAY + 8 * MIB) == PAGES


def test_ragged_hint(boot, ours):
    """A page hinted in part is in use."""
    r = Run(boot, ours, ours)
    r.start()
    r.say(r.asked())
    r.hint(PLAY + 100, 2 * PAGE)
    r.finish()
    # By content: the target's host may back one small page with a huge one.
    sent = [r.target.read(PLAY + i * PAGE, PAGE) == b"\x5a" * PAGE for i in range(4)]
    assert sent == [True, False, True, True]


def test_cancelled(run):
    """The driver is told DONE, and the next migration asks under a new id."""
    r = run()
    r.start()
    first = r.asked()
    r.say(first)
    r.hint(PLAY, 8 * MIB)
    r.m.qmp("migrate_cancel")
    r.m.until(lambda: r.m.qmp("query-migrate")["status"] == "cancelled", "the end")
    r.m.until(lambda: r.cmd_id() == DONE, "DONE")
    r.m.qmp("migrate", uri="exec:cat > /dev/null")
    assert r.asked() == first + 1


def test_no_id_comes_twice(run):
    """Whether the driver ever says STOP or not, and over a reset of it."""
    r = run()
    seen = []
    for i in range(6):
        r.m.qmp("migrate", uri="exec:cat > /dev/null")
        seen.append(r.asked())
        if i % 2:
            r.say(seen[-1])
        if i == 3:
            r.b.bring_up()
        r.m.qmp("migrate_cancel")
        r.m.until(lambda: r.m.qmp("query-migrate")["status"] == "cancelled", "the end")
    assert len(set(seen)) == len(seen)
    assert min(seen) > DONE


def test_hints_end_with_their_migration(run):
    """After DONE neither what was hinted nor what is hinted now counts for anything."""
    r = run()
    r.m.qmp("migrate", uri="exec:cat > /dev/null")
    cmd_id = r.asked()
    r.say(cmd_id)
    r.hint(PLAY, 8 * MIB)
    r.m.qmp("migrate_cancel")
    r.m.until(lambda: r.m.qmp("query-migrate")["status"] == "cancelled", "the end")
    assert r.cmd_id() == DONE
    r.say(cmd_id)
    r.hint(PLAY + 8 * MIB, 8 * MIB)
    assert r.m.backed(PLAY, 2 * PAGES) == 2 * PAGES
    r.start()
    r.asked()
    r.finish()
    assert r.target.read(PLAY, 16 * MIB) == b"\x5a" * (16 * MIB)


def test_failed_migration_is_done(run):
    """However it ends: the driver is told that its pages are no longer needed."""
    r = run()
    r.start()
    r.say(r.asked())
    r.hint(PLAY, 8 * MIB)
    r.target.qmp("quit")
    r.m.until(lambda: r.m.qmp("query-migrate")["status"] == "failed", "the failure")
    r.m.until(lambda: r.cmd_id() == DONE, "DONE")
    assert r.m.backed(PLAY, PAGES) == PAGES


def test_id_stays_readable_while_it_runs(boot, ours):
    """A driver that looks again, for a new target say, must not read STOP."""
    r = Run(boot, ours, ours)
    r.start()
    cmd_id = r.asked()
    r.say(cmd_id)
    assert r.cmd_id() == cmd_id
    r.finish()


def test_no_hints_with_postcopy(run):
    r = run(["postcopy-ram"])
    r.start()
    r.m.until(lambda: r.m.qmp("query-migrate").get("ram", {}).get("transferred", 0) > 100000,
              "the migration to be under way")
    assert r.cmd_id() == STOP
    r.finish()
    assert r.sent(PLAY) == PAGES


def test_short_id_breaks_the_device(run):
    r = run()
    r.b.ring[HINT].add([(r.b.place(b"\x01\x02"), 2, 0)])
    r.b.kick(HINT)
    r.m.until(r.b.needs_reset, "NEEDS_RESET")
    assert "received an incorrect cmd id" in r.m.log()
    r.b.bring_up()
    assert r.m.qmp("query-balloon")["actual"] == 512 * MIB


def test_reset_and_stop_in_the_middle(boot, ours):
    r = Run(boot, ours, ours)
    r.start()
    r.say(r.asked())
    for _ in range(100):
        r.b.ring[HINT].add([(PLAY, 8 * MIB, WRITE)])
    r.b.kick(HINT)
    r.m.qmp("stop")
    queue = r.m.qmp("x-query-virtio-queue-status", queue=HINT,
                    path="/machine/peripheral/balloon/virtio-backend")
    assert queue["inuse"] == 0
    r.m.qmp("cont")
    r.b.wait_used(HINT, 100)
    for _ in range(100):
        r.b.ring[HINT].add([(PLAY, 8 * MIB, WRITE)])
    r.b.kick(HINT)
    r.b.bring_up()
    assert r.cmd_id() == STOP
    r.finish()


def test_quit_and_unplug_in_the_middle(boot, ours):
    m = boot.machine("-object", "iothread,id=io", machine="pc", binary=ours)
    for _ in range(3):
        m.qmp("device_add", driver="virtio-balloon-pci", id="balloon", addr="4",
              free_page_hint=True, iothread="io")
        b = Balloon(m, features=FEATURES, queues=4)
        for _ in range(50):
            b.ring[HINT].add([(PLAY, 8 * MIB, WRITE)])
        b.kick(HINT)
        m.qmp("device_del", id="balloon")
        m.io_write(4, 0xAE08, 1 << 4)
        m.event("DEVICE_DELETED")
    m.qmp("object-del", id="io")
    m.qmp("quit")
    assert m.wait_exit() == 0


def test_queue_size_and_config_as_stock(boot_both):
    b = boot_both("-object", "iothread,id=io", features=FEATURES, queues=4,
                  options="free-page-hint=on,iothread=io,page-poison=off")
    assert b.queue_sizes(128, 128, 128, 1024, 0)
    assert b.io.config_read(8) == STOP
    assert b.io.config_read(12) == 0xFFFFFFFF
