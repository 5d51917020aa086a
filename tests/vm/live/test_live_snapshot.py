# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots of a guest with a balloon: in the background while it runs, and inside its disk."""

import pytest

from vmlab.waits import wait_for

from vmtest import frames, kept, live, size
from vmtest.dirty import Dirtier
from vmtest.env import MIB, scaled
from vmtest.size import Books, assert_exact

pytestmark = pytest.mark.qemu10

AWAY, MORE = 96 * MIB, 64 * MIB
DATA_MIB, DIRTY_MIB = 60, 24
DISK = 1 << 30
# What the host backs though the guest does not count it: firmware, kernel image.
UNCOUNTED = 16 * MIB
SLOWLY = 4 * MIB  # bytes a second
every_mode = pytest.mark.parametrize("page_ops", [True, False], ids=["page-ops", "pfn"])


def begin_background(vm, path):
    """A snapshot that takes long, but goes on: whoever writes waits until the page is saved, QEMU's
    own main loop too."""
    live.capabilities(vm, "background-snapshot")
    live.parameters(vm, max_bandwidth=SLOWLY)
    vm.qmp.cmd("migrate", uri=f"exec:cat >{path}")
    wait_for(lambda: live.status(vm) not in ("none", "setup"), scaled(30), "the snapshot to begin")
    assert live.status(vm) != "failed", vm.qmp.cmd("query-migrate").get("error-desc")


@every_mode
def test_background_snapshot(machines, page_ops):
    """While it is taken the guest runs, nothing is discarded; afterwards all that was given is,
    but what a driver gave that may use a page before it tells. The snapshot has the guest of its
    first moment."""
    live.need(machines, "background-snapshot")
    vm = machines.start(page_ops=page_ops)
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    vm.guest.run("memtool touch free-48", scaled(60))
    size.resize(vm, before.actual - AWAY)
    path = vm.dir / "snapshot"
    begin_background(vm, path)
    wait_for(lambda: live.running(vm), scaled(30), "the guest to go on")
    assert live.shown(vm, "inhibited") is True
    discards = live.shown(vm, "discards")
    size.ask(vm, before.actual - AWAY - MORE)
    name = "ops-inhibited" if page_ops else "dropped-pages"
    wait_for(lambda: live.shown(vm, name), scaled(60), f"{name} to rise")
    assert live.status(vm) == "active", "the snapshot was over too early to be of use"
    assert live.shown(vm, "discards") == discards
    live.parameters(vm, max_bandwidth=1 << 40)
    wait_for(lambda: live.status(vm) in live.ENDED, scaled(120), "the snapshot")
    assert live.status(vm) == "completed", vm.last_words()
    size.wait_actual(vm, lambda now: now == before.actual - AWAY - MORE, "the target", 90)
    live.wait_given_back(vm)
    # Not page by page: to track writes QEMU maps one page of zeroes wherever there was nothing.
    held, left = vm.ram().rss_bytes(), before.actual - AWAY - MORE
    dropped = 0 if page_ops else MORE
    assert held <= left + dropped + UNCOUNTED, f"a guest of {left >> 20} MiB costs {held >> 20} MiB"
    kept.fill(vm, 8)

    old = machines.start(page_ops=page_ops, incoming=True)
    old.qmp.cmd("migrate-incoming", uri=f"exec:cat {path}")
    wait_for(lambda: live.running(old), scaled(60), "the snapshot's guest to run")
    assert_exact(before, Books.of(old), before.actual - AWAY)
    kept.verify(old)
    if page_ops:
        assert live.shown(old, "balloon-pages") == AWAY // 4096
        live.wait_given_back(old)
        assert not frames.backed_though_ballooned(old)
    size.resize(old, before.actual)
    assert_exact(before, Books.of(old), before.actual)
    kept.verify(old)


def job(vm, command, name, **arguments):
    """A background job of QEMU to its end."""
    vm.qmp.cmd(command, job_id=name, **arguments)

    def ended():
        found = [j for j in vm.qmp.cmd("query-jobs") if j["id"] == name]
        return found[0] if found and found[0]["status"] == "concluded" else None

    done = wait_for(ended, scaled(120), f"the job {name}")
    assert not done.get("error"), f"{command}: {done['error']}"
    vm.qmp.cmd("job-dismiss", id=name)


def add_disk(vm):
    """A qcow2 image, not shown to the guest, for snapshots to lie in."""
    path = str(vm.dir / "disk.qcow2")
    job(vm, "blockdev-create", "j0", options={"driver": "file", "filename": path, "size": 0})
    vm.qmp.cmd("blockdev-add", driver="file", filename=path, node_name="file0")
    options = {"driver": "qcow2", "file": "file0", "size": DISK}
    job(vm, "blockdev-create", "j1", options=options)
    vm.qmp.cmd("blockdev-add", driver="qcow2", file="file0", node_name="disk0")


@every_mode
def test_savevm_and_loadvm(machines, page_ops):
    """Whatever the balloon became after savevm, loadvm brings back the one that was saved: with
    its size, its target, its pages, and the guest's data."""
    vm = machines.start(page_ops=page_ops)
    add_disk(vm)
    before = Books.of(vm)
    kept.keep(vm, DATA_MIB, 7)
    size.resize(vm, before.actual - AWAY)
    work = Dirtier(vm, DIRTY_MIB)
    where = {"vmstate": "disk0", "devices": ["disk0"], "tag": "then"}
    job(vm, "snapshot-save", "save", **where)
    for away in (AWAY + MORE, 0, AWAY + MORE):
        wait_for(lambda: live.running(vm), scaled(30), "the guest to run")
        size.resize(vm, before.actual - away)
        kept.fill(vm, 8)
        work.wait_rounds(1)
        job(vm, "snapshot-load", "load", **where)
        if not live.running(vm):
            vm.qmp.cmd("cont")
        now = Books.of(vm)
        assert_exact(before, now, before.actual - AWAY)
        if page_ops:
            assert live.shown(vm, "balloon-pages") == AWAY // 4096
            live.wait_given_back(vm)
            assert not frames.backed_though_ballooned(vm)
        kept.verify(vm)
        work.wait_rounds(1)
    size.resize(vm, before.actual)
    assert_exact(before, Books.of(vm), before.actual)
    work.finish()
    kept.verify(vm)
