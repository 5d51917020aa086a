# SPDX-License-Identifier: GPL-2.0-or-later
"""A cell: one guest kernel on one QEMU, as GUEST and QEMU_VERSION name them.

Says which there are, where each keeps what came of its tests (build/results/CELL/*.xml;
scripts/test.sh writes there, too), and has make build what one needs. Runs no test.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "results"
# As the columns of a table call them.
GUESTS = {
    "5.10": "Linux 5.10",
    "6.1": "Linux 6.1",
    "6.12": "Linux 6.12",
    "7.2": "Linux 7.2",
    "6.1-arm64": "arm64, 4 KiB (6.1)",
    "6.12-arm64": "arm64, 4 KiB (6.12)",
    "6.12-arm64-16k": "arm64, 16 KiB (6.12)",
    "6.1-arm64-64k": "arm64, 64 KiB (6.1)",
    "6.1-s390x": "s390x (6.1)",
}
QEMUS = ("7.2", "10.0", "10.2")


@dataclass(frozen=True)
class Cell:
    """guest: which kernel of GUESTS; qemu: which version of QEMUS."""

    guest: str
    qemu: str

    def __str__(self):
        return f"{self.guest}@{self.qemu}"

    @property
    def foreign(self):
        """Whether the guest is another machine than this one."""
        return "-" in self.guest

    @property
    def folder(self):
        return RESULTS / str(self)

    @property
    def env(self):
        """With the installed libvirt: what another did is kept in a folder beside the cell's."""
        return {**os.environ, "GUEST": self.guest, "QEMU_VERSION": self.qemu, "LIBVIRT": "9"}

    def build(self):
        """Emulator and driver. Whether both are there; make says what is wrong."""
        # Words of its own: those of a make that called this would win over the environment.
        names = [f"GUEST={self.guest}", f"QEMU_VERSION={self.qemu}"]
        done = subprocess.run(["make", "--no-print-directory", "all", *names], cwd=ROOT,
                              env=self.env, check=False)
        return done.returncode == 0


ALL = [Cell(guest, qemu) for qemu in QEMUS for guest in GUESTS]
DEFAULT = Cell("6.1", "7.2")


def current():
    """The cell that the environment names."""
    return Cell(os.environ.get("GUEST") or DEFAULT.guest,
                os.environ.get("QEMU_VERSION") or DEFAULT.qemu)


def named(words):
    """The cells that these words name: all, GUEST@QEMU, or GUEST@ and @QEMU for a row or column."""
    found = []
    for word in words:
        guest, _, qemu = word.partition("@")
        hits = [cell for cell in ALL if word == "all" or
                ("@" in word and guest in ("", cell.guest) and qemu in ("", cell.qemu))]
        if not hits:
            raise SystemExit(f"matrix: no cell is called {word}; there are all, and: "
                             + " ".join(map(str, ALL)))
        found += hits
    return list(dict.fromkeys(found))
