# SPDX-License-Identifier: GPL-2.0-or-later
"""Migration with page ops negotiated: the ledger goes along, only a device that
knows page ops takes it, and no stream puts a page into it that a guest could not.
"""

import os
import struct

import pytest

from balloon import MIB, PAGE, PLAY, SLOT, moved
from ops import OpsBalloon, op
from test_discard import memory_backend
from test_migration import migrate, save

FIRST = PLAY // PAGE
ARGS = ("-device", f"virtio-balloon-pci,id=balloon,addr={SLOT:#x}")


def machines(boot, *args, options="", target=None, **kw):
    device = (ARGS[0], ARGS[1] + options)
    return (boot.machine(*device, *args, **kw),
            boot.machine(*(target or device), *args, "-incoming", "defer", **kw))


@pytest.mark.parametrize("machine", ["q35", "pc", "pc-q35-4.0"])
def test_ledger_goes_along(boot, machine):
    source, target = machines(boot, machine=machine)
    b = OpsBalloon(source)
    source.fill(PLAY, 64 * PAGE)
    b.ok(("I", FIRST + 2, 8), ("I", FIRST + 20, 1), ("I", 8, 4), ("S", FIRST + 3, FIRST + 40, 1))
    migrate(source, target)
    b = moved(b, target)
    assert b.shown("page-ops-negotiated") is True
    assert b.shown("balloon-pages") == 13
    assert b.do(("I", FIRST + 2, 1)) == ("WRONG_STATE", 0)
    assert b.do(("D", FIRST + 3, 1)) == ("WRONG_STATE", 0)
    target.fill(PLAY + 48 * PAGE, PAGE)
    b.ok(("S", FIRST + 2, FIRST + 48, 1))
    assert target.backed(PLAY + 48 * PAGE, 1) == 0
    assert target.backed(PLAY + 21 * PAGE, 16) == 16
    assert b.holds((8, 4), (FIRST + 4, 6), (FIRST + 20, 1), (FIRST + 40, 1), (FIRST + 48, 1))


def test_what_came_too_early_goes_back(boot):
    """Pages sent before they were ballooned are held by the target: until it runs."""
    source, target = machines(boot)
    b = OpsBalloon(source)
    source.fill(PLAY, 64 * MIB)
    source.qmp("migrate-set-parameters", max_bandwidth=256 * MIB)
    uri = f"unix:{target.dir}/migration"
    target.qmp("migrate-incoming", uri=uri)
    source.qmp("migrate-set-capabilities",
               capabilities=[{"capability": "pause-before-switchover", "state": True}])
    source.qmp("migrate", uri=uri)
    source.until(lambda: source.qmp("query-migrate").get("ram", {}).get("transferred", 0) > MIB,
                 "the first pages")
    b.ok(("I", FIRST, 32 * MIB // PAGE))
    source.until(lambda: source.qmp("query-migrate")["status"] == "pre-switchover", "the last turn")
    assert target.backed(PLAY, 32 * MIB // PAGE) > 0
    source.qmp("migrate-continue", state="pre-switchover")
    target.until(lambda: target.qmp("query-status")["status"] == "running", "the target to run")
    b = moved(b, target)
    target.until(lambda: not b.shown("withheld-pages"), "the discards")
    assert target.backed(PLAY, 32 * MIB // PAGE) == 0
    assert target.read(PLAY + 32 * MIB, PAGE) == b"\x5a" * PAGE
    assert b.holds((FIRST, 32 * MIB // PAGE))


def test_empty_and_whole(boot):
    """Nothing ballooned, and all but the driver's own memory."""
    source, target = machines(boot, memory="256M")
    b = OpsBalloon(source)
    migrate(source, target)
    b = moved(b, target)
    assert b.shown("balloon-pages") == 0
    most = (256 * MIB - PLAY) // PAGE
    b.ok(("I", FIRST, most))
    third = boot.machine(*ARGS, "-incoming", "defer", memory="256M")
    migrate(target, third)
    b = moved(b, third)
    assert b.holds((FIRST, most))


def test_every_second_page(boot):
    source, target = machines(boot)
    b = OpsBalloon(source)
    for at in range(0, 32768, 4096):
        b.ok(*(("I", FIRST + 2 * (at + i), 1) for i in range(4096)))
        b.buffer = 2 * MIB
    migrate(source, target)
    b = moved(b, target)
    assert b.shown("balloon-pages") == 32768
    assert b.do(("D", FIRST + 1, 1)) == ("WRONG_STATE", 0)
    for at in range(0, 32768, 4096):
        b.ok(*(("S", FIRST + 2 * (at + i), FIRST + 2 * (at + i) + 1, 1) for i in range(4096)))
        b.buffer = 2 * MIB


def test_modules_of_memory(boot):
    """Blocks are known by their names, whatever their order."""
    dimms = ("-object", "memory-backend-ram,id=m0,size=128M",
             "-object", "memory-backend-ram,id=m1,size=128M")
    plug = [("-device", f"pc-dimm,memdev=m{i},id=d{i},addr={(4 << 30) + i * 256 * MIB:#x}")
            for i in (0, 1)]
    kw = {"memory": "512M,slots=4,maxmem=2G"}
    source = boot.machine(*ARGS, *dimms, *plug[0], *plug[1], **kw)
    target = boot.machine(*ARGS, *dimms, *plug[1], *plug[0], "-incoming", "defer", **kw)
    b = OpsBalloon(source)
    pages = [((4 << 30) + i * 256 * MIB) // PAGE for i in (0, 1)]
    b.ok(("I", pages[0], 3), ("I", pages[1] + 7, 5), ("I", FIRST, 1))
    migrate(source, target)
    b = moved(b, target)
    assert b.holds((pages[0], 3), (pages[1] + 7, 5), (FIRST, 1))


def test_buffer_half_done_goes_along(boot):
    args = memory_backend("memory-backend-ram,reserve=off", "16G")
    source, target = machines(boot, *args, memory="16G")
    b = OpsBalloon(source)
    most = b.io.config_read(28)
    long = (2 << 30) // PAGE
    head, at = b.offer(b"".join(op("ID"[i % 2], (4 << 30) // PAGE, long) for i in range(most)))
    b.kick(b.number)
    source.qmp("stop")
    if b.opsq.used_index():
        pytest.skip("the buffer was done before the VM could be stopped")
    done = b.shown("ops-inflates") + b.shown("ops-deflates")
    migrate_stopped(source, target)
    b = moved(b, target)
    assert b.wait_used(b.number) == [(head, 8)]
    assert b.status_at(at) == ("OK", most)
    assert b.shown("ops-inflates") + b.shown("ops-deflates") == most - done
    assert b.holds()


def migrate_stopped(source, target):
    uri = f"unix:{target.dir}/migration"
    target.qmp("migrate-incoming", uri=uri)
    source.qmp("migrate", uri=uri)
    source.until(lambda: source.qmp("query-migrate")["status"] == "completed", "the migration")
    target.until(lambda: target.qmp("query-status")["status"] == "paused", "the target")
    target.qmp("cont")


def refused(source, target):
    """What the target says before it ends; the source runs on."""
    uri = f"unix:{target.dir}/migration"
    target.qmp("migrate-incoming", uri=uri)
    source.qmp("migrate", uri=uri)
    assert target.wait_exit() != 0
    if source.qmp("query-status")["status"] != "running":
        source.qmp("cont")
    return target.log()


@pytest.mark.parametrize("other", ["stock", "page-ops=off"])
def test_only_to_a_device_with_page_ops(boot, stock, other):
    """The target says which features it lacks; the guest stays where it is."""
    source = boot.machine(*ARGS)
    target = boot.machine(*(ARGS if other == "stock" else (ARGS[0], f"{ARGS[1]},{other}")),
                          "-incoming", "defer", binary=stock if other == "stock" else None)
    b = OpsBalloon(source)
    b.ok(("I", FIRST, 4))
    said = refused(source, target)
    named, allowed = said.split("Features ")[1].split(" unsupported. Allowed features: ")
    named, allowed = int(named, 16), int(allowed.split()[0], 16)
    assert not allowed >> 57 & 1
    # QEMU 10.2 has taken the features that it does not allow away before it names them.
    assert named >> 57 & 1 or not named & ~allowed
    b.ok(("I", FIRST + 4, 4))
    assert b.holds((FIRST, 8))


def test_to_stock_once_the_next_driver_does_without(boot, stock):
    source = boot.machine(*ARGS)
    target = boot.machine(*ARGS, "-incoming", "defer", binary=stock)
    OpsBalloon(source).ok(("I", FIRST, 4))
    OpsBalloon(source).io.set_status(0)
    migrate(source, target)
    assert target.qmp("query-balloon")["actual"] == 512 * MIB


def test_through_a_file(boot):
    source = boot.machine(*ARGS)
    b = OpsBalloon(source)
    b.ok(("I", FIRST, 100), ("D", FIRST + 50, 1))
    source.qmp("stop")
    path = os.path.join(source.dir, "stream")
    save(source, path)
    target = boot.machine(*ARGS, "-incoming", f"exec:cat {path}")
    target.until(lambda: target.qmp("query-status")["status"] == "paused", "the stream to be read")
    b = moved(b, target)
    target.qmp("cont")
    assert b.holds((FIRST, 50), (FIRST + 51, 49))


def number(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def zone(name, *runs):
    return (bytes([len(name)]) + name.encode() +
            b"".join(number(n) + number(gap) for n, gap in runs) + b"\0")


RAM = 512 * MIB // PAGE
HOSTILE = {
    "unknown-block": zone("nothing", (4, 4)),
    "firmware": zone("pc.bios", (1, 0)),
    "no-pages": zone("pc.ram"),
    "twice": zone("pc.ram", (4, 4)) + zone("pc.ram", (4, 100)),
    "past-the-end": zone("pc.ram", (2, RAM - 1)),
    "far-past-the-end": zone("pc.ram", (1, 1 << 40)),
    "length-past-the-end": zone("pc.ram", (1 << 63, 0)),
    "sum-wraps": zone("pc.ram", ((1 << 64) - 4, 8)),
    "gap-wraps": zone("pc.ram", (4, 8), (4, (1 << 64) - 8)),
    "runs-that-touch": zone("pc.ram", (4, 8), (4, 0)),
    "number-too-long": b"\x06pc.ram" + b"\xff" * 10 + b"\x01\0",
    "number-without-end": b"\x06pc.ram" + b"\x80" * 64,
}


@pytest.fixture(scope="module")
def stream(ours, tmp_path_factory):
    """A stream of a small balloon: (what precedes its ledger, what follows)."""
    from conftest import Factory
    boot = Factory(ours, "ours")
    try:
        m = boot.machine(*ARGS)
        OpsBalloon(m).ok(("I", FIRST, 4))
        m.qmp("stop")
        data = save(m, str(tmp_path_factory.mktemp("stream") / "file"))
    finally:
        boot.close()
    ledger = struct.pack(">I", 0) + zone("pc.ram", (4, FIRST)) + b"\0"
    at = data.index(ledger, data.index(b"/virtio-balloon"))
    return data[:at], data[at + len(ledger):]


def load(boot, tmp_path, data):
    path = tmp_path / "patched"
    path.write_bytes(data)
    m = boot.machine(*ARGS, "-incoming", "defer")
    m.qmp("migrate-incoming", uri=f"exec:cat {path}")
    return m


def test_stream_that_is_good(boot, stream, tmp_path):
    """The patching itself is right: another ledger is taken as well as its own."""
    ledger = struct.pack(">I", 9999) + zone("pc.ram", (4, FIRST + 1), (1, 1)) + b"\0"
    m = load(boot, tmp_path, stream[0] + ledger + stream[1])
    m.until(lambda: m.qmp("query-status")["status"] == "paused", "the stream to be read")
    m.qmp("cont")
    assert m.qmp("qom-get", path="/machine/peripheral/balloon", property="balloon-pages") == 5


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_stream(boot, stream, tmp_path, what):
    """Refused with a word, before anything is discarded."""
    m = load(boot, tmp_path, stream[0] + bytes(4) + HOSTILE[what] + b"\0" + stream[1])
    assert m.wait_exit() == 1
    assert "ballooned pages is wrong" in m.log()


@pytest.mark.parametrize("keep", [0, 3, 4, 8, 12, 14])
def test_stream_that_ends(boot, stream, tmp_path, keep):
    ledger = struct.pack(">I", 0) + zone("pc.ram", (4, FIRST)) + b"\0"
    m = load(boot, tmp_path, stream[0] + ledger[:keep])
    assert m.wait_exit() == 1


def test_resume_count_beyond_the_buffer(boot, stream, tmp_path):
    """A buffer that is said to be done already is answered, not run past its end."""
    ledger = struct.pack(">I", 0xFFFFFFFF) + zone("pc.ram", (4, FIRST)) + b"\0"
    source = boot.machine(*ARGS)
    driver = OpsBalloon(source)
    driver.ok(("I", FIRST, 4))
    m = load(boot, tmp_path, stream[0] + ledger + stream[1])
    m.until(lambda: m.qmp("query-status")["status"] == "paused", "the stream to be read")
    b = moved(driver, m)
    m.qmp("cont")
    assert b.do(("D", FIRST, 1), ("D", FIRST + 1, 1)) == ("OK", 2)
    assert b.shown("balloon-pages") == 4
    b.ok(("D", FIRST, 4))
