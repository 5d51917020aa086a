# SPDX-License-Identifier: GPL-2.0-or-later
"""Free page hinting: memory named as free while the VM migrates is not sent. How it ends:
test_hinting_end.py."""

import struct

import pci
from balloon import MIB, PAGE, PLAY
from hints import DONE, FEATURES, HINT, PAGES, STOP, Run
from ring import WRITE
from test_discard import memory_backend


def test_hinted_memory_is_not_sent(run):
    r = run()
    assert r.cmd_id() == STOP
    r.begin()
    r.hint(PLAY, 8 * MIB)
    r.hint(PLAY + 16 * MIB, 8 * MIB)
    r.say(STOP)
    r.only_the_first_was_hinted()
    assert r.sent(PLAY + 16 * MIB) == 0
    assert r.target.read(PLAY + 8 * MIB, PAGE) == b"\x5a" * PAGE
    assert r.target_cmd_id() == DONE


def test_a_hint_written_to_afterwards_is_sent(run):
    """The driver may have the page again once it is told so: the write is what counts."""
    r = run()
    r.begin()
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
    cmd_id = r.begin()
    r.hint(PLAY, 8 * MIB)
    r.say(cmd_id - 1)
    r.hint(PLAY + 8 * MIB, 8 * MIB)
    r.only_the_first_was_hinted()


def test_hints_after_the_drivers_stop(run):
    r = run()
    r.begin()
    r.hint(PLAY, 8 * MIB)
    r.say(STOP)
    r.hint(PLAY + 8 * MIB, 8 * MIB)
    r.only_the_first_was_hinted()


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
    r.begin()
    r.hint(PLAY, 8 * MIB)
    r.say(STOP)
    r.only_the_first_was_hinted()


def test_ragged_hint(boot, ours):
    """A page hinted in part is in use."""
    r = Run(boot, ours, ours)
    r.begin()
    r.hint(PLAY + 100, 2 * PAGE)
    r.finish()
    # By content: the target's host may back one small page with a huge one.
    sent = [r.target.read(PLAY + i * PAGE, PAGE) == b"\x5a" * PAGE for i in range(4)]
    assert sent == [True, False, True, True]


def test_id_stays_readable_while_it_runs(boot, ours):
    """A driver that looks again, for a new target say, must not read STOP."""
    r = Run(boot, ours, ours)
    cmd_id = r.begin()
    assert r.cmd_id() == cmd_id
    r.finish()


def test_no_hints_with_postcopy(run):
    r = run(["postcopy-ram"])
    r.m.qmp("migrate-set-parameters", max_bandwidth=1 << 18)
    r.start()
    r.m.until(lambda: r.m.qmp("query-migrate").get("ram", {}).get("transferred", 0) > 100000,
              "the migration to be under way")
    assert r.cmd_id() == STOP
    r.finish()
    assert r.sent(PLAY) == PAGES


def test_memory_that_the_target_shares(boot, ours, tmp_path):
    """It is not sent, and QEMU keeps no bitmap for it, out of which a hint could be taken."""
    backend = f"memory-backend-file,share=on,mem-path={tmp_path}/ram"
    r = Run(boot, ours, ours, ["x-ignore-shared"], args=memory_backend(backend, "512M"))
    r.m.qmp("migrate-set-capabilities",
            capabilities=[{"capability": "pause-before-switchover", "state": True}])
    r.begin()
    r.hint(PLAY, 8 * MIB)
    r.m.until(lambda: r.m.qmp("query-migrate")["status"] == "pre-switchover", "the last turn")
    r.m.qmp("migrate-continue", state="pre-switchover")
    r.finish()
    assert r.target.read(PLAY, PAGE) == b"\x5a" * PAGE


def test_queue_size_and_config_as_stock(boot_both):
    b = boot_both("-object", "iothread,id=io", features=FEATURES, queues=4,
                  options="free-page-hint=on,iothread=io,page-poison=off")
    assert b.queue_sizes(128, 128, 128, 1024, 0)
    assert b.io.config_read(8) == STOP
    assert b.io.config_read(12) == 0xFFFFFFFF
