# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger in the migration stream: taken over whole it must arrive as it
left; with bytes of it changed, the target refuses it or holds a ledger that is
possible, and never crashes.
"""

import os
import re

import machine
from machine import QemuGone
from rig import BAD_WORDS, MIB, Finding

NAME = b"page-ops"  # the section's name in the stream
SPAN = 160          # bytes of it worth changing
MUTANTS = 3


def save(rig):
    """The stream of the stopped machine."""
    path = rig.m.dir + "/stream"
    rig.note("saving the stream")
    rig.qmp("migrate-set-capabilities",
            capabilities=[{"capability": "background-snapshot", "state": False}])
    rig.qmp("migrate-set-parameters", max_bandwidth=1 << 40)
    rig.qmp("migrate", uri=f"exec:cat > {path}")
    rig.wait(lambda: rig.qmp("query-migrate").get("status") in ("completed", "failed"),
             "the stream to be written")
    if rig.qmp("query-migrate")["status"] == "failed":
        raise Finding(f"cannot be migrated: {rig.qmp('query-migrate')}")
    with open(path, "rb") as f:
        return f.read()


def carry_on(rig, stream):
    """A running machine that took the stream."""
    path = rig.m.dir + "/incoming"
    with open(path, "wb") as f:
        f.write(stream)
    m = rig.start("-incoming", f"exec:cat {path}")
    try:
        m.until(lambda: m.qmp("query-migrate").get("status") in ("completed", "failed"),
                "the stream to be read", limit=machine.LIMIT)
        m.qmp("cont")
    except (AssertionError, QemuGone) as e:
        log = m.log()
        m.close()
        raise Finding(f"a good stream was refused: {e}\n{log}") from None
    return m


def load(rig, stream):
    """Pages in the balloon of a machine that takes the stream; None: it refused."""
    path = rig.m.dir + "/incoming"
    with open(path, "wb") as f:
        f.write(stream)
    try:
        m = rig.start("-incoming", f"exec:cat {path}")
    except QemuGone as e:
        return judge(str(e), 1)
    try:
        m.until(lambda: m.qmp("query-migrate").get("status") in ("completed", "failed"),
                "the stream to be read", limit=machine.LIMIT)
        pages = m.qmp("qom-get", path="/machine/peripheral/balloon", property="balloon-pages")
        m.qmp("quit")
        code = m.wait_exit()
        judge(m.log(), code)
        return pages if not code else None
    except QemuGone as e:
        m.wait_exit()
        return judge(str(e), m.process.returncode)
    except AssertionError as e:
        raise Finding(str(e)) from None
    finally:
        m.close()
        os.unlink(path)


def judge(log, code):
    bad = BAD_WORDS.search(log)
    if bad or code not in (0, 1):
        raise Finding(f"the target ended with {code}: {bad[0] if bad else ''}\n{log[-3000:]}")


def mutate(rng, stream, at):
    data = bytearray(stream)
    for _ in range(rng.choice((1, 1, 2, 6))):
        i = at + len(NAME) + rng.randrange(min(SPAN, len(data) - at - len(NAME)))
        data[i] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, data[i] ^ 1 << rng.randrange(8),
                              rng.getrandbits(8)))
    return bytes(data)


def fuzz(rig, pages):
    """pages: what the target must hold where page ops are negotiated, else None."""
    stream = save(rig)
    loaded = load(rig, stream)
    if loaded is None:
        raise Finding("a good stream was refused")
    if pages is None:
        return
    if loaded != pages:
        raise Finding(f"{pages} pages left, {loaded} arrived")
    places = [m.start() for m in re.finditer(re.escape(NAME), stream)]
    if not places:
        raise Finding("no ledger in the stream")
    for n in range(MUTANTS):
        rig.note("mutated stream", n)
        loaded = load(rig, mutate(rig.rng, stream, places[0]))
        room = MIB + sum(end - first for first, end in rig.ram)
        if loaded is not None and loaded > room // 4096:
            raise Finding(f"{loaded} pages in the balloon of a guest of {room} bytes")
