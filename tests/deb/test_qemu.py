# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-system-ballonet in a bare Debian: what it needs comes with it, it runs a guest, it goes
without a trace."""

import re
from dataclasses import replace

import pytest

from vmlab import procs

import guest

EMULATOR = "/usr/bin/qemu-system-x86_64-ballonet"
DEBIANS = "/usr/bin/qemu-system-x86_64"
# As its README.Debian has it.
LACKING = {
    "device": {"pvrdma", "virtio-gpu-gl-pci", "virtio-vga-gl", "x-pci-proxy-dev"},
    "machine": {"x-remote"},
    "netdev": {"vde"},
    "object": {"dbus-vmstate", "x-remote-object"},
}
NAMES = {"device": r'name "([^"]+)"', "machine": r"^(\S+)  ", "object": r"^  (\S+)$"}


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


def test_takes_plugins(installed):
    """As Debian's does: it looks for the one that is named."""
    said = installed.run(EMULATOR, "-machine", "none", "-plugin", "/none.so", status=1)
    assert "Could not load plugin /none.so" in said


def release(said):
    return re.search(r"version (\d+\.\d+)", said).group(1)


@pytest.mark.parametrize("kind", LACKING)
def test_has_what_debians_has(installed, kind):
    """A domain that runs on Debian's emulator finds its devices, machine type and backends here."""
    if release(procs.call(DEBIANS, "--version")) != release(installed.run(EMULATOR, "--version")):
        pytest.skip("Debian's emulator on this machine is of another release")
    names = re.compile(NAMES.get(kind, r"^(\S+)$"), re.MULTILINE)
    theirs = set(names.findall(procs.call(DEBIANS, f"-{kind}", "help")))
    assert len(theirs) > 8
    assert theirs - set(names.findall(installed.run(EMULATOR, f"-{kind}", "help"))) == LACKING[kind]


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
