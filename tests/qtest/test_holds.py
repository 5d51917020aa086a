# SPDX-License-Identifier: GPL-2.0-or-later
"""How long the device keeps the main lock: a processor that writes a register, and QMP, wait
for that. Each figure is the best of several attempts, as this host does other things too.
(Findings C3 and C6.)
"""

import re
import time

import pytest

import pci
from balloon import DEFLATE, F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE, PLAY, Balloon, moved
from ops import OpsBalloon, op
from ring import WRITE
from test_discard import memory_backend
from test_migration import migrate

FIRST = PLAY // PAGE
REPORTING, OPS = 3, 4
LOT = 256 * MIB // PAGE
TIMES = 16
ATTEMPTS = 3
SLICE = 0.002  # what the device may take at a time
LIMIT = 0.010  # a slice that has begun, the step itself, and the answer
FEATURES = 1 << F_STATS_VQ | 1 << F_REPORTING | 1 << pci.F_RING_RESET


@pytest.fixture(autouse=True)
def full_speed(boot):
    if boot.machine().sanitized():
        pytest.skip("an emulator with sanitizers is slower than what is asked for here")


def start(boot, kind):
    return boot(*memory_backend("memory-backend-memfd", "512M"), memory="512M", driver=kind,
                options="free-page-reporting=on", features=FEATURES, queues=OPS + 1)


def timed(step):
    before = time.monotonic()
    step()
    return time.monotonic() - before


def pfns(b, times=1):
    at = b.pfns([FIRST + i for i in range(LOT)])
    return [(at, 4 * LOT, 0)] * times


def reports(_):
    return [(PLAY + k * 16 * MIB, 16 * MIB, WRITE) for k in range(15)]


def operations(b):
    data = op("I", FIRST, LOT)
    return [(b.place(data), len(data), 0), (b.place(bytes(8)), 8, WRITE)]


# (driver, busy queue, what a buffer there is, one that is reset)
BUSY = [
    pytest.param(Balloon, INFLATE, pfns, DEFLATE, id="inflate"),
    pytest.param(Balloon, INFLATE, lambda b: pfns(b, TIMES), DEFLATE, id="inflate-again-and-again"),
    pytest.param(Balloon, DEFLATE, lambda b: pfns(b, TIMES), INFLATE, id="deflate"),
    pytest.param(Balloon, REPORTING, reports, INFLATE, id="reporting"),
    pytest.param(OpsBalloon, OPS, operations, INFLATE, id="ops"),
]
EACH = pytest.mark.parametrize("kind, busy, parts, other", BUSY)


def make_busy(b, busy, parts, *then):
    """A long buffer and, before anything of it is done but what the kick does by itself, these
    steps: (size, address, value) of register writes. Return: (the buffer, seconds)."""
    b.bring_up()
    b.buffer = 2 * MIB
    buffer = b.ring[busy].add(parts(b))
    b.m.fill(PLAY, LOT * PAGE)
    lines = [f"write{'bw'[size - 1]} {address:#x} {value:#x}"
             for size, address, value in ((2, b.io.doorbell(busy), busy), *then)]
    return buffer, timed(lambda: b.m.commands(lines))


def queue_reset(b, queue):
    return (2, b.io.common + pci.COMMON_QUEUE, queue), (2, b.io.common + pci.COMMON_QUEUE_RESET, 1)


def is_finished(b, busy, buffer):
    """It is done in the end, as if nothing had been."""
    assert [at for at, _ in b.wait_used(busy)] == [buffer]
    if busy != DEFLATE:
        b.m.until(lambda: not b.m.backed(PLAY, 15 * 16 * MIB // PAGE), "the memory to go")
    assert b.shown("balloon-pages") == (0 if busy in (DEFLATE, REPORTING) else LOT)


@EACH
def test_reset_of_another_queue(boot, kind, busy, parts, other):
    b = start(boot, kind)
    best = float("inf")
    for _ in range(ATTEMPTS):
        buffer, took = make_busy(b, busy, parts, *queue_reset(b, other))
        best = min(best, took)
        is_finished(b, busy, buffer)
    assert best < LIMIT, f"the reset of a queue took {best * 1000:.1f} ms"


@EACH
def test_reset_of_the_busy_queue(boot, kind, busy, parts, other):
    """It is forgotten, at once; the next buffer on it is the first."""
    b = start(boot, kind)
    best = float("inf")
    for _ in range(ATTEMPTS):
        _, took = make_busy(b, busy, parts, *queue_reset(b, busy))
        best = min(best, took)
        b.ring[busy].clear()
        b.io.enable_queue(busy, b.ring[busy])
        if busy == OPS:
            assert b.do(("I", FIRST + LOT, 1)) == ("OK", 1)
        elif busy != REPORTING:
            b.send(busy, [FIRST + LOT])
    assert best < LIMIT, f"the reset of a busy queue took {best * 1000:.1f} ms"


@EACH
def test_stop(boot, kind, busy, parts, other):
    b = start(boot, kind)
    best = float("inf")
    for _ in range(ATTEMPTS):
        buffer, _ = make_busy(b, busy, parts)
        best = min(best, timed(lambda: b.m.qmp("stop")))
        b.m.qmp("cont")
        is_finished(b, busy, buffer)
    b.m.qmp("stop")
    b.m.qmp("cont")
    idle = min(timed(lambda: b.m.qmp("stop")) for _ in range(ATTEMPTS))
    b.m.qmp("cont")
    assert best < LIMIT + idle, f"a stop took {best * 1000:.1f} ms, idle {idle * 1000:.1f} ms"


@EACH
def test_reset_of_the_device(boot, kind, busy, parts, other):
    b = start(boot, kind)
    best = float("inf")
    for _ in range(ATTEMPTS):
        _, took = make_busy(b, busy, parts, (1, b.io.common + pci.COMMON_STATUS, 0))
        best = min(best, took)
    assert best < LIMIT, f"a reset took {best * 1000:.1f} ms"


# Large guests with blocks that are ballooned in part.

TIB = 1 << 40
BLOCK = 2 * MIB // PAGE
BLOCKS = TIB // PAGE // BLOCK
DEVICE = ("-device", "virtio-balloon-pci,id=balloon,addr=0x4,discard-granularity=2M",
          "-cpu", "max,phys-bits=46,vendor=GenuineIntel")  # AMD's have another hole


def ignore_shared(m):
    m.qmp("migrate-set-capabilities",
          capabilities=[{"capability": "x-ignore-shared", "state": True}])


def slices(m):
    """Seconds of each slice that the trace tells of."""
    return [int(ns) / 1e9 for ns in re.findall(r"ballonet_slice .*ns: (\d+)", m.log())]


def one_page_of_each_block(b):
    """A page of all blocks but those at the edges of the holes."""
    most = b.io.config_read(28)
    low = (2 << 30) // PAGE // BLOCK  # q35 puts 2 GiB below the hole
    blocks = [*range(64, low)] + [*range(4096 // 2, BLOCKS)]
    for at in range(0, len(blocks), most):
        b.buffer = 2 * MIB
        b.ok(*(("I", block * BLOCK + 7, 1) for block in blocks[at:at + most]))
    return len(blocks)


def test_slice_after_a_load(boot, tmp_path):
    """The ledger arrives by migration: half a million blocks, none of them whole. Memory is a
    file of both sides, or it would all be sent."""
    large = memory_backend(f"memory-backend-file,mem-path={tmp_path}/ram,share=on,reserve=off",
                           "1T")
    source = boot.machine(*DEVICE, *large, memory="1T")
    b = OpsBalloon(source)
    pages = one_page_of_each_block(b)
    worst = []
    for _ in range(ATTEMPTS):
        target = boot.machine(*DEVICE, *large, "-trace", "ballonet_slice", "-incoming", "defer",
                              memory="1T")
        for m in (source, target):
            ignore_shared(m)
        migrate(source, target)
        b = moved(b, target)
        target.until(lambda: target.qmp("qom-get", path="/machine/peripheral/balloon",
                                        property="balloon-pages") == pages, "the ledger")
        b.ok(("I", 300, 1), ("D", 300, 1))
        assert slices(target), "no slices in the trace"
        worst.append(max(slices(target)))
        source.close()
        source = target
    assert min(worst) < SLICE * 1.5, f"slices of {[f'{w * 1000:.1f}' for w in worst]} ms"
