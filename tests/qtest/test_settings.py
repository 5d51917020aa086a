# SPDX-License-Identifier: GPL-2.0-or-later
"""How often the host's own settings are read: not once for each reset of a guest. (Finding C13.)"""

import time

import pytest

from balloon import Balloon
from ops import OpsBalloon
from test_discard import memory_backend
from test_discard_many import watched

SETTINGS = ("/sys/kernel/mm/transparent_hugepage", "/proc/self/mountinfo")
RESETS = 60


@pytest.mark.parametrize("backend", ["memory-backend-ram", "memory-backend-memfd"])
@pytest.mark.parametrize("kind", [Balloon, OpsBalloon])
def test_not_read_at_each_reset(boot, backend, kind, tmp_path):
    b = boot(*memory_backend(backend, "256M"), memory="256M", driver=kind)
    log = tmp_path / "calls"
    start = time.monotonic()
    with watched(b.m, log, trace="open,openat"):
        for _ in range(RESETS):
            b.bring_up()
            b.inflate(64 << 20, 1) if kind is Balloon else b.ok(("I", 1 << 14, 1))
        seconds = time.monotonic() - start
    reads = {name: log.read_text().count(name) for name in SETTINGS}
    # some files of one look, once a second at most
    assert sum(reads.values()) <= 6 * (1 + seconds), f"{reads} in {seconds:.1f} s"
    assert sum(reads.values()) < RESETS
