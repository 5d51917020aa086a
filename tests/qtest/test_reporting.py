# SPDX-License-Identifier: GPL-2.0-or-later
"""Free page reporting: pages that the guest lends go back to the host at once."""

import pytest

import pci
from balloon import (F_FREE_PAGE_HINT, F_PAGE_POISON, F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE,
                     PLAY)
from ring import WRITE

REPORTING = 3  # where hinting is not offered
ON = "free-page-reporting=on"
ALL = 1 << F_STATS_VQ | 1 << F_REPORTING


def report(b, parts, queue=REPORTING):
    head = b.ring[queue].add([(gpa, length, WRITE) for gpa, length in parts])
    b.kick(queue)
    assert b.wait_used(queue) == [(head, 0)]


def reporter(boot, *args, options=ON, features=ALL, **kw):
    return boot(*args, options=options, features=features, queues=4, **kw)


def test_offered_as_stock(boot_both):
    b = reporter(boot_both, options=boot_both.plain(ON))
    assert b.io.offered() & 1 << F_REPORTING
    assert b.queue_sizes(128, 128, 128, 32, 0, 0)


def test_pages_go_back(boot_both, interface):
    b = reporter(boot_both, interface=interface)
    b.m.fill(PLAY, 8 * MIB)
    report(b, [(PLAY + MIB, 2 * MIB), (PLAY + 4 * MIB, MIB)])
    assert b.m.backed(PLAY, 2048) == 2048 - 768
    assert b.m.backed(PLAY + MIB, 512) == 0
    if boot_both.kind == "ours":
        assert b.shown("reported-bytes") == b.shown("discarded-bytes") == 3 * MIB
        assert b.shown("balloon-pages") == 0
    # They are the guest's again, and zero.
    assert b.m.read(PLAY + MIB, PAGE) == bytes(PAGE)


def test_answered_for_is_the_guests_again(boot_both, interface):
    """Whatever is reported later, beside it or around it."""
    b = reporter(boot_both, interface=interface)
    b.m.fill(PLAY, 3 * MIB)
    report(b, [(PLAY + MIB, MIB)])
    b.m.fill(PLAY + MIB, MIB, 0x77)
    report(b, [(PLAY, MIB), (PLAY + 2 * MIB, MIB)])
    assert b.m.backed(PLAY, 768) == 256
    assert b.m.read(PLAY + MIB, PAGE) == b"\x77" * PAGE


def test_poison_value_forbids_it(boot_both):
    """A guest that expects its pattern in free pages must find it (5.5.6.7.2)."""
    b = reporter(boot_both, features=ALL | 1 << F_PAGE_POISON)
    b.io.config_write(12, 0xAAAAAAAA)
    b.m.fill(PLAY, MIB, 0xAA)
    report(b, [(PLAY, MIB)])
    assert b.m.backed(PLAY, 256) == 256
    b.io.config_write(12, 0)
    report(b, [(PLAY, MIB)])
    assert b.m.backed(PLAY, 256) == 0


def test_whole_pages_inside_a_ragged_range(boot):
    b = reporter(boot)
    b.m.fill(PLAY, 16 * PAGE)
    report(b, [(PLAY + 100, 4 * PAGE), (PLAY + 8 * PAGE, 100)])
    assert b.m.present(PLAY, 16) == [True] + [False] * 3 + [True] * 12


@pytest.mark.parametrize("parts", [
    pytest.param([(0xFFFF0000, PAGE)], id="ROM"),
    pytest.param([(0xFEE00000, PAGE)], id="device"),
    pytest.param([(0x7FFF00000000, PAGE)], id="nothing-there"),
])
def test_not_memory(boot_both, interface, parts):
    b = reporter(boot_both, interface=interface)
    bios = b.m.read(0xFFFFF000, PAGE)
    b.ring[REPORTING].add([(gpa, length, WRITE) for gpa, length in parts])
    b.kick(REPORTING)
    assert b.m.qmp("query-balloon")["actual"] == 512 * MIB
    assert b.m.read(0xFFFFF000, PAGE) == bios
    b.bring_up()
    b.m.fill(PLAY, PAGE)
    report(b, [(PLAY, PAGE)])
    assert b.m.backed(PLAY, 1) == 0


def test_only_readable(boot_both):
    b = reporter(boot_both)
    b.m.fill(PLAY, MIB)
    head = b.ring[REPORTING].add([(PLAY, MIB, 0)])
    b.kick(REPORTING)
    assert b.wait_used(REPORTING) == [(head, 0)]
    assert b.m.backed(PLAY, 256) == 256
    if boot_both.kind == "ours":
        assert b.shown("rejected-buffers") == 1


def test_beside_an_inflate(boot):
    b = reporter(boot)
    b.m.fill(PLAY, 2 * MIB)
    b.inflate(PLAY, 256)
    report(b, [(PLAY + MIB, MIB)])
    assert b.m.backed(PLAY, 512) == 0
    assert b.shown("balloon-pages") == 256


def test_large_reports_in_slices(boot):
    """32 parts of 16 MiB, eight buffers of them, with a stop in between."""
    b = reporter(boot, memory="1G")
    b.m.fill(PLAY, 512 * MIB)
    heads = [b.ring[REPORTING].add([(PLAY + (i * 16 + k) * 8 * MIB, 8 * MIB, WRITE)
                                    for k in range(16)]) for i in range(2)]
    b.kick(REPORTING)
    b.m.qmp("stop")
    queue = b.m.qmp("x-query-virtio-queue-status", queue=REPORTING,
                    path="/machine/peripheral/balloon/virtio-backend")
    assert queue["inuse"] == 0
    b.m.qmp("cont")
    assert b.wait_used(REPORTING, 2) == [(h, 0) for h in heads]
    assert b.m.backed(PLAY, 256 * MIB // PAGE) == 0
    assert b.m.backed(PLAY + 256 * MIB, 256 * MIB // PAGE) == 256 * MIB // PAGE
    assert not b.ring[REPORTING].no_notify()


def test_reset_in_the_middle(boot):
    b = reporter(boot, memory="1G")
    for _ in range(5):
        b.m.fill(PLAY, 512 * MIB)
        b.ring[REPORTING].add([(PLAY + k * 16 * MIB, 16 * MIB, WRITE) for k in range(32)])
        b.kick(REPORTING)
        b.bring_up()
    b.m.fill(PLAY, MIB)
    report(b, [(PLAY, MIB)])
    assert b.m.backed(PLAY, 256) == 0


def test_not_negotiated_is_not_used(boot):
    b = reporter(boot, features=1 << F_STATS_VQ)
    b.m.fill(PLAY, MIB)
    b.ring[REPORTING].add([(PLAY, MIB, WRITE)])
    b.kick(REPORTING)
    assert b.m.backed(PLAY, 256) == 256


# Queue numbers: hinting and reporting offered, hinting declined.

BOTH = "free-page-hint=on,iothread=io,free-page-reporting=on"
IOTHREAD = ("-object", "iothread,id=io")


@pytest.mark.parametrize("queues, queue", [
    pytest.param([0, 1, 2, 3], 3, id="numbered-as-negotiated"),
    pytest.param([0, 1, 2, 4], 4, id="numbered-as-offered"),
])
def test_hinting_declined(boot, interface, queues, queue):
    """Linux numbers by what was negotiated: the stock device takes its reports for hints,
    silently, and no memory goes back."""
    b = boot(*IOTHREAD, interface=interface, options=BOTH, features=ALL, queues=queues)
    assert b.io.offered() & 1 << F_FREE_PAGE_HINT
    b.m.fill(PLAY, MIB)
    report(b, [(PLAY, MIB)], queue)
    assert b.m.backed(PLAY, 256) == 0


def test_hinting_declined_on_stock(boot, stock):
    b = boot(*IOTHREAD, options=BOTH, features=ALL, queues=[0, 1, 2, 3], binary=stock)
    b.m.fill(PLAY, MIB)
    report(b, [(PLAY, MIB)], 3)
    assert b.m.backed(PLAY, 256) == 256


@pytest.mark.parametrize("queues, queue", [([0, 1, 2], 2), ([0, 1, 3], 3)],
                         ids=["numbered-as-negotiated", "numbered-as-offered"])
def test_statistics_declined(boot, queues, queue):
    b = boot(options=ON, features=1 << F_REPORTING, queues=queues)
    b.m.fill(PLAY, MIB)
    report(b, [(PLAY, MIB)], queue)
    assert b.m.backed(PLAY, 256) == 0
    b.send(INFLATE, [PLAY // PAGE + 300])


@pytest.mark.parametrize("options", ["disable-legacy=on", "disable-modern=on"])
def test_either_interface_alone(boot_both, options):
    interface = pci.Modern if "legacy=on" in options else pci.Legacy
    b = reporter(boot_both, interface=interface, options=f"{ON},{options}")
    b.m.fill(PLAY, PAGE)
    report(b, [(PLAY, PAGE)])
    assert b.m.backed(PLAY, 1) == 0


def test_driver_that_changes_its_mind(boot):
    """Features and queues renegotiated without a reset, with work in flight."""
    b = boot(*IOTHREAD, interface=pci.Legacy, options=BOTH, features=ALL, queues=[0, 1, 2, 3],
             memory="1G")
    b.m.fill(PLAY, 512 * MIB)
    for i in range(40):
        b.ring[REPORTING].add([(PLAY + k * 16 * MIB, 16 * MIB, WRITE) for k in range(32)])
        b.kick(REPORTING)
        b.io.accept(1 << F_STATS_VQ | (i % 2) << F_REPORTING | (i // 2 % 2) << F_FREE_PAGE_HINT)
        b.io.set_status(b.io.status())
        for queue in (0, 1, 2, 3):
            b.kick(queue)
    assert b.m.qmp("query-balloon")["actual"] == 1024 * MIB
    b.features = ALL
    b.bring_up()
    b.m.fill(PLAY, MIB)
    report(b, [(PLAY, MIB)])
    assert b.m.backed(PLAY, 256) == 0
