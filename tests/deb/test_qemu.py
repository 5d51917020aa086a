# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-system-ballonet in a bare Debian: what it needs comes with it, it runs a guest, it goes
without a trace."""

from dataclasses import replace

import pytest

import guest

EMULATOR = "/usr/bin/qemu-system-x86_64-ballonet"


@pytest.fixture(scope="module")
def before(debian):
    return debian.files()


@pytest.fixture(scope="module")
def installed(debian, before, qemu_deb):
    debian.install(qemu_deb)
    return debian


def test_has_our_device(installed):
    """The emulator runs with the libraries that its dependencies name, and has our device."""
    said = installed.run(EMULATOR, "-device", "virtio-balloon-pci,help")
    assert "page-ops=" in said and "discard-granularity=" in said


def test_resizes_a_guest(installed, paths, tmp_path):
    """It boots a guest with firmware and option ROMs of Debian's packages, and resizes it."""
    installed.show(paths.cache)
    installed.show_temporary()
    emulator = tmp_path / "emulator"
    emulator.write_text(f'#!/bin/sh\nexec chroot {installed.root} {EMULATOR} "$@"\n')
    emulator.chmod(0o755)
    with_roms = ["-device", "VGA", "-device", "virtio-net-pci", "-device", "e1000e"]
    guest.resizes(replace(paths, qemu=emulator), qemu_args=with_roms)


def test_stands_beside_debians(installed, qemu_deb):
    """Debian's emulator can be installed beside it and shares no file with it."""
    plan = installed.apt("--simulate", "install", "--no-install-recommends", "qemu-system-x86")
    assert "Remv" not in plan
    files = installed.run("dpkg", "-L", "qemu-system-ballonet").split()
    assert EMULATOR in files
    programs = [f for f in files if f.startswith(("/usr/bin/", "/usr/lib", "/etc"))]
    assert programs == [EMULATOR]


def test_goes_without_a_trace(installed, before):
    """After the removal every file that came with it is gone."""
    installed.purge("qemu-system-ballonet")
    assert installed.changes(before) == []
