# SPDX-License-Identifier: GPL-2.0-or-later
"""Packed rings with EVENT_IDX: the driver tells of a buffer only where the device asked for it,
so a device that forgets to ask once never hears of that queue again."""

import pytest

from balloon import F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE, PLAY, Balloon
from packed import FEATURES, PackedRing
from ring import WRITE

REPORTING = 3
# more than one slice of the main loop can do
PARTS, PART = 16, 16 * MIB


def polite_kick(b, queue):
    """As Linux does it."""
    if b.ring[queue].wants_kick():
        b.kick(queue)


def packed(*args):
    return Balloon(*args, ring=PackedRing)


def start(boot, *args, features=0, options=""):
    return boot(*args, options="packed=on" + options, driver=packed,
                features=FEATURES | 1 << F_STATS_VQ | features, queues=4 if features else 3)


@pytest.mark.parametrize("options", ["", ",page-ops=off"])
def test_asks_again_after_much_work(boot, options):
    """One large request, which the main loop does bit by bit, and then small ones."""
    b = start(boot, options=options)
    b.m.fill(PLAY, 64 * MIB)
    for part in range(16):
        b.queue(INFLATE, [PLAY // PAGE + 1024 * part + i for i in range(1024)])
    polite_kick(b, INFLATE)
    b.wait_used(INFLATE, 16)
    assert b.m.backed(PLAY, 16384) == 0
    # past the end of the ring, too
    for page in range(2 * b.ring[INFLATE].size + 8):
        buffer = b.queue(INFLATE, [PLAY // PAGE + 16384 + page])
        polite_kick(b, INFLATE)
        assert b.wait_used(INFLATE) == [(buffer, 0)]
    assert b.shown("balloon-pages") == 16384 + 2 * b.ring[INFLATE].size + 8


def test_asks_again_after_much_reporting(boot):
    # shared memory is in small pages, which take their time
    b = start(boot, "-object", "memory-backend-memfd,id=ram,size=512M", "-machine",
              "memory-backend=ram", features=1 << F_REPORTING, options=",free-page-reporting=on")
    b.m.fill(PLAY, PARTS * PART)
    for part in range(PARTS):
        b.ring[REPORTING].add([(PLAY + part * PART, PART, WRITE)])
    polite_kick(b, REPORTING)
    b.wait_used(REPORTING, PARTS)
    for _ in range(5):
        buffer = b.ring[REPORTING].add([(PLAY, MIB, WRITE)])
        polite_kick(b, REPORTING)
        assert b.wait_used(REPORTING) == [(buffer, 0)]
    assert b.shown("reported-bytes") == PARTS * PART + 5 * MIB
