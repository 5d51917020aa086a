# SPDX-License-Identifier: GPL-2.0-or-later
"""discard-granularity: only whole, aligned blocks go back to the host, so that its huge
pages stay whole; what is ballooned in part is shown as withheld. Judged by the host's page
table and by the huge pages it counts."""

import random

import pytest

import thp
from balloon import DEFLATE, F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE, PLAY, SLOT, moved
from machine import QemuGone, QmpError
from ops import OpsBalloon
from ring import WRITE
from test_discard import huge_held, huge_pages, memory_backend  # noqa: F401
from test_inhibited import TELLS_FIRST, end_snapshot, snapshot  # noqa: F401
from test_migration import migrate

FIRST = PLAY // PAGE
BLOCK = 512  # pages of 2 MiB
ON = "discard-granularity=2M"


def absent(b, block):
    """Whether block number `block` from PLAY on is wholly gone from the host; wholly there
    is the only other thing it may be."""
    held = b.m.backed(PLAY + block * BLOCK * PAGE, BLOCK)
    assert held in (0, BLOCK), f"{held} pages of block {block} are left"
    return not held


def counts(b):
    return tuple(b.shown(name) for name in ("balloon-pages", "withheld-pages",
                                            "whole-block-pages"))


@pytest.mark.parametrize("backend", ["memory-backend-ram", "memory-backend-ram,share=on",
                                     "memory-backend-memfd"])
def test_only_whole_blocks_go_back(boot, backend):
    b = boot(*memory_backend(backend, "256M"), memory="256M", options=ON)
    b.m.fill(PLAY, 8 * MIB, 0xA5)
    pfns = [FIRST + i for i in range(4 * BLOCK) if i not in (7, 3 * BLOCK - 1)]
    random.Random(5).shuffle(pfns)
    for at in range(0, len(pfns), 256):
        b.send(INFLATE, pfns[at:at + 256])
    assert [absent(b, i) for i in range(4)] == [False, True, False, True]
    assert b.m.read(PLAY + 8 * PAGE, PAGE) == b"\xa5" * PAGE
    assert counts(b) == (4 * BLOCK - 2, 2 * (BLOCK - 1), 2 * BLOCK)
    assert b.shown("discarded-bytes") == 4 * MIB

    b.send(INFLATE, [FIRST + 7])
    assert [absent(b, i) for i in range(4)] == [True, True, False, True]
    assert counts(b) == (4 * BLOCK - 1, BLOCK - 1, 3 * BLOCK)


def test_out_and_in_again(boot):
    """What the host put under a page that left, it gives back when the block is whole again."""
    b = boot(options=ON)
    b.m.fill(PLAY, 4 * MIB)
    b.inflate(PLAY, 2 * BLOCK)
    assert absent(b, 0) and absent(b, 1)
    b.deflate(PLAY + 9 * PAGE, 3)
    assert counts(b) == (2 * BLOCK - 3, BLOCK - 3, BLOCK)
    b.m.fill(PLAY + 9 * PAGE, 3 * PAGE)
    held = b.m.backed(PLAY, BLOCK)
    assert held >= 3
    b.inflate(PLAY + 9 * PAGE, 2)
    assert b.m.backed(PLAY, BLOCK) == held
    assert b.m.read(PLAY + 9 * PAGE, PAGE) == b"\x5a" * PAGE
    b.inflate(PLAY + 11 * PAGE, 1)
    assert absent(b, 0) and absent(b, 1)
    assert counts(b) == (2 * BLOCK, 0, 2 * BLOCK)


def test_page_ops(boot):
    """A swap takes one block out of the balloon and brings another in; half of one does not."""
    b = boot(options=ON, driver=OpsBalloon)
    b.m.fill(PLAY, 8 * MIB)
    b.ok(("I", FIRST, BLOCK), ("I", FIRST + BLOCK, BLOCK // 2))
    assert [absent(b, i) for i in range(3)] == [True, False, False]
    assert counts(b) == (BLOCK * 3 // 2, BLOCK // 2, BLOCK)
    b.m.fill(PLAY, 2 * MIB, 0x11)
    b.ok(("S", FIRST, FIRST + 2 * BLOCK, BLOCK))
    assert [absent(b, i) for i in range(3)] == [False, False, True]
    b.ok(("S", FIRST + 2 * BLOCK, FIRST + 3 * BLOCK, 1))
    assert not absent(b, 3)
    assert counts(b) == (BLOCK * 3 // 2, BLOCK * 3 // 2, 0)
    # The one that a consolidation wants: pieces of two blocks become one whole.
    b.m.fill(PLAY + 4 * MIB, PAGE)
    b.ok(("S", FIRST + BLOCK, FIRST + 2 * BLOCK, 1))
    assert [absent(b, i) for i in range(1, 4)] == [False, True, False]
    assert counts(b) == (BLOCK * 3 // 2, BLOCK // 2, BLOCK)
    assert b.holds((FIRST + BLOCK + 1, BLOCK // 2 - 1), (FIRST + 2 * BLOCK, BLOCK),
                   (FIRST + 3 * BLOCK, 1))


@pytest.mark.parametrize("options, stay", [(ON, True), ("", False)])
def test_huge_pages_of_the_host_stay_whole(boot, options, stay):
    """Every other page of eight of them is ballooned; without the property all eight are torn."""
    thp.size()
    b = boot(options=options)
    b.m.fill(PLAY, 32 * MIB)
    held = thp.backed(b.m, PLAY)
    if held < 28 * MIB:
        pytest.skip(f"the host gave only {held >> 20} of 32 MiB in huge pages")
    for start in (0, 1):
        pfns = [FIRST + i for i in range(start, 8 * BLOCK, 2)]
        b.send(INFLATE, pfns[:1024])
        b.send(INFLATE, pfns[1024:])
        if not start:
            lost = held - thp.backed(b.m, PLAY)
            assert lost <= 0 if stay else lost >= 12 * MIB
            assert b.m.backed(PLAY, 8 * BLOCK) == (8 if stay else 4) * BLOCK
            assert b.m.read(PLAY + PAGE, PAGE) == b"\x5a" * PAGE
    assert b.m.backed(PLAY, 8 * BLOCK) == 0
    assert thp.backed(b.m, PLAY) <= held - 12 * MIB
    assert b.m.backed(PLAY + 16 * MIB, 8 * BLOCK) == 8 * BLOCK


def test_inhibited(boot, snapshot):  # noqa: F811
    """Whole blocks go back when that ends, parts of one stay."""
    b = boot(options=f"{ON},{TELLS_FIRST}")
    b.m.fill(PLAY, 4 * MIB)
    snapshot(b.m)
    b.inflate(PLAY, BLOCK + 100)
    assert counts(b) == (BLOCK + 100, BLOCK + 100, BLOCK)
    b.send(DEFLATE, [FIRST + BLOCK])
    assert b.m.backed(PLAY, 2 * BLOCK) == 2 * BLOCK
    end_snapshot(b.m)
    b.m.until(lambda: b.shown("withheld-pages") == 99, "the block to go back")
    assert absent(b, 0) and not absent(b, 1)
    assert b.m.log().count("cannot be given back") == 1


@pytest.mark.parametrize("here, there", [(ON, ""), ("", ON), (ON, "discard-granularity=4M")])
def test_each_host_has_its_own(boot, here, there):
    """It does not move with the guest: the ledger does, and the new host gives back by its own."""
    def device(options):
        return ("-device", f"virtio-balloon-pci,id=balloon,addr={SLOT:#x},{options}".strip(","))

    source = boot.machine(*device(here))
    target = boot.machine(*device(there), "-incoming", "defer")
    b = OpsBalloon(source)
    source.fill(PLAY, 8 * MIB)
    b.ok(("I", FIRST, BLOCK + 100))
    assert b.shown("withheld-pages") == (100 if here else 0)
    migrate(source, target)
    b = moved(b, target)
    left = {"": 0, ON: 100}.get(there, BLOCK + 100)
    target.until(lambda: b.shown("withheld-pages") == left, "the discards")
    assert b.shown("balloon-pages") == BLOCK + 100
    target.fill(PLAY + 3 * MIB, 5 * MIB)
    b.ok(("I", FIRST + BLOCK + 100, 4 * BLOCK - BLOCK - 100))
    assert target.backed(PLAY, 4 * BLOCK) == 0
    assert b.shown("withheld-pages") == 0


def test_reports_too(boot):
    """Free page reporting tears no huge page either: what is whole in a report goes back."""
    b = boot(options=f"{ON},free-page-reporting=on", queues=4,
             features=1 << F_STATS_VQ | 1 << F_REPORTING)
    b.m.fill(PLAY, 8 * MIB)

    def report(gpa, length):
        head = b.ring[3].add([(gpa, length, WRITE)])
        b.kick(3)
        assert b.wait_used(3) == [(head, 0)]

    report(PLAY + MIB, MIB)
    assert b.m.backed(PLAY, 4 * BLOCK) == 4 * BLOCK
    report(PLAY + MIB, 4 * MIB)
    assert [absent(b, i) for i in range(4)] == [False, True, False, False]
    assert b.shown("reported-bytes") == 2 * MIB
    assert b.shown("rejected-pfns") == b.shown("withheld-pages") == 0
    assert b.m.read(PLAY + 4 * MIB, PAGE) == b"\x5a" * PAGE


def test_hugetlb(boot, huge_pages):  # noqa: F811
    """More than a page of it together; the page's own size changes nothing."""
    b = boot(*memory_backend("memory-backend-memfd,hugetlb=on,hugetlbsize=2M", "64M"),
             memory="64M", options="discard-granularity=4M")
    play = 32 * MIB
    b.m.fill(2 * MIB, 2 * MIB)  # the driver's own page must not change the count
    b.m.fill(play, 8 * MIB)
    held = huge_held(b.m)
    b.inflate(play, BLOCK)
    assert huge_held(b.m) == held
    assert counts(b) == (BLOCK, BLOCK, 0)
    b.inflate(play + 2 * MIB, BLOCK)
    assert huge_held(b.m) == held - 2
    assert counts(b) == (2 * BLOCK, 0, 2 * BLOCK)


def test_the_end_of_memory(boot):
    """What is no whole block there never goes back, and is shown."""
    b = boot(memory="66M", options="discard-granularity=4M")
    b.m.fill(60 * MIB, 6 * MIB)
    b.inflate(60 * MIB, 3 * BLOCK)
    assert b.m.backed(60 * MIB, 3 * BLOCK) == BLOCK
    assert counts(b) == (3 * BLOCK, BLOCK, 2 * BLOCK)


@pytest.mark.parametrize("asked, pages", [("4K", 1), ("64K", 16), ("32M", 8192)])
def test_sizes(boot, asked, pages):
    b = boot(options=f"discard-granularity={asked}")
    b.m.fill(PLAY, 64 * MIB)
    for at in range(0, 2 * pages - 1, 8192):
        b.inflate(PLAY + at * PAGE, min(8192, 2 * pages - 1 - at))
        b.buffer = 2 * MIB
    assert b.m.backed(PLAY, 16384) == 16384 - pages
    assert b.shown("withheld-pages") == pages - 1


def test_default_is_stock(boot_both):
    """0, named or not: each page by itself."""
    options = "discard-granularity=0" if boot_both.kind == "ours" else ""
    b = boot_both(options=options)
    b.m.fill(PLAY, 2 * MIB)
    b.inflate(PLAY + 5 * PAGE, 1)
    assert b.m.present(PLAY, BLOCK) == [i != 5 for i in range(BLOCK)]
    if options:
        assert b.shown("discard-granularity") == b.shown("withheld-pages") == 0


@pytest.mark.parametrize("value, why", [
    (3, "must be a power of two"),
    (3 * MIB, "must be a power of two"),
    (1, "must be at least the page size of the guest's memory, 4 KiB"),
    (2048, "must be at least the page size of the guest's memory, 4 KiB"),
    (64 * MIB, "must be at most 32 MiB"),
    (1 << 63, "must be at most 32 MiB"),
])
def test_wrong_values(boot, value, why):
    """Refused with the reason, at the start and when plugged; nothing of it is left behind."""
    message = f"'discard-granularity' {why}"
    with pytest.raises(QemuGone, match=message):
        boot.machine("-device", f"virtio-balloon-pci,discard-granularity={value}")
    m = boot.machine(machine="pc")
    with pytest.raises(QmpError) as e:
        m.qmp("device_add", driver="virtio-balloon-pci", discard_granularity=value)
    assert e.value.desc == message
    m.qmp("device_add", driver="virtio-balloon-pci", discard_granularity=2 * MIB)
    assert m.qmp("query-balloon")["actual"] == 512 * MIB


@pytest.mark.parametrize("value", ["-4096", "2MiB", "huge", "1.5"])
def test_no_size_at_all(boot, value):
    """QEMU's own words for these; where it takes one, ours."""
    with pytest.raises(QemuGone, match="discard-granularity"):
        boot.machine("-device", f"virtio-balloon-pci,discard-granularity={value}")


def test_smaller_than_a_huge_page(boot, huge_pages):  # noqa: F811
    with pytest.raises(QemuGone, match="at least the page size of the guest's memory, 2 MiB"):
        boot.machine("-device", "virtio-balloon-pci,discard-granularity=64K", *memory_backend(
            "memory-backend-memfd,hugetlb=on,hugetlbsize=2M", "64M"), memory="64M")


def test_fixed_once_there(boot):
    b = boot(options=ON)
    with pytest.raises(QmpError):
        b.m.qmp("qom-set", path="/machine/peripheral/balloon", property="discard-granularity",
                value=4 * MIB)
    assert b.shown("discard-granularity") == 2 * MIB
