# SPDX-License-Identifier: GPL-2.0-or-later
"""Live migration of the device between our emulator and the stock one, both
ways, with queues in use; guest code does not run, the test drives both ends.
"""

import os

import pytest

import pci
from balloon import INFLATE, MIB, PAGE, PLAY, SLOT, STATS, Balloon, moved

ARGS = ("-device", f"virtio-balloon-pci,id=balloon,addr={SLOT:#x}")
ROUTES = [("ours", "stock"), ("stock", "ours"), ("ours", "ours")]


def args(options=""):
    return (ARGS[0], ARGS[1] + ("," + options if options else ""))


def migrate(source, target):
    path = f"{target.dir}/migration"
    target.qmp("migrate-incoming", uri=f"unix:{path}")
    source.qmp("migrate", uri=f"unix:{path}")

    def over():
        info = source.qmp("query-migrate")
        assert info["status"] not in ("failed", "cancelled"), info
        return info["status"] == "completed"

    source.until(over, "the migration")
    target.until(lambda: target.qmp("query-status")["status"] == "running", "the target to run")


@pytest.fixture
def pair(boot, ours, stock):
    binaries = {"ours": ours, "stock": stock}

    def start(route, options="", machine="q35", **kw):
        source = boot.machine(*args(options), binary=binaries[route[0]], machine=machine, **kw)
        target = boot.machine(*args(options), "-incoming", "defer", binary=binaries[route[1]],
                              machine=machine, **kw)
        return source, target
    return start


@pytest.mark.parametrize("route", ROUTES, ids="->".join)
@pytest.mark.parametrize("machine", ["q35", "pc", "pc-q35-4.0", "pc-q35-3.1", "pc-i440fx-2.3"])
def test_idle_device(pair, route, machine):
    source, target = pair(route, machine=machine)
    migrate(source, target)
    assert target.qmp("query-balloon")["actual"] == 512 * MIB
    # Machine types before 2.6 have the legacy interface only.
    b = Balloon(target, pci.Legacy if machine == "pc-i440fx-2.3" else pci.Modern)
    target.fill(PLAY, 4 * PAGE)
    b.inflate(PLAY, 2)
    assert target.backed(PLAY, 4) == 2


@pytest.mark.parametrize("route", ROUTES, ids="->".join)
@pytest.mark.parametrize("interface, options", [
    (pci.Modern, ""), (pci.Modern, "page-poison=off"), (pci.Modern, "deflate-on-oom=on"),
    (pci.Legacy, ""), (pci.Legacy, "disable-modern=on"),
], ids=["modern", "no-poison", "oom", "legacy", "legacy-only"])
def test_device_in_use(pair, interface, route, options):
    """Target, size, poison value, ring positions and the statistics' buffer go along."""
    source, target = pair(route, options)
    b = Balloon(source, interface)
    source.qmp("balloon", value=400 * MIB)
    b.io.config_write(4, 1234)
    if "poison=off" not in options:
        b.io.config_write(12, 0xA5A5A5A5)
    b.inflate(PLAY, 600)
    b.deflate(PLAY, 100)
    stats = b.stats([(4, 77)])
    b.kick(STATS)
    if interface is pci.Modern:  # the first buffer of a legacy driver is not looked into
        source.until(lambda: b.guest_stats()["last-update"], "the statistics")

    migrate(source, target)
    b = moved(b, target)
    assert target.qmp("query-balloon")["actual"] == 512 * MIB - 1234 * PAGE
    assert b.io.config_read(0) == 112 * MIB // PAGE
    if "poison=off" not in options:
        assert b.io.config_read(12) == 0xA5A5A5A5
    # The buffer left with the source is answered by the target.
    target.qmp("qom-set", path="/machine/peripheral/balloon",
               property="guest-stats-polling-interval", value=1)
    target.step_clock(3 * 10 ** 9)
    assert b.wait_used(STATS) == [(stats, 0)]
    assert b.guest_stats()["stats"]["stat-free-memory"] == 77
    # The queues go on where they were.
    target.fill(PLAY + MIB, 8 * PAGE)
    b.inflate(PLAY + MIB, 8)
    assert target.backed(PLAY + MIB, 8) == 0
    b.deflate(PLAY + MIB, 8)


@pytest.mark.parametrize("route", [("ours", "stock"), ("ours", "ours")], ids="->".join)
def test_in_the_middle_of_an_inflate(pair, route):
    """What the source popped it has finished; what it had not seen, the target
    finds. A stock target looks when it is kicked, as ever."""
    source, target = pair(route, memory="1G")
    b = Balloon(source)
    source.fill(PLAY, 256 * MIB)
    for at in range(0, 65536, 1024):
        b.queue(INFLATE, [PLAY // PAGE + at + i for i in range(1024)])
    b.kick(INFLATE)
    migrate(source, target)
    b = moved(b, target)
    if route[1] == "stock":
        b.kick(INFLATE)
    assert all(length == 0 for _, length in b.wait_used(INFLATE, 64))
    b.deflate(PLAY, 16)
    target.fill(PLAY, 16 * PAGE)
    assert target.backed(PLAY, 16) == 16


def test_back_and_forth(boot, ours, stock):
    """stock -> ours -> stock, the driver never noticing."""
    machines = [boot.machine(*args(), *(("-incoming", "defer") if i else ()), binary=binary)
                for i, binary in enumerate((stock, ours, stock, ours))]
    b = Balloon(machines[0])
    for i, m in enumerate(machines):
        if i:
            migrate(machines[i - 1], m)
            b = moved(b, m)
        gpa = PLAY + i * MIB
        m.fill(gpa, 4 * PAGE)
        b.inflate(gpa, 4)
        assert m.backed(gpa, 4) == 0
        b.io.config_write(4, 4 * (i + 1))
        assert m.qmp("query-balloon")["actual"] == 512 * MIB - 4 * (i + 1) * PAGE


def save(m, path):
    m.qmp("migrate", uri=f"exec:cat > {path}")
    m.until(lambda: m.qmp("query-migrate")["status"] == "completed", "the stream")
    with open(path, "rb") as f:
        return f.read()


@pytest.mark.parametrize("options", ["", "page-poison=off",
                                     "qemu-4-0-config-size=on,page-poison=off"])
def test_stream_byte_for_byte(boot, ours, stock, options):
    """The device's part of the stream of two machines in the same state."""
    parts = []
    for binary in (ours, stock):
        plain = boot.plain(options) if binary == ours else options
        m = boot.machine(*args(plain), binary=binary)
        b = Balloon(m)
        m.qmp("balloon", value=500 * MIB)
        b.io.config_write(4, 99)
        b.stats([(4, 1)])
        b.kick(STATS)
        b.inflate(PLAY, 3)
        b.deflate(PLAY, 3)
        m.until(lambda b=b: b.guest_stats()["last-update"], "the statistics")
        m.qmp("stop")
        stream = save(m, os.path.join(m.dir, "stream"))
        # A section starts with type 4 (full), its number and the length of its
        # name; it ends with 0x7e and the number again.
        at = stream.index(b"/virtio-balloon")
        start = stream.rindex(b"\x04\0\0\0", 0, at)
        number = stream[start + 1:start + 5]
        end = stream.index(b"\x7e" + number, at)
        parts.append(stream[at:end])
        assert len(parts[-1]) > 100
    assert parts[0] == parts[1]
