# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the emulators are, and a factory of machines with a balloon in them.

A test that asks for `boot` runs on our device. One that asks for `boot_both`
runs on the stock device built from the same tree as well, to show that what it
expects is right where the stock device is right.
"""

import contextlib
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.append(str(ROOT / "scripts"))  # vmlab

import pci  # noqa: E402
from balloon import SLOT, Balloon  # noqa: E402
from hints import Run  # noqa: E402
from machine import Machine, QemuGone  # noqa: E402


def _paths():
    out = subprocess.run(["bash", str(ROOT / "scripts/paths.sh"), "--all"], capture_output=True,
                         text=True, timeout=60, check=False)
    return dict(line.split("=", 1) for line in out.stdout.splitlines() if "=" in line), out.stderr


def _binary(key):
    paths, why = _paths()
    binary = os.environ.get(key) or paths.get(key)
    if not binary or not os.access(binary, os.X_OK):
        pytest.exit(f"{key} is not built: {why.strip() or 'run make build-device'}", 1)
    return binary


@pytest.fixture(scope="session")
def ours():
    return _binary("QEMU")


@pytest.fixture(scope="session")
def stock():
    return _binary("STOCK_BUILT_QEMU")


class Factory:
    """Starts machines and ends them with the test."""

    def __init__(self, binary, kind):
        self.binary = binary
        self.kind = kind  # "ours" or "stock"
        self.machines = []

    def machine(self, *args, binary=None, **kw):
        try:
            m = Machine(binary or self.binary, args, **kw)
        except QemuGone as gone:
            # Of the oldest machine types each later QEMU drops some.
            if "unsupported machine type" in str(gone):
                pytest.skip(f"this QEMU has no machine type {kw['machine']} any more")
            raise
        self.machines.append(m)
        return m

    def __call__(self, *args, interface=pci.Modern, options="", features=None, queues=3,
                 device="virtio-balloon-pci", binary=None, driver=Balloon, **kw):
        m = self.machine("-device", f"{device},id=balloon,addr={SLOT:#x}"
                         + ("," + options if options else ""), *args, binary=binary, **kw)
        return driver(m, interface, features, queues)

    def plain(self, options=""):
        """Options for a device that has nothing the stock one has not."""
        return ",".join(filter(None, [options, self.kind == "ours" and "page-ops=off"]))

    def close(self):
        with contextlib.ExitStack() as all_of_them:
            for m in self.machines:
                all_of_them.callback(m.close)


@pytest.fixture
def boot(ours):
    factory = Factory(ours, "ours")
    yield factory
    factory.close()


@pytest.fixture(params=["ours", "stock"])
def boot_both(request):
    factory = Factory(request.getfixturevalue(request.param), request.param)
    yield factory
    factory.close()


@pytest.fixture(params=[pci.Modern, pci.Legacy], ids=["modern", "legacy"])
def interface(request):
    return request.param


@pytest.fixture(params=[("ours", "ours"), ("ours", "stock"), ("stock", "ours")], ids="->".join)
def run(request, boot, ours, stock):
    """run(capabilities) gives a migration with hints, see hints.py."""
    binaries = {"ours": ours, "stock": stock}

    def make(capabilities=()):
        r = Run(boot, *(binaries[k] for k in request.param), capabilities)
        r.source_kind = request.param[0]
        return r
    return make
