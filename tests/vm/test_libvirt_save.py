# SPDX-License-Identifier: GPL-2.0-or-later
"""`virsh save`, `restore` and `managedsave` with an inflated balloon. libvirt stops the guest
before it writes the guest's memory, so what QEMU 7.2 does to running guests under TCG while
they move (test_migration.py) is no matter here."""

from pathlib import Path

import pytest

from vmlab import dmesg
from vmlab.virsh import virsh
from vmlab.waits import wait_for

from vmtest import kept
from vmtest.domains import GIVEN_MIB, MEMORY_MIB, total_kib
from vmtest.env import MIB, scaled
from vmtest.pairs import EVERY, first_often

MANAGED = Path("/var/lib/libvirt/qemu/save")


def save(dom, tmp_path):
    file = tmp_path / "saved"
    virsh("save", dom.name, str(file), timeout=scaled(120))
    wait_for(lambda: not dom.alive(), scaled(20), "QEMU to end")
    size = file.stat().st_size
    virsh("restore", str(file), timeout=scaled(120))
    return size


def managedsave(dom, tmp_path):
    xml = tmp_path / "domain.xml"
    xml.write_text(virsh("dumpxml", dom.name))
    virsh("define", str(xml))  # only such a domain has a place for it
    try:
        virsh("managedsave", dom.name, timeout=scaled(120))
        wait_for(lambda: not dom.alive(), scaled(20), "QEMU to end")
        size = (MANAGED / f"{dom.name}.save").stat().st_size
        virsh("start", dom.name, timeout=scaled(120))
    finally:
        virsh("undefine", dom.name, "--managed-save")
    return size


def reconnect(dom):
    """The same guest in a new QEMU."""
    dom.guest.close()
    dom.find_qemu()
    dom.connect()


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(save, id="save"),
        pytest.param(managedsave, id="managedsave", marks=pytest.mark.slow),
    ],
)
@first_often(EVERY)
def test_saved_with_its_balloon(domain, tmp_path, pair, way):
    """The guest that comes back has its balloon and its data, and is made smaller and larger
    exactly as before; what it gave is not in the file."""
    dom = domain(**pair.options)
    before, small = total_kib(dom), MEMORY_MIB - GIVEN_MIB
    kept.keep(dom, 100, 5)
    dom.guest.run("memtool touch free-60", scaled(60))
    dom.resize(small, scaled(60))

    written = way(dom, tmp_path)
    reconnect(dom)
    assert written < (small + 16) * MIB, f"{written // MIB} MiB were written"
    assert dom.actual_mib() == small
    assert before - total_kib(dom) == GIVEN_MIB * 1024
    kept.verify(dom)

    dom.resize(small - 64, scaled(60))
    assert before - total_kib(dom) == (GIVEN_MIB + 64) * 1024
    dom.resize(MEMORY_MIB, scaled(60))
    assert total_kib(dom) == before
    dom.guest.run("memtool touch free-60", scaled(60))
    kept.verify(dom)
    complaints = dmesg.find(dom.console_text() + dom.guest.dmesg())
    assert not complaints, complaints
