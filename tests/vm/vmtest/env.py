# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the tests run: which guest kernel, how patient to be.

GUEST names the guest kernel as for `make`. A kernel that checks itself is several
times slower, so every time limit goes through scaled().
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

GUEST = os.environ.get("GUEST") or "6.1"
ARCH = next((name for name in ("arm64", "s390x") if f"-{name}" in GUEST), "amd64")
DEBUG = GUEST.endswith(("-debug", "-kcsan"))
SLOW = (6 if DEBUG else 1) * float(os.environ.get("PATIENCE") or 1)
MIB = 1 << 20
# Of the guest; the host's is hostmem's.
PAGE = {"16k": 16384, "64k": 65536}.get(GUEST.rpartition("-")[2], 4096)


def scaled(seconds):
    """A time limit for this guest kernel."""
    return seconds * SLOW
