# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that is to outlive the machine (NVDIMM, virtio-pmem) is no RAM to the balloon:
discarding it would delete what it holds for good. (Finding C9.)
"""

import pytest

from balloon import F_REPORTING, F_STATS_VQ, INFLATE, MIB, PAGE, Balloon, moved
from ops import OpsBalloon
from ring import WRITE
from test_migration import migrate

REPORTING = 3
SIZE = 128 * MIB
PAGES = 16
DATA = bytes(range(256)) * (PAGES * PAGE // 256)
DEVICES = {"nvdimm": "nvdimm,id=pm,memdev=pmem", "virtio-pmem": "virtio-pmem-pci,id=pm,memdev=pmem"}


@pytest.fixture(params=DEVICES)
def pmem(request, boot, tmp_path):
    """pmem(kind of driver) gives (driver, the address of such memory); it keeps its file."""
    def start(*args):
        return boot.machine("-object", f"memory-backend-file,id=pmem,share=on,size={SIZE},"
                            f"mem-path={tmp_path}/pmem", "-device", DEVICES[request.param],
                            "-device",
                            "virtio-balloon-pci,id=balloon,addr=0x4,free-page-reporting=on", *args,
                            machine="q35,nvdimm=on", memory="512M,slots=2,maxmem=2G")

    def make(kind=Balloon, features=1 << F_STATS_VQ | 1 << F_REPORTING):
        m = start()
        gpa = m.qmp("query-memory-devices")[0]["data"]
        gpa = gpa.get("addr", gpa.get("memaddr"))
        m.write(gpa, DATA)
        return kind(m, features=features, queues=4), gpa

    make.start = start
    return make


def kept(b, gpa):
    assert b.m.read(gpa, len(DATA)) == DATA, "persistent memory lost what it held"


def test_inflate(pmem):
    b, gpa = pmem()
    b.send(INFLATE, [gpa // PAGE + i for i in range(PAGES)])
    kept(b, gpa)
    assert (b.shown("balloon-pages"), b.shown("rejected-pfns")) == (0, PAGES)


def test_operations(pmem):
    b, gpa = pmem(OpsBalloon, 1 << F_STATS_VQ)
    assert b.do(("I", gpa // PAGE, PAGES)) == ("NOT_RAM", 0)
    kept(b, gpa)
    b.ok(("I", 64 * MIB // PAGE, PAGES))
    assert b.do(("S", 64 * MIB // PAGE, gpa // PAGE, PAGES)) == ("NOT_RAM", 0)
    kept(b, gpa)


def test_ledger_goes_along(pmem):
    """Some of that memory has no name in a migration stream, and must not end the ledger in it.
    (Finding C10.)"""
    b, gpa = pmem(OpsBalloon, 1 << F_STATS_VQ)
    b.do(("I", gpa // PAGE, PAGES))
    b.ok(("I", 64 * MIB // PAGE, PAGES))
    pages = b.shown("balloon-pages")
    target = pmem.start("-incoming", "defer")
    migrate(b.m, target)
    assert moved(b, target).shown("balloon-pages") == pages


def test_reporting(pmem):
    b, gpa = pmem()
    b.ring[REPORTING].add([(gpa, PAGES * PAGE, WRITE)])
    b.kick(REPORTING)
    b.wait_used(REPORTING)
    kept(b, gpa)
    assert b.shown("reported-bytes") == 0
