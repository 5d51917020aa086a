# SPDX-License-Identifier: GPL-2.0-or-later
"""Many pieces that cannot be joined go back in few calls, where the host has one
for that; where it has not, one by one, with the same outcome. Judged by the host's
page table, and by strace where the calls themselves matter."""

import contextlib
import re
import shutil
import signal
import subprocess

import pytest

from balloon import INFLATE, PAGE, PLAY
from machine import LIMIT

PAGES = 2048
CALL = "process_madvise"
TRIES = 4  # discards that fail in one RAM block before it is left alone for a while


@contextlib.contextmanager
def watched(m, log, *inject, trace=f"madvise,{CALL}"):
    """Yields with these calls of the process written to @log."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    tracer = subprocess.Popen(
        ["strace", "-f", "-e", f"trace={trace}", *inject, "-o", str(log),
         "-p", str(m.process.pid)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        first = tracer.stderr.readline()
        if "attached" not in first:
            pytest.skip(f"strace cannot attach here: {first.strip()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.stderr.read()
        tracer.wait(LIMIT)
        tracer.stderr.close()


def calls(m, log):
    """Names of the calls that were to give guest memory back; the C library gives its own back
    too. (What they returned may be on another line, with another thread's between.)"""
    start = m.hva(PLAY)
    found = re.findall(rf"(madvise|{CALL})\(.*?(0x\w+).*MADV_DONTNEED", log.read_text())
    return [name for name, address in found if start <= int(address, 0) < start + PAGES * PAGE]


def odd_pages(b):
    """Every other page leaves: no two of them can be joined."""
    b.m.fill(PLAY, PAGES * PAGE)
    b.send(INFLATE, [PLAY // PAGE + i for i in range(1, PAGES, 2)])
    assert b.m.present(PLAY, PAGES) == [not i % 2 for i in range(PAGES)]
    assert b.shown("discards") == PAGES // 2
    assert b.shown("discarded-bytes") == PAGES // 2 * PAGE
    assert b.shown("withheld-pages") == b.shown("failed-discards") == 0
    assert b.m.read(PLAY, PAGE) == b"\x5a" * PAGE


def test_pieces_go_together(boot, tmp_path):
    b = boot()
    log = tmp_path / "calls"
    with watched(b.m, log):
        odd_pages(b)
    if re.search(rf"{CALL}.* = -1 E", log.read_text()):
        pytest.skip(f"this host's {CALL} does not discard (Linux 6.13 does)")
    assert CALL in calls(b.m, log)
    assert len(calls(b.m, log)) <= PAGES // 2 // 128 + 2


def test_a_host_without_such_a_call(boot, tmp_path):
    """Asked once, and never again."""
    b = boot()
    log = tmp_path / "calls"
    with watched(b.m, log, "-e", f"inject={CALL}:error=EINVAL"):
        odd_pages(b)
    made = calls(b.m, log)
    assert made.count(CALL) == 1
    assert made.count("madvise") == PAGES // 2


def test_a_call_that_is_interrupted(boot, tmp_path):
    """What it left goes back all the same, and the next pieces together again."""
    b = boot()
    log = tmp_path / "calls"
    with watched(b.m, log, "-e", f"inject={CALL}:error=EINTR:when=1"):
        odd_pages(b)
    if re.search(rf"{CALL}.* = -1 EINVAL", log.read_text()):
        pytest.skip(f"this host's {CALL} does not discard (Linux 6.13 does)")
    made = calls(b.m, log)
    assert made.count(CALL) > 2
    assert 0 < made.count("madvise") <= 128


def test_locked_memory(boot):
    """What the host does not let go stays, is shown as withheld, and is tried again later."""
    b = boot("-overcommit", "mem-lock=on", options="must-tell-host=on")
    b.m.fill(PLAY, PAGES * PAGE)
    b.send(INFLATE, [PLAY // PAGE + i for i in range(1, PAGES, 2)])
    assert b.m.present(PLAY, PAGES) == [True] * PAGES
    assert b.shown("withheld-pages") == PAGES // 2
    failed = b.shown("failed-discards")
    assert b.m.log().count("Failed to discard range") == failed <= TRIES
    b.m.until(lambda: b.shown("failed-discards") > failed, "the next try")
    assert b.shown("withheld-pages") == PAGES // 2


def test_locked_memory_of_a_driver_that_tells_later(boot):
    """What the host does not take at once may be in use later: it is never tried again."""
    b = boot("-overcommit", "mem-lock=on")
    b.m.fill(PLAY, PAGES * PAGE)
    b.send(INFLATE, [PLAY // PAGE + i for i in range(1, PAGES, 2)])
    assert b.shown("withheld-pages") == 0
    assert b.shown("dropped-pages") == PAGES // 2
    assert b.m.log().count("Failed to discard range") == b.shown("failed-discards") <= TRIES


@pytest.mark.parametrize("backend", ["memory-backend-ram,share=on", "memory-backend-memfd"])
def test_memory_for_which_it_would_not_do(boot, tmp_path, backend):
    """Shared memory stays with the host after MADV_DONTNEED: QEMU's own way is taken."""
    b = boot("-object", f"{backend},id=ram,size=256M", "-machine", "memory-backend=ram",
             memory="256M")
    log = tmp_path / "calls"
    b.m.fill(PLAY, PAGES * PAGE)
    with watched(b.m, log):
        b.send(INFLATE, [PLAY // PAGE + i for i in range(1, PAGES, 2)])
    assert CALL not in log.read_text()
    assert b.m.backed(PLAY, PAGES) == PAGES // 2
