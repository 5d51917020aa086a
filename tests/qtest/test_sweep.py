# SPDX-License-Identifier: GPL-2.0-or-later
"""Ballooned memory that the host backs again (something outside the guest wrote to it, or
read it in: VFIO, a snapshot, khugepaged) is found and given back, from drivers that tell
before they use a page; of others it is counted alone. (Finding C5.)
"""

import pytest

import pci
from balloon import F_STATS_VQ, INFLATE, MIB, PAGE, PLAY, Balloon
from ops import OpsBalloon
from test_discard import huge_held, huge_pages, memory_backend  # noqa: F401
from test_inhibited import TELLS_FIRST, end_snapshot, snapshot  # noqa: F401

FIRST = PLAY // PAGE
NO_PROMISE = 1 << F_STATS_VQ | 1 << pci.F_RING_RESET
OFTEN = "sweep-interval=1"
PAGES, TOUCHED = 64, 24
BACKENDS = pytest.mark.parametrize("backend", [
    "memory-backend-ram", "memory-backend-ram,share=on", "memory-backend-memfd"])
PROMISES = pytest.mark.parametrize("kind, options", [(OpsBalloon, ""), (Balloon, TELLS_FIRST)],
                                   ids=["page-ops", "must-tell-host"])


def inflate(b):
    b.m.fill(PLAY, PAGES * PAGE)
    if isinstance(b, OpsBalloon):
        b.ok(("I", FIRST, PAGES))
    else:
        b.send(INFLATE, [FIRST + i for i in range(PAGES)])
    assert b.m.backed(PLAY, PAGES) == 0


def touch(b):
    """As something outside the guest would."""
    b.m.fill(PLAY, TOUCHED * PAGE)
    assert b.m.backed(PLAY, PAGES) == TOUCHED


@PROMISES
def test_after_an_inhibition(boot, snapshot, kind, options):  # noqa: F811
    """At once: no sweep is due for a minute."""
    b = boot(options=options, driver=kind)
    inflate(b)
    snapshot(b.m)
    b.m.fill(PLAY, TOUCHED * PAGE)
    end_snapshot(b.m)
    b.m.until(lambda: b.m.backed(PLAY, PAGES) == 0, "the memory to go back again", limit=20)


@BACKENDS
@PROMISES
def test_given_back(boot, kind, options, backend):
    b = boot(*memory_backend(backend, "256M"), memory="256M", driver=kind,
             options=",".join(filter(None, [options, OFTEN])))
    inflate(b)
    touch(b)
    for _ in range(2):
        b.m.eventually(lambda: b.m.backed(PLAY, PAGES) == 0, "the sweep")
        touch(b)
    b.m.eventually(lambda: not b.shown("resident-pages") and not b.m.backed(PLAY, PAGES),
                   "the count")


def test_given_back_in_huge_pages(boot, huge_pages):  # noqa: F811
    b = boot(*memory_backend("memory-backend-memfd,hugetlb=on,hugetlbsize=2M", "64M"),
             memory="64M", driver=OpsBalloon, options=OFTEN)
    play = 32 * MIB
    b.m.fill(play, 8 * MIB)
    b.place(bytes(1))  # the page of the requests is held from here on
    held = huge_held(b.m)
    b.ok(("I", play // PAGE, 1024))
    assert huge_held(b.m) == held - 2
    b.m.fill(play, PAGE)
    assert huge_held(b.m) == held - 1
    b.m.eventually(lambda: huge_held(b.m) == held - 2, "the sweep")


@BACKENDS
def test_counted_alone(boot, backend):
    """What such a driver's pages hold may be its data."""
    b = boot(*memory_backend(backend, "256M"), memory="256M", features=NO_PROMISE, options=OFTEN)
    inflate(b)
    touch(b)
    b.m.eventually(lambda: b.shown("resident-pages") == TOUCHED, "the count")
    b.m.stays(lambda: b.m.backed(PLAY, PAGES) == TOUCHED, "a page in use was discarded")
    b.deflate(PLAY, 8)
    b.m.eventually(lambda: b.shown("resident-pages") == TOUCHED - 8, "the count")


def test_page_that_has_left_stays(boot):
    """A sweep is about the balloon's pages alone, also about the one that leaves meanwhile."""
    b = boot(driver=OpsBalloon, options=OFTEN)
    inflate(b)
    touch(b)
    b.ok(("D", FIRST, 8))
    b.m.eventually(lambda: b.m.backed(PLAY, PAGES) == 8, "the sweep")
    assert b.m.present(PLAY, PAGES) == [i < 8 for i in range(PAGES)]
    assert b.m.read(PLAY, PAGE) == b"\x5a" * PAGE


def test_off(boot):
    b = boot(driver=OpsBalloon, options="sweep-interval=0")
    inflate(b)
    touch(b)
    b.m.stays(lambda: b.m.backed(PLAY, PAGES) == TOUCHED, "swept all the same")
    assert b.shown("resident-pages") == 0


def test_default(boot):
    assert boot().shown("sweep-interval") == 60


def test_not_while_stopped(boot):
    b = boot(driver=OpsBalloon, options=OFTEN)
    inflate(b)
    b.m.qmp("stop")
    touch(b)
    b.m.stays(lambda: b.m.backed(PLAY, PAGES) == TOUCHED, "memory of a stopped guest went")
    b.m.qmp("cont")
    b.m.eventually(lambda: b.m.backed(PLAY, PAGES) == 0, "the sweep")


def test_not_without_a_driver(boot):
    b = boot(driver=OpsBalloon, options=OFTEN)
    inflate(b)
    b.io.set_status(b.io.status() & ~pci.STATUS_DRIVER_OK)
    touch(b)
    b.m.stays(lambda: b.m.backed(PLAY, PAGES) == TOUCHED, "a page of no balloon was discarded")
