# SPDX-License-Identifier: GPL-2.0-or-later
"""While the host cannot take memory back (here: a background snapshot, and
postcopy coming in), what the guest gave is kept in the ledger and given back
afterwards, where its driver tells the host before it uses a page again; of others
see test_dropped.py. The stock device forgets it for good.
"""

import os

import pytest

from balloon import INFLATE, PAGE, PLAY, SLOT, Balloon
from machine import QmpError

TELLS_FIRST = "must-tell-host=on"
ARGS = ("-device", f"virtio-balloon-pci,id=balloon,addr={SLOT:#x},{TELLS_FIRST}")


def capability(m, name, on=True):
    m.qmp("migrate-set-capabilities", capabilities=[{"capability": name, "state": on}])


@pytest.fixture
def snapshot():
    """Begins a background snapshot that takes long; hurried on by end_snapshot()."""
    def begin(m):
        try:
            capability(m, "background-snapshot")
        except QmpError as e:
            pytest.skip(f"no background snapshots on this host: {e}")
        m.qmp("migrate-set-parameters", max_bandwidth=4096)
        m.qmp("migrate", uri="exec:cat > /dev/null")
        m.until(lambda: m.qmp("query-migrate")["status"] in ("active", "failed"), "the snapshot")
        info = m.qmp("query-migrate")
        if info["status"] == "failed":
            pytest.skip(f"no background snapshots on this host: {info.get('error-desc')}")
    return begin


def write_protected(m):
    """Whether QEMU still holds a userfaultfd: a write to guest memory may wait."""
    for fd in os.listdir(f"/proc/{m.process.pid}/fd"):
        try:
            if "[userfaultfd]" in os.readlink(f"/proc/{m.process.pid}/fd/{fd}"):
                return True
        except FileNotFoundError:
            pass
    return False


def end_snapshot(m):
    m.qmp("migrate-set-parameters", max_bandwidth=1 << 40)
    m.until(lambda: m.qmp("query-migrate")["status"] in ("failed", "completed"),
            "the end of the snapshot")
    m.until(lambda: not write_protected(m), "guest memory to be writable")


def test_given_back_when_it_ends(boot, snapshot):
    b = boot(options=TELLS_FIRST)
    b.m.fill(PLAY, 64 * PAGE)
    snapshot(b.m)
    b.send(INFLATE, [PLAY // PAGE + i for i in range(16)])
    assert b.m.backed(PLAY, 64) == 64
    assert b.shown("inhibited") is True
    assert (b.shown("balloon-pages"), b.shown("withheld-pages")) == (16, 16)
    assert b.shown("discards") == 0
    b.deflate(PLAY, 4)  # the guest's again: not to be discarded later
    assert (b.shown("balloon-pages"), b.shown("withheld-pages")) == (12, 12)
    b.send(INFLATE, [PLAY // PAGE + 20])
    assert b.m.log().count("cannot be given back") == 1, "warned of once"
    end_snapshot(b.m)
    b.m.until(lambda: b.m.backed(PLAY, 64) == 64 - 13, "the memory to go back")
    assert b.m.present(PLAY, 4) == [True] * 4
    b.m.until(lambda: b.shown("withheld-pages") == 0, "the ledger to know")
    assert b.shown("inhibited") is False
    assert b.shown("balloon-pages") == 13


def test_stock_forgets_it(boot, stock, snapshot):
    b = boot(binary=stock)
    b.m.fill(PLAY, 16 * PAGE)
    snapshot(b.m)
    b.send(INFLATE, [PLAY // PAGE + i for i in range(16)])
    end_snapshot(b.m)
    b.m.fill(PLAY + 64 * PAGE, 16 * PAGE)
    b.send(INFLATE, [PLAY // PAGE + 64 + i for i in range(16)])
    assert b.m.backed(PLAY + 64 * PAGE, 16) == 0
    assert b.m.backed(PLAY, 16) == 16


def test_reset_while_inhibited(boot, snapshot):
    b = boot(options=TELLS_FIRST)
    b.m.fill(PLAY, 16 * PAGE)
    snapshot(b.m)
    b.inflate(PLAY, 16)
    b.bring_up()
    assert b.shown("withheld-pages") == 0
    end_snapshot(b.m)
    b.m.fill(PLAY + 64 * PAGE, 2 * PAGE)
    b.inflate(PLAY + 64 * PAGE, 1)
    assert b.m.backed(PLAY, 16) == 16
    assert b.m.backed(PLAY + 64 * PAGE, 2) == 1


def test_postcopy_coming_in(boot):
    """The target is inhibited until the last page has come."""
    source = boot.machine(*ARGS)
    target = boot.machine(*ARGS, "-incoming", "defer")
    for m in (source, target):
        try:
            capability(m, "postcopy-ram")
        except QmpError as e:
            pytest.skip(f"no postcopy on this host: {e}")
    b = Balloon(source)
    source.fill(PLAY, 64 << 20, 0x11)
    source.qmp("migrate-set-parameters", max_bandwidth=1 << 20, max_postcopy_bandwidth=1 << 20)
    uri = f"unix:{target.dir}/migration"
    target.qmp("migrate-incoming", uri=uri)
    source.qmp("migrate", uri=uri)
    source.until(lambda: source.qmp("query-migrate")["status"] in ("active", "failed"), "the start")
    source.qmp("migrate-start-postcopy")
    target.until(lambda: target.qmp("query-status")["status"] == "running", "the target to run")
    if not target.qmp("qom-get", path="/machine/peripheral/balloon", property="inhibited"):
        pytest.skip("postcopy was over before it could be looked at")
    b = Balloon(target)
    head = b.queue(INFLATE, [PLAY // PAGE + i for i in range(16)])
    b.kick(INFLATE)
    assert b.wait_used(INFLATE) == [(head, 0)]
    assert b.shown("withheld-pages") == 16
    assert target.read(PLAY, PAGE) == b"\x11" * PAGE
    source.qmp("migrate-set-parameters", max_postcopy_bandwidth=0)
    source.until(lambda: source.qmp("query-migrate")["status"] == "completed", "postcopy's end")
    target.until(lambda: b.shown("withheld-pages") == 0, "the memory to go back")
    assert target.backed(PLAY, 16) == 0
    assert target.read(PLAY + 16 * PAGE, PAGE) == b"\x11" * PAGE
