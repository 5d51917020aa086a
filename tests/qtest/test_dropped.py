# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver that promised neither page ops nor MUST_TELL_HOST may use a page first and
tell of the deflate later, as Windows' does. What could not be discarded when its
buffer was answered is the guest's from then on: discarded later it would be data that
is lost. (Finding C2.)
"""

import pytest

import pci
from balloon import F_MUST_TELL_HOST, F_STATS_VQ, INFLATE, MIB, PAGE, PLAY
from ops import OpsBalloon
from test_discard import memory_backend
from test_inhibited import TELLS_FIRST, end_snapshot, snapshot  # noqa: F401

FIRST = PLAY // PAGE
NO_PROMISE = 1 << F_STATS_VQ | 1 << pci.F_RING_RESET
DATA = b"\x77" * PAGE
PAGES = 4


def holds_data(b, pages=PAGES):
    return all(b.m.read(PLAY + i * PAGE, PAGE) == DATA for i in range(pages))


@pytest.mark.parametrize("options", ["", TELLS_FIRST], ids=["not offered", "not accepted"])
def test_used_before_the_deflate(boot, snapshot, interface, options):  # noqa: F811
    b = boot(interface=interface, options=options, features=NO_PROMISE)
    b.m.fill(PLAY, 16 * PAGE)
    snapshot(b.m)
    b.send(INFLATE, [FIRST + i for i in range(16)])
    b.m.write(PLAY, DATA * PAGES)  # its own again
    end_snapshot(b.m)
    b.m.stays(lambda: holds_data(b), "a page in use lost its data")
    b.deflate(PLAY, 16)
    assert holds_data(b)


def test_discarded_when_inflated_again(boot, snapshot):  # noqa: F811
    b = boot(features=NO_PROMISE)
    b.m.fill(PLAY, 16 * PAGE)
    snapshot(b.m)
    b.send(INFLATE, [FIRST + i for i in range(16)])
    end_snapshot(b.m)
    b.m.stays(lambda: b.m.backed(PLAY, 16) == 16, "pages were discarded late")
    b.deflate(PLAY, 8)
    b.inflate(PLAY, 4)
    assert b.m.present(PLAY, 16) == [i >= 4 for i in range(16)]


def test_counted(boot, snapshot):  # noqa: F811
    b = boot(features=NO_PROMISE)
    b.m.fill(PLAY, 16 * PAGE)
    snapshot(b.m)
    b.send(INFLATE, [FIRST + i for i in range(16)])
    end_snapshot(b.m)
    assert (b.shown("balloon-pages"), b.shown("dropped-pages")) == (16, 16)
    b.deflate(PLAY, 4)
    assert (b.shown("balloon-pages"), b.shown("dropped-pages")) == (12, 16)
    b.inflate(PLAY, 4)
    assert (b.shown("balloon-pages"), b.shown("dropped-pages")) == (16, 16)
    b.send(INFLATE, [FIRST + i for i in range(16)])
    assert b.m.backed(PLAY, 16) == 0


def test_none_of_a_driver_that_tells_first(boot, snapshot):  # noqa: F811
    b = boot(options=TELLS_FIRST)
    b.m.fill(PLAY, 16 * PAGE)
    snapshot(b.m)
    b.send(INFLATE, [FIRST + i for i in range(16)])
    assert b.shown("dropped-pages") == 0
    end_snapshot(b.m)
    b.m.until(lambda: b.m.backed(PLAY, 16) == 0, "the memory to go back")
    assert b.shown("dropped-pages") == 0


def test_answered_by_a_stop(boot):
    """What a stop answers is the guest's as well, however much of it could be discarded."""
    b = boot(*memory_backend("memory-backend-memfd", "1G"), memory="1G", features=NO_PROMISE)
    pages = 640 * MIB // PAGE
    b.m.fill(PLAY, pages * PAGE)
    head = b.queue(INFLATE, [FIRST + i for i in range(pages)])
    b.kick(INFLATE)
    b.m.qmp("stop")
    done = b.ring[INFLATE].take_used()
    last = PLAY + (pages - 1) * PAGE
    if done:  # the guest uses what it had an answer for
        b.m.write(last, DATA)
    b.m.qmp("cont")
    if done:
        assert done == [(head, 0)]
        b.m.until(lambda: not b.shown("withheld-pages"), "the last discards")
        assert b.m.read(last, PAGE) == DATA, "a page in use lost its data"
    else:
        assert b.wait_used(INFLATE) == [(head, 0)]
        assert b.m.backed(PLAY, pages) == 0


# A driver that is gone without a reset: a kernel that was started by another, for one.

def lose_driver_ok(b):
    b.io.set_status(b.io.status() & ~pci.STATUS_DRIVER_OK)


def lose_bus_mastering(b):
    b.io.pci.config_write(2, 4, b.io.pci.config_read(2, 4) & ~pci.COMMAND_MASTER)


@pytest.mark.parametrize("lose", [lose_driver_ok, lose_bus_mastering])
@pytest.mark.parametrize("how", ["must-tell-host", "page-ops"])
def test_nothing_without_a_driver(boot, snapshot, lose, how):  # noqa: F811
    if how == "page-ops":
        b = boot(driver=OpsBalloon)
        b.ok(("I", FIRST + 32, 16))
    else:
        b = boot(options=TELLS_FIRST, features=NO_PROMISE | 1 << F_MUST_TELL_HOST)
    b.m.fill(PLAY, 16 * PAGE)
    snapshot(b.m)
    if how == "page-ops":
        b.ok(("S", FIRST + 32, FIRST, 16))
    else:
        b.send(INFLATE, [FIRST + i for i in range(16)])
    lose(b)
    b.m.write(PLAY, DATA * PAGES)
    end_snapshot(b.m)
    b.m.stays(lambda: holds_data(b), "memory of a guest without a driver was discarded")
