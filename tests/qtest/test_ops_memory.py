# SPDX-License-Identifier: GPL-2.0-or-later
"""What page ops do to memory, judged by the host's page table: exactly what is
in the balloon goes back, in few steps, and nothing that is not.
"""

import random
import time

import pytest

import balloon
from balloon import MIB, PAGE, PLAY
from ops import OpsBalloon, op
from test_discard import huge_held, huge_pages, memory_backend  # noqa: F401
from test_inhibited import end_snapshot, snapshot  # noqa: F401

FIRST = PLAY // PAGE
END_OF_RAM = 512 * MIB // PAGE


def start(boot, *args, **kw):
    return boot(*args, driver=OpsBalloon, **kw)


def test_range_goes_back(boot):
    b = start(boot)
    b.m.fill(PLAY, MIB)
    b.ok(("I", FIRST + 16, 64))
    assert b.m.present(PLAY, 256) == [True] * 16 + [False] * 64 + [True] * 176
    assert b.m.read(PLAY + 15 * PAGE, PAGE) == b"\x5a" * PAGE
    assert (b.shown("discards"), b.shown("discarded-bytes")) == (1, 64 * PAGE)
    assert (b.shown("ops-inflates"), b.shown("withheld-pages")) == (1, 0)


def test_many_ranges_few_discards(boot):
    """Operations of one buffer, and buffers that wait together, are one plan."""
    b = start(boot)
    b.m.fill(PLAY, 8 * MIB)
    parts = [FIRST + i * 32 for i in range(64)]
    random.Random(3).shuffle(parts)
    for k in range(4):
        b.offer(b"".join(op("I", at, 32) for at in parts[k::4]))
    b.kick(b.number)
    assert len(b.wait_used(b.number, 4)) == 4
    assert b.m.backed(PLAY, 2048) == 0
    assert b.shown("discards") == 1


def test_deflate_leaves_the_memory_alone(boot):
    b = start(boot)
    b.ok(("I", FIRST, 64))
    b.m.fill(PLAY, 64 * PAGE)
    b.ok(("D", FIRST, 32))
    assert b.m.backed(PLAY, 64) == 64
    assert b.shown("ops-deflates") == 1


def test_what_left_again_is_never_discarded(boot):
    """In one buffer, and in buffers that wait together."""
    b = start(boot)
    b.m.fill(PLAY, 64 * PAGE)
    b.ok(("I", FIRST, 32), ("D", FIRST + 8, 4), ("S", FIRST + 16, FIRST + 40, 2))
    out = {*range(32)} - {*range(8, 12), 16, 17} | {40, 41}
    assert b.m.present(PLAY, 64) == [i not in out for i in range(64)]
    b.m.qmp("stop")  # or the first would be found before the second is there
    b.offer(op("I", FIRST + 48, 8))
    b.offer(op("D", FIRST + 48, 4))
    b.m.qmp("cont")
    b.wait_used(b.number, 2)
    assert b.m.present(PLAY + 48 * PAGE, 8) == [True] * 4 + [False] * 4


def test_swap(boot):
    b = start(boot)
    b.m.fill(PLAY, 16 * PAGE)
    b.ok(("I", FIRST, 4))
    b.m.fill(PLAY, 4 * PAGE, 0x11)  # where the guest copies to before it says so
    b.ok(("S", FIRST, FIRST + 8, 4))
    assert b.m.present(PLAY, 16) == [True] * 8 + [False] * 4 + [True] * 4
    assert b.m.read(PLAY, PAGE) == b"\x11" * PAGE
    assert (b.shown("ops-swaps"), b.shown("balloon-pages")) == (1, 4)
    b.ok(("S", FIRST + 8, FIRST + 12, 2), ("S", FIRST + 12, FIRST, 2))
    assert b.m.present(PLAY, 2) == [False] * 2
    assert b.holds((FIRST, 2), (FIRST + 10, 2))


def test_refused_changes_nothing(boot):
    b = start(boot)
    b.m.fill(PLAY, 16 * PAGE)
    b.ok(("I", FIRST + 4, 1))
    for bad in (("I", FIRST, 8), ("D", FIRST, 8), ("S", FIRST, FIRST + 8, 2),
                ("S", FIRST + 3, FIRST + 8, 2)):
        assert b.do(bad) == ("WRONG_STATE", 0)
    assert b.do(("I", END_OF_RAM - 4, 8)) == ("NOT_RAM", 0)
    assert b.do(("S", FIRST + 4, END_OF_RAM, 1)) == ("NOT_RAM", 0)
    assert b.m.present(PLAY, 16) == [i != 4 for i in range(16)]
    assert b.shown("ops-wrong-state") == 4 and b.shown("ops-not-ram") == 2
    assert b.holds((FIRST + 4, 1))


@pytest.mark.parametrize("page", [
    pytest.param(END_OF_RAM, id="first-after-RAM"),
    pytest.param(0xFFFF0, id="ROM"),
    pytest.param(0xFEE00, id="device"),
    pytest.param(0xE0, id="firmware-shadow"),
    pytest.param(1 << 32, id="16-TiB"),
    pytest.param((1 << 32) + FIRST, id="wraps-to-RAM-in-32-bits"),
    pytest.param((1 << 52) - 1, id="highest"),
])
def test_not_ram(boot, page):
    b = start(boot)
    bios = b.m.read(0xFFFFF000, PAGE)
    b.ok(("I", FIRST, 1))
    for one in (("I", page, 1), ("D", page, 1), ("S", FIRST, page, 1), ("S", page, FIRST + 1, 1)):
        assert b.do(one) == ("NOT_RAM", 0)
    assert b.m.read(0xFFFFF000, PAGE) == bios
    assert b.holds((FIRST, 1))


@pytest.mark.parametrize("kind", ["I", "D"])
def test_longest_range(boot, kind):
    """2^32 - 1 pages are 16 TiB; they end past RAM wherever they begin."""
    b = start(boot)
    assert b.do((kind, FIRST, 0xFFFFFFFF)) == ("NOT_RAM", 0)
    assert b.holds()


def test_memory_beyond_16_tib(boot):
    """Pages that 32 bits cannot name: a module far up."""
    at = 17 << 40
    b = start(boot, "-cpu", "max,phys-bits=46", "-object",
              "memory-backend-ram,id=far,size=128M", "-device",
              f"pc-dimm,memdev=far,addr={at:#x}", memory="512M,slots=2,maxmem=20T")
    b.m.fill(at, MIB)
    b.m.fill(PLAY, 4 * PAGE)
    page = at // PAGE
    b.ok(("I", page + 8, 64), ("I", FIRST, 1))
    assert b.m.backed(at, 256) == 256 - 64
    b.ok(("S", page + 8, FIRST + 1, 2))
    assert b.m.backed(PLAY, 4) == 1
    assert b.do(("I", page + 128 * MIB // PAGE, 1)) == ("NOT_RAM", 0)
    assert b.do(("I", page + 128 * MIB // PAGE - 1, 2)) == ("NOT_RAM", 0)
    assert b.holds((page + 10, 62), (FIRST, 3))


def test_large_range_in_slices(boot):
    """One operation of 640 MiB: QMP is answered meanwhile, and the buffer is not
    used before all of it is back."""
    b = start(boot, *memory_backend("memory-backend-memfd", "1G"), memory="1G")
    pages = 640 * MIB // PAGE
    b.m.fill(PLAY, pages * PAGE)
    head, at = b.offer(op("I", FIRST, pages))
    b.kick(b.number)
    asked = 0
    while not b.opsq.used_index():
        b.m.qmp("query-status")
        asked += 1
    assert b.m.backed(PLAY, pages) == 0
    assert b.opsq.take_used() == [(head, 8)] and b.status_at(at) == ("OK", 1)
    assert asked and b.shown("discards") <= 400


def test_across_the_hole_below_4_gib(boot):
    """RAM above 4 GiB is of the same block: the end of one piece is not the other's start."""
    b = start(boot, memory="4G")
    low, high = 2 << 30, 4 << 30  # q35 puts 2 GiB below the hole
    b.m.fill(low - 4 * PAGE, 4 * PAGE)
    b.m.fill(high, 4 * PAGE)
    assert b.do(("I", low // PAGE - 4, 8)) == ("NOT_RAM", 0)
    b.ok(("I", low // PAGE - 4, 4), ("I", high // PAGE, 2))
    assert b.m.backed(low - 4 * PAGE, 4) == 0 and b.m.backed(high, 4) == 2
    b.ok(("S", low // PAGE - 4, high // PAGE + 2, 2))
    assert b.holds((low // PAGE - 2, 2), (high // PAGE, 4))


@pytest.mark.parametrize("backend", [
    "memory-backend-ram,share=on", "memory-backend-memfd", "memory-backend-ram,prealloc=on",
])
def test_kinds_of_memory(boot, backend):
    b = start(boot, *memory_backend(backend, "256M"), memory="256M")
    b.m.fill(PLAY, MIB, 0xA5)
    b.ok(("I", FIRST, 128), ("S", FIRST, FIRST + 200, 8))
    assert b.m.present(PLAY, 256) == [i < 8 or 128 <= i < 200 or i >= 208 for i in range(256)]
    assert b.m.read(PLAY + 8 * PAGE, PAGE) == bytes(PAGE)
    assert b.m.read(PLAY, PAGE) == b"\xa5" * PAGE


def test_hugetlb(boot, huge_pages):  # noqa: F811
    """Whole host pages only; the block that helps the host is told to the driver."""
    b = start(boot, *memory_backend("memory-backend-memfd,hugetlb=on,hugetlbsize=2M", "64M"),
              memory="64M")
    assert b.io.config_read(24) == 2 * MIB
    play, first = 32 * MIB, 32 * MIB // PAGE
    b.m.fill(balloon.BUFFERS, 2 * MIB)
    b.m.fill(play, 8 * MIB)
    held = huge_held(b.m)
    b.ok(("I", first, 511))
    assert huge_held(b.m) == held
    b.ok(("I", first + 511, 1))
    assert huge_held(b.m) == held - 1
    b.ok(("I", first + 512, 1024))
    assert huge_held(b.m) == held - 3
    b.ok(("S", first + 512, first + 1536, 512))  # a whole block for a whole block
    assert huge_held(b.m) == held - 4
    b.m.fill(play + 2 * MIB, 2 * MIB)
    assert huge_held(b.m) == held - 3
    assert b.holds((first, 512), (first + 1024, 1024))


def test_inhibited(boot, snapshot):  # noqa: F811
    """INFLATE is answered so; SWAP goes on and its memory follows later."""
    b = start(boot)
    b.m.fill(PLAY, 64 * PAGE)
    b.ok(("I", FIRST, 16))
    snapshot(b.m)
    assert b.do(("I", FIRST + 16, 16)) == ("INHIBITED", 0)
    assert b.do(("D", FIRST + 15, 1), ("I", FIRST + 16, 1)) == ("INHIBITED", 1)
    # What is wrong with it goes first.
    assert b.do(("I", FIRST, 1)) == ("WRONG_STATE", 0)
    b.ok(("S", FIRST, FIRST + 32, 8))
    b.ok(("D", FIRST + 32, 2))
    assert b.m.backed(PLAY + 32 * PAGE, 8) == 8
    assert (b.shown("balloon-pages"), b.shown("withheld-pages")) == (13, 6)
    assert b.shown("ops-inhibited") == 2
    end_snapshot(b.m)
    b.m.until(lambda: b.shown("withheld-pages") == 0, "the memory to go back")
    assert b.m.present(PLAY + 32 * PAGE, 8) == [True] * 2 + [False] * 6
    assert b.m.backed(PLAY + 16 * PAGE, 16) == 16
    assert b.holds((FIRST + 8, 7), (FIRST + 34, 6))


def test_all_the_operations_of_a_buffer(boot):
    """ops_max of them, each of one page, every second page."""
    b = start(boot)
    most = b.io.config_read(28)
    b.m.fill(PLAY, 2 * most * PAGE)
    t0 = time.monotonic()
    b.ok(*(("I", FIRST + 2 * i, 1) for i in range(most)))
    assert b.m.present(PLAY, 2 * most) == [i % 2 == 1 for i in range(2 * most)]
    assert time.monotonic() - t0 < 10
    b.ok(*(("S", FIRST + 2 * i, FIRST + 2 * i + 1, 1) for i in range(most)))
    assert b.m.backed(PLAY, 2 * most) == 0
    assert b.shown("balloon-pages") == most
