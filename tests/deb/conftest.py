# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the package tests: the packages, and a throw-away Debian to put them in."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(Path(__file__).parent)]

from chroot import Chroot  # noqa: E402
from vmlab.mounts import own_namespace  # noqa: E402
from vmlab.paths import Paths  # noqa: E402


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the package tests need root, for chroot and mount", 2)
    own_namespace()


@pytest.fixture(scope="session")
def paths():
    return Paths.load()


def _package(name):
    found = sorted((ROOT / "build" / "deb").glob(f"{name}_*.deb"))
    assert len(found) == 1, f"not one {name} in build/deb: run make deb"
    return found[0]


@pytest.fixture(scope="session")
def dkms_deb():
    return _package("ballonet-dkms")


@pytest.fixture(scope="session")
def qemu_deb():
    return _package("qemu-system-ballonet")


@pytest.fixture(scope="session")
def ballonetd_deb():
    return _package("ballonetd")


@pytest.fixture(scope="module")
def debian(paths):
    """A bare Debian, one for each file of tests."""
    with Chroot(paths.cache) as chroot:
        yield chroot
