# SPDX-License-Identifier: GPL-2.0-or-later
"""Inflate really gives memory back, deflate takes the pages out of the ledger;
judged by the host's page table of the QEMU process."""

import contextlib
import os
import random

import pytest

import balloon
from balloon import DEFLATE, INFLATE, MIB, PAGE, PLAY
from vmlab.errors import LabError
from vmlab.hostmem import HugePages, in_huge_pages, smaps


def test_inflate_gives_back_exactly_those_pages(boot_both, interface):
    b = boot_both(interface=interface)
    b.m.fill(PLAY, MIB)
    assert b.m.backed(PLAY, 256) == 256
    b.inflate(PLAY + 16 * PAGE, 64)
    assert b.m.present(PLAY, 256) == [True] * 16 + [False] * 64 + [True] * 176
    assert b.m.read(PLAY + 15 * PAGE, PAGE) == b"\x5a" * PAGE
    if boot_both.kind == "ours":
        assert b.shown("balloon-pages") == 64
        assert b.shown("discards") == 1
        assert b.shown("discarded-bytes") == 64 * PAGE
        assert b.shown("withheld-pages") == 0


def test_pages_in_any_order_are_few_discards(boot):
    b = boot()
    b.m.fill(PLAY, 4 * MIB)
    pfns = [PLAY // PAGE + i for i in range(1024)]
    random.Random(1).shuffle(pfns)
    b.send(INFLATE, pfns)
    assert b.m.backed(PLAY, 1024) == 0
    assert b.shown("balloon-pages") == 1024
    assert b.shown("discards") == 1


def test_many_buffers_one_plan(boot):
    """Buffers queued together are merged: odd pages in one, even ones in the next."""
    b = boot()
    b.m.fill(PLAY, 4 * MIB)
    first = PLAY // PAGE
    for part in range(4):
        b.queue(INFLATE, [first + i for i in range(part, 1024, 4)])
    b.kick(INFLATE)
    assert [length for _, length in b.wait_used(INFLATE, 4)] == [0] * 4
    assert b.m.backed(PLAY, 1024) == 0
    assert b.shown("discards") == 1


def test_deflate_leaves_the_memory_alone(boot_both, interface):
    b = boot_both(interface=interface)
    b.inflate(PLAY, 64)
    b.m.fill(PLAY, 64 * PAGE)  # the guest may use a page again once it is out
    b.deflate(PLAY, 64)
    assert b.m.backed(PLAY, 64) == 64
    assert b.m.read(PLAY, PAGE) == b"\x5a" * PAGE
    if boot_both.kind == "ours":
        assert b.shown("balloon-pages") == 0
        assert b.shown("stray-pfns") == 0


def test_queued_deflate_comes_before_the_discard(boot):
    """A page inflated and deflated in one breath is the guest's: never discarded."""
    b = boot()
    b.m.fill(PLAY, 64 * PAGE)
    b.queue(DEFLATE, [PLAY // PAGE + 7])
    b.queue(INFLATE, [PLAY // PAGE + i for i in range(64) if i != 7])
    b.kick(INFLATE)
    b.wait_used(INFLATE)
    b.wait_used(DEFLATE)
    assert b.m.present(PLAY, 64) == [i == 7 for i in range(64)]


def test_a_gap_that_is_out_already_is_bridged(boot):
    """By a driver that promised to tell before it uses a page."""
    b = boot(options="must-tell-host=on")
    b.inflate(PLAY, 256)
    b.m.fill(PLAY, 256 * PAGE)
    b.deflate(PLAY + 10 * PAGE, 1)
    b.deflate(PLAY + 20 * PAGE, 1)
    before = b.shown("discards")
    b.send(INFLATE, [PLAY // PAGE + 20, PLAY // PAGE + 10])
    assert b.shown("discards") == before + 1


@pytest.mark.parametrize("options", ["", "must-tell-host=on"])
def test_a_page_may_be_used_before_the_host_is_told(boot_both, interface, options):
    """Where must-tell-host is not negotiated: what the device has answered for it leaves alone."""
    if boot_both.kind == "stock" and options:
        pytest.skip("stock has no such property")
    b = boot_both(interface=interface, options=options, features=1 << balloon.F_STATS_VQ)
    b.inflate(PLAY, 256)
    b.m.fill(PLAY, 256 * PAGE, 0x77)
    b.deflate(PLAY + 10 * PAGE, 1)
    b.deflate(PLAY + 20 * PAGE, 1)
    b.send(INFLATE, [PLAY // PAGE + 20, PLAY // PAGE + 10])
    assert b.m.present(PLAY, 256) == [i not in (10, 20) for i in range(256)]
    b.deflate(PLAY, 256)
    assert b.m.read(PLAY + 15 * PAGE, PAGE) == b"\x77" * PAGE


def test_a_page_of_the_guest_is_never_bridged(boot):
    b = boot()
    b.m.fill(PLAY, 256 * PAGE)
    b.send(INFLATE, [PLAY // PAGE + i for i in range(256) if i != 100])
    assert b.m.present(PLAY, 256) == [i == 100 for i in range(256)]
    assert b.shown("discards") == 2


def test_a_large_balloon_in_many_slices(boot):
    """Hundreds of MiB in one go: all of it back, and QMP is answered meanwhile."""
    b = boot(memory="1G")
    pages = 640 * MIB // PAGE
    b.m.fill(PLAY, pages * PAGE)
    for at in range(0, pages, 2560):
        b.queue(INFLATE, [PLAY // PAGE + at + i for i in range(2560)])
    b.kick(INFLATE)
    while b.ring[INFLATE].used_index() < pages // 2560:
        b.m.qmp("query-status")
    assert b.m.backed(PLAY, pages) == 0
    assert b.shown("balloon-pages") == pages
    assert b.shown("discards") <= 200
    assert not b.ring[INFLATE].no_notify()


def memory_backend(kind, size):
    return ("-object", f"{kind},id=ram,size={size}", "-machine", "memory-backend=ram")


@pytest.mark.parametrize("backend", [
    "memory-backend-ram", "memory-backend-ram,share=on", "memory-backend-memfd",
    "memory-backend-ram,prealloc=on",
])
def test_kinds_of_memory(boot_both, backend):
    b = boot_both(*memory_backend(backend, "256M"), memory="256M")
    b.m.fill(PLAY, MIB, 0xA5)
    b.inflate(PLAY, 128)
    # Present or not does not tell for shared memory: only what is left in it does.
    assert b.m.backed(PLAY, 128) == 0
    assert b.m.backed(PLAY, 256) == 128
    assert b.m.read(PLAY, PAGE) == bytes(PAGE)
    assert b.m.read(PLAY + 128 * PAGE, PAGE) == b"\xa5" * PAGE


@pytest.fixture
def huge_pages():
    """48 huge pages of 2 MiB for the time of a test."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(HugePages(48))
        except LabError as error:
            pytest.skip(str(error))
        yield 48


def huge_held(m):
    """Huge pages that QEMU's guest memory holds, from its smaps."""
    return in_huge_pages(smaps(m.process.pid)) // (2 * MIB)


def huge_in_file(m):
    """Huge pages that the file behind guest memory has, mapped or not: what its going back to
    the host's pool is about."""
    for fd in os.scandir(f"/proc/{m.process.pid}/fd"):
        if os.readlink(fd.path).startswith("/memfd:memory-backend"):
            return os.stat(fd.path).st_blocks // 4096
    raise AssertionError("guest memory is no memfd")


def test_hugetlb_goes_back_whole(boot, huge_pages):
    """Whatever order and buffer the pieces come in; the stock device never frees these."""
    b = boot(*memory_backend("memory-backend-memfd,hugetlb=on,hugetlbsize=2M", "64M"),
             memory="64M")
    play = 32 * MIB
    b.m.fill(balloon.BUFFERS, 2 * MIB)  # the driver's own page must not change the count
    b.m.fill(play, 8 * MIB)
    held, file_held = huge_held(b.m), huge_in_file(b.m)
    assert held >= 4 and file_held >= 4
    first = play // PAGE
    pfns = [first + i for i in range(3 * 512)]
    random.Random(2).shuffle(pfns)
    for at in range(0, len(pfns) - 1, 256):
        b.send(INFLATE, pfns[at:min(at + 256, len(pfns) - 1)])
    assert huge_held(b.m) == held - 2  # one piece of one block is missing
    assert (b.shown("withheld-pages"), b.shown("whole-block-pages")) == (511, 1024)
    b.send(INFLATE, pfns[-1:])
    assert huge_held(b.m) == held - 3
    assert (b.shown("withheld-pages"), b.shown("whole-block-pages")) == (0, 3 * 512)
    assert huge_in_file(b.m) == file_held - 3
    assert b.m.read(play + 6 * MIB, PAGE) == b"\x5a" * PAGE

    b.deflate(play + 5 * PAGE, 1)
    b.m.fill(play + 5 * PAGE, PAGE)
    assert huge_held(b.m) == held - 2
    assert b.shown("withheld-pages") == 511
    b.inflate(play + 5 * PAGE, 1)
    assert huge_held(b.m) == held - 3
    assert b.shown("balloon-pages") == 3 * 512


def test_high_memory_above_4_gib(boot):
    b = boot(memory="5G")
    gpa = 4 << 30
    b.m.fill(gpa, MIB)
    b.inflate(gpa, 256)
    assert b.m.backed(gpa, 256) == 0
    assert b.shown("balloon-pages") == 256


def test_memory_of_virtio_mem(boot_both):
    """The guest's allocator hands it out like any other: it comes back like any other."""
    b = boot_both("-object", "memory-backend-ram,id=more,size=64M",
                  "-device", "virtio-mem-pci,id=vm0,memdev=more,addr=0x9",
                  memory="512M,slots=1,maxmem=2G", options="")
    gpa = b.m.qmp("qom-get", path="/machine/peripheral/vm0", property="memaddr")
    b.m.fill(gpa, 2 * MIB)
    b.inflate(gpa + MIB, 256)
    assert b.m.backed(gpa, 512) == 256
    b.deflate(gpa + MIB, 256)
    b.m.fill(gpa + MIB, MIB)
    assert b.m.backed(gpa, 512) == 512


def test_spec_numbers_are_read():
    assert balloon.F_REPORTING == 5 and balloon.SPEC["VIRTIO_BALLOON_S_NR"] == 16
