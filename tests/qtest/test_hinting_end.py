# SPDX-License-Identifier: GPL-2.0-or-later
"""Free page hinting that ends otherwise than with a VM that has moved: the driver is told so, and
what it hinted stays memory."""

from balloon import MIB, PAGE, PLAY, Balloon
from hints import DONE, FEATURES, HINT, PAGES, STOP, Run
from ring import WRITE


def test_cancelled(run):
    """The driver is told DONE, and the next migration asks under a new id."""
    r = run()
    first = r.begin()
    r.hint(PLAY, 8 * MIB)
    r.cancel()
    r.told()
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
        r.cancel()
    assert len(set(seen)) == len(seen)
    assert min(seen) > DONE


def test_hints_end_with_their_migration(run):
    """After DONE neither what was hinted nor what is hinted now counts for anything."""
    r = run()
    r.m.qmp("migrate", uri="exec:cat > /dev/null")
    cmd_id = r.asked()
    r.say(cmd_id)
    r.hint(PLAY, 8 * MIB)
    r.cancel()
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
    r.begin()
    r.hint(PLAY, 8 * MIB)
    r.end(lambda: r.target.qmp("quit"), "failed")
    r.told()
    assert r.m.backed(PLAY, PAGES) == PAGES


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
    r.begin()
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
