# SPDX-License-Identifier: GPL-2.0-or-later
"""What to boot: the emulator, the kernel, its modules and the two drivers.

The answer comes from scripts/paths.sh. VMLAB_PATHS may name a file with lines
of the same shape instead, to put parts together by hand.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

ROOT = Path(__file__).resolve().parents[2]


def cache_dir():
    """The cache that every checkout of this user shares."""
    named = os.environ.get("BALLONET_CACHE")
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/cache/ballonet")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ballonet"


@dataclass(frozen=True)
class Paths:
    """Absolute paths; driver and qemu are ours, the stock ones stand beside. arch: Debian's word;
    cross: what its compiler's name begins with, "" for this machine's; page_size: bytes."""

    guest: str
    kernel: Path
    modules: Path
    release: str
    cache: Path
    arch: str = "amd64"
    page_size: int = 4096
    cross: str = ""
    busybox: Path = None
    headers: Path = None
    qemu: Path = None
    driver: Path = None
    stock_qemu: Path = None
    stock_driver: Path = None
    ballonetd: Path = None
    ballonetctl: Path = None

    @classmethod
    def load(cls, guest=None, qemu_version=None):
        """guest: a name as in `make paths GUEST=...`; default from $GUEST, else 6.1.
        qemu_version: likewise; default from $QEMU_VERSION, else 7.2."""
        guest = guest or os.environ.get("GUEST") or "6.1"
        qemu_version = qemu_version or os.environ.get("QEMU_VERSION") or "7.2"
        values = _parse(_text(guest, qemu_version))
        for key in ("KERNEL", "MODULES", "RELEASE"):
            if not values.get(key):
                raise LabError(f"make paths GUEST={guest} does not name {key}; run `make` first")

        def path(key):
            return Path(values[key]) if values.get(key) else None

        return cls(
            guest=guest,
            kernel=path("KERNEL"),
            modules=path("MODULES"),
            release=values["RELEASE"],
            cache=path("CACHE") or cache_dir(),
            arch=values.get("ARCH") or "amd64",
            page_size=int(values.get("PAGE_SIZE") or 4096),
            cross=values.get("CROSS_COMPILE") or "",
            busybox=path("BUSYBOX"),
            headers=path("HEADERS"),
            qemu=path("QEMU"),
            driver=path("DRIVER"),
            stock_qemu=path("STOCK_QEMU") or Path("/usr/bin/qemu-system-x86_64"),
            stock_driver=path("STOCK_DRIVER"),
            ballonetd=path("BALLONETD"),
            ballonetctl=path("BALLONETCTL"),
        )

    def emulator(self, which):
        """which: "ours", "stock" or a path of any other emulator."""
        path = {"ours": self.qemu, "stock": self.stock_qemu}.get(which, which)
        if path is None:
            raise LabError("our QEMU is not built: run `make`")
        if not os.access(path, os.X_OK):
            hint = "apt-get install qemu-system-x86" if which == "stock" else "run `make`"
            raise LabError(f"no emulator at {path}: {hint}")
        return Path(path)


def _text(guest, qemu_version):
    named = os.environ.get("VMLAB_PATHS")
    if named:
        return Path(named).read_text()
    script = ROOT / "scripts" / "paths.sh"
    done = subprocess.run(
        ["bash", script, "--all"],
        env=dict(os.environ, GUEST=guest, QEMU_VERSION=qemu_version),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["scripts/paths.sh failed"]
        raise LabError(words[-1])
    return done.stdout


def _parse(text):
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in pairs}
