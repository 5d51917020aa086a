# SPDX-License-Identifier: GPL-2.0-or-later
"""A discard that the host refuses is tried again, other ranges of the same memory are not
its business, and a guest cannot fill the log with it. (Finding C7.)
"""

import time

import pytest

from balloon import F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE, PLAY, Balloon
from ops import OpsBalloon
from ring import WRITE
from test_discard import memory_backend
from test_discard_many import watched
from test_inhibited import TELLS_FIRST

FIRST = PLAY // PAGE
REPORTING = 3
PAGES = 16
OTHER = PLAY + 32 * MIB
# Shared memory goes back by this call, which QEMU uses for nothing else here.
CALL = "fallocate"


@pytest.fixture
def refusing(boot, tmp_path):
    """refusing(b, which) has the host refuse these calls of QEMU, counted from 1."""
    def make(b, which="1"):
        return watched(b.m, tmp_path / "calls", "-e", f"inject={CALL}:error=EIO:when={which}",
                       trace=CALL)
    return make


def start(boot, kind=Balloon, **kw):
    b = boot(*memory_backend("memory-backend-memfd", "256M"), memory="256M", driver=kind, **kw)
    b.m.fill(PLAY, PAGES * PAGE)
    b.m.fill(OTHER, PAGES * PAGE)
    return b


def inflate(b, gpa):
    if isinstance(b, OpsBalloon):
        b.ok(("I", gpa // PAGE, PAGES))
    else:
        b.send(INFLATE, [gpa // PAGE + i for i in range(PAGES)])


TOLD_FIRST = pytest.mark.parametrize("kind, options", [(Balloon, TELLS_FIRST), (OpsBalloon, "")],
                                     ids=["must-tell-host", "page-ops"])


@TOLD_FIRST
def test_tried_again(boot, refusing, kind, options):
    b = start(boot, kind, options=options)
    with refusing(b):
        inflate(b, PLAY)
        assert b.m.backed(PLAY, PAGES) == PAGES
        assert b.shown("failed-discards") == 1
        b.m.eventually(lambda: b.m.backed(PLAY, PAGES) == 0, "the second attempt", limit=15)
        b.m.until(lambda: b.shown("withheld-pages") == 0, "the ledger to know")


@TOLD_FIRST
def test_less_and_less_often(boot, refusing, kind, options, tmp_path):
    b = start(boot, kind, options=options)
    with refusing(b, "1+"):
        inflate(b, PLAY)
        b.m.stays(lambda: b.m.backed(PLAY, PAGES) == PAGES, "discarded all the same", seconds=8,
                  clock=1)
        tries = (tmp_path / "calls").read_text().count("EIO")
    assert 2 <= tries <= 8
    assert b.m.log().count("\n") <= 10
    b.m.eventually(lambda: b.m.backed(PLAY, PAGES) == 0, "the first attempt that is not refused")


def test_inflated_again(boot, refusing):
    """Found by fuzzing: where so many ranges failed that no more are tried for now, pages that
    are inflated again were counted twice."""
    b = start(boot, options=TELLS_FIRST)
    ranges = [PLAY + i * MIB for i in range(6)]
    with refusing(b, "1+"):
        for gpa in ranges + ranges:
            inflate(b, gpa)
        assert 1 <= b.shown("failed-discards") < 2 * len(ranges)
        assert b.shown("withheld-pages") == b.shown("balloon-pages") == len(ranges) * PAGES
    b.m.eventually(lambda: b.m.backed(PLAY, PAGES) == 0, "the first attempt that is not refused")
    b.m.until(lambda: b.shown("withheld-pages") == 0, "the ledger to know")


@pytest.mark.parametrize("options", ["", TELLS_FIRST])
def test_other_ranges_go(boot, refusing, options):
    b = start(boot, options=options)
    with refusing(b):
        inflate(b, PLAY)
        inflate(b, OTHER)
        assert b.m.backed(OTHER, PAGES) == 0, "one refusal keeps all of the memory"


def test_reports_go(boot, refusing):
    b = start(boot, options="free-page-reporting=on", queues=4,
              features=1 << F_STATS_VQ | 1 << F_REPORTING)
    with refusing(b):
        inflate(b, PLAY)
        b.ring[REPORTING].add([(OTHER, PAGES * PAGE, WRITE)])
        b.kick(REPORTING)
        b.wait_used(REPORTING)
        assert b.m.backed(OTHER, PAGES) == 0, "a refusal to the balloon keeps reported memory"


def test_inflates_go_after_a_refused_report(boot, refusing):
    b = start(boot, options="free-page-reporting=on", queues=4,
              features=1 << F_STATS_VQ | 1 << F_REPORTING)
    with refusing(b):
        b.ring[REPORTING].add([(PLAY, PAGES * PAGE, WRITE)])
        b.kick(REPORTING)
        b.wait_used(REPORTING)
        assert b.m.backed(PLAY, PAGES) == PAGES
        inflate(b, OTHER)
        assert b.m.backed(OTHER, PAGES) == 0, "a refused report keeps the balloon's memory"


def test_log_of_a_guest_that_resets(boot):
    """Locked memory: each discard fails, and is not worth a line each time."""
    b = boot("-overcommit", "mem-lock=on", memory="128M")
    if b.m.sanitized():
        pytest.skip("the sanitizer does not let QEMU lock its memory")
    b.m.fill(PLAY, PAGES * PAGE)
    end = time.monotonic() + 3
    resets = 0
    while time.monotonic() < end or resets < 50:
        b.bring_up()
        b.buffer = 2 * MIB
        inflate(b, PLAY)
        resets += 1
    lines = b.m.log().count("\n")
    assert lines <= 10, f"{lines} lines in the log after {resets} resets"
