# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures: where each comes from, what is wanted of it, whether that is met.

Less is better in every row but those with `least`. Pure: works on stats.Records alone.
"""

from dataclasses import dataclass, field

from .stats import Stat

# What is wanted is within twice of what README.md says was measured.
HUGE_ENOUGH = 0.5
NEARLY_ALL_MIB = 0.95 * 1024


@dataclass(frozen=True)
class Row:
    """times: stock / ours at least that. most: ours at most that, in any round.
    floor: ours at most that many times the floor of the scene. least: ours at least
    that, in any round. Without any of them the row is for information. key: what ROWS=
    selects by."""

    key: str
    name: str
    unit: str
    scene: str
    step: str
    value: str
    pair: str = "ours"
    times: float = None
    most: float = None
    floor: float = None
    least: float = None

    def wanted(self):
        """Whether anything is: a row without is for information."""
        return self.times or self.floor or self.least or self.most is not None

    def needs(self):
        """Keys of the scenes that give this row's figures."""
        cross = self.pair != "ours"
        scenes = {self.scene} | ({f"{self.scene} cross"} if cross else set())
        return scenes | ({"host floor"} if self.floor else set())


@dataclass
class Verdict:
    """One row with its figures; met: one word for each thing wanted."""

    row: Row
    stock: Stat = None
    ours: Stat = None
    ratio: float = None
    floor: float = None
    wanted: list = field(default_factory=list)
    met: list = field(default_factory=list)
    reason: str = ""


NS, HD = "notifications_per_gib", "discards_per_gib"
DEV, OTHER, BUSY = "device_ms_per_gib", "other_ms_per_gib", "busy_ms_per_gib"

ROWS = [
    Row("shrink.plain", "shrink 4.5 GiB touched, init_on_alloc=0", "s", "plain", "shrink", "s",
        times=57, floor=2.0),
    Row("shrink.debian", "shrink 4.5 GiB touched, Debian default", "s", "debian", "shrink", "s",
        times=2.1, floor=1.3),
    Row("shrink.untouched", "shrink 4.5 GiB untouched, init_on_alloc=0", "s", "plain",
        "shrink untouched", "s", times=37),
    Row("shrink.untouched.debian", "  the same, Debian default", "s", "fresh",
        "shrink untouched", "s"),
    Row("shrink.rss", "  touched, until the host's RSS has followed", "s", "plain", "shrink",
        "rss_s"),
    Row("rss.left", "  left with the host of what 4.5 GiB should give", "MiB", "plain", "shrink",
        "rss_left_mib"),
    Row("grow", "grow 4.5 GiB, init_on_alloc=0", "s", "plain", "grow", "s", times=6.5),
    Row("grow.debian", "  the same, Debian default", "s", "debian", "grow", "s", times=6),
    Row("first.touch", "first touch after growing", "s/GiB", "plain", "first touch", "s_per_gib"),
    Row("shrink.fragmented", "shrink 2.25 GiB, guest fragmented to 4 KiB", "s", "scattered",
        "shrink", "s", times=1.9),
    Row("rss.left.fragmented", "  left with the host of what 2.25 GiB should give", "MiB",
        "scattered", "shrink", "rss_left_mib"),
    Row("grow.fragmented", "grow 2.25 GiB, guest fragmented to 4 KiB", "s", "scattered", "grow",
        "s"),
    Row("cpu.huge", "host CPU, host has huge pages", "ms/GiB", "device", "cpu", DEV, times=62),
    Row("cpu.huge.threads", "  other threads than vCPUs alone", "ms/GiB", "device", "cpu", OTHER),
    Row("cpu.small", "host CPU, host has 4 KiB pages", "ms/GiB", "small", "cpu", DEV, times=10),
    Row("cpu.small.threads", "  other threads than vCPUs alone", "ms/GiB", "small", "cpu", OTHER),
    Row("cpu.fragmented", "host CPU, guest fragmented to 4 KiB", "ms/GiB", "scattered", "cpu", DEV,
        times=4),
    Row("cpu.fragmented.threads", "  other threads than vCPUs alone", "ms/GiB", "scattered", "cpu",
        OTHER),
    Row("busy.plain", "QEMU in all, guest included, init_on_alloc=0", "ms/GiB", "plain", "shrink",
        BUSY),
    Row("busy.plain.later", "  of it after the answer", "ms/GiB", "plain", "shrink",
        "later_ms_per_gib"),
    Row("busy.debian", "QEMU in all, guest included, Debian default", "ms/GiB", "debian", "shrink",
        BUSY),
    Row("busy.grow", "QEMU in all, guest included, grow", "ms/GiB", "plain", "grow", BUSY),
    Row("count.notifications", "notifications, shrink", "1/GiB", "count", "shrink", NS, most=4),
    Row("count.notifications.grow", "notifications, grow", "1/GiB", "count", "grow", NS),
    Row("count.discards", "host discards, shrink", "1/GiB", "count", "shrink", HD, most=64),
    Row("count.discards.grow", "host calls on memory, grow", "1/GiB", "count", "grow", HD),
    Row("instructions.shrink", "guest instructions, shrink, init_on_alloc=0", "millions/GiB",
        "instructions", "shrink", "millions_per_gib", most=8),
    Row("instructions.grow", "guest instructions, grow, init_on_alloc=0", "millions/GiB",
        "instructions", "grow", "millions_per_gib", most=8),
    Row("moves.notifications", "notifications per migrated page", "", "compaction", "count",
        "notifications_per_page", most=0.002),
    Row("moves.waits", "waits per page migrated in MIGRATE_ASYNC", "", "async", "async",
        "waits_per_page", most=0),
    Row("moves.kicks", "  notifications from inside that, each one a wait", "", "async", "async",
        "kicks_per_page", most=0.002),
    Row("moves.time", "compaction, per ballooned page", "us", "compaction", "time", "us_per_page"),
    Row("stall", "main loop held up, worst QMP answer during a shrink", "ms", "stall", "stall",
        "worst_ms", most=2.8),
    Row("stall.p999", "  999 of 1,000 answers", "ms", "stall", "stall", "p999_ms"),
    Row("stall.slice", "  longest slice of our device", "ms", "stall", "stall", "slice_ms"),
    Row("stall.plain", "  worst where the scheduler delays it too", "ms", "stall", "stall",
        "plain_worst_ms"),
    Row("stall.plain.p999", "  999 of 1,000 then", "ms", "stall", "stall", "plain_p999_ms"),
    Row("stall.noise", "  worst in a guest that only computes, then", "ms", "stall", "stall",
        "noise_worst_ms"),
    Row("rss", "host RSS above its start, untouched, Debian default", "MiB", "fresh",
        "shrink untouched", "rss_above_mib", most=56),
    Row("rss.plain", "  the same, init_on_alloc=0", "MiB", "plain", "shrink untouched",
        "rss_above_mib", most=64),
    Row("migration", "migration of 2 GiB, 1.25 GiB ballooned: pages looked at", "MiB", "migration",
        "move", "looked_at_mib", most=800),
    Row("migration.s", "  time", "s", "migration", "move", "s"),
    Row("migration.sent", "  sent", "MiB", "migration", "move", "sent_mib", most=800),
    Row("migration.target", "  RSS of the destination, at most", "MiB", "migration", "move",
        "target_mib", most=800),
    Row("migration.memfd", "the same on memfd: RSS of the source grows by", "MiB",
        "migration memfd", "move", "source_grows_mib", most=16),
    Row("migration.memfd.looked", "  pages looked at, memfd", "MiB", "migration memfd", "move",
        "looked_at_mib", most=800),
    Row("migration.memfd.s", "  time, memfd", "s", "migration memfd", "move", "s"),
    Row("migration.memfd.target", "  RSS of the destination, at most, memfd", "MiB",
        "migration memfd", "move", "target_mib", most=800),
    Row("huge.blocks", "1 GiB from a fragmented guest: in whole 2 MiB blocks", "MiB",
        "huge fragmented", "blocks", "mib", least=NEARLY_ALL_MIB),
    Row("huge.blocks.s", "  until 95 % of it is", "s", "huge fragmented", "blocks", "s"),
    Row("huge.blocks.wrong", "  pages of guest data wrong then", "", "huge fragmented", "blocks",
        "wrong", most=0),
    Row("huge.full", "the same, 90 % of the guest in use", "MiB", "huge full", "blocks", "mib",
        least=0.7 * 1024),
    Row("huge.full.last", "  until the last one", "s", "huge full", "blocks", "last_s"),
    Row("huge.full.wrong", "  pages of guest data wrong then", "", "huge full", "blocks", "wrong",
        most=0),
    Row("huge.hugetlb", "1 GiB from a guest on hugetlb: huge pages gained", "MiB", "huge hugetlb",
        "plain", "mib", least=NEARLY_ALL_MIB),
    Row("huge.hugetlb.fragmented", "  the same, fragmented guest", "MiB", "huge hugetlb",
        "fragmented", "mib"),
    Row("huge.thp", "host's huge pages kept, 1 GiB out, back and used", "%", "huge cycle", "plain",
        "kept", least=95),
    Row("huge.thp.away", "  kept of what is left while it is out", "%", "huge cycle",
        "plain", "away"),
    Row("huge.thp.fragmented", "  the same, fragmented guest", "%", "huge cycle",
        "fragmented", "kept"),
    Row("huge.thp.fragmented.away", "  kept of what is left while it is out", "%", "huge cycle",
        "fragmented", "away"),
    Row("huge.thp.untorn", "  the same, ours with discard-granularity=2M", "%", "huge cycle",
        "untorn", "kept", least=95),
    Row("huge.thp.untorn.away", "  kept of what is left while it is out", "%", "huge cycle",
        "untorn", "away"),
    Row("huge.guest", "huge pages a half ballooned guest gets, of an unballooned one's", "%",
        "huge guest", "ballooned", "share", least=100),
    Row("huge.guest.count", "  how many", "", "huge guest", "ballooned", "count"),
    Row("huge.guest.s", "  time for that", "s", "huge guest", "ballooned", "s"),
    Row("huge.guest.compacted", "  the same, after compact_memory", "%", "huge guest", "ballooned",
        "compacted_share", least=100),
    Row("huge.loop", "a loop loses while blocks become whole", "%", "huge loop", "one", "loss",
        most=5),
    Row("huge.loop.all", "  one on every CPU", "%", "huge loop", "all", "loss"),
    Row("our-device.shrink", "stock driver, our device: shrink", "s", "plain", "shrink", "s",
        pair="our-device", times=1.4),
    Row("our-device.debian", "  the same, Debian default", "s", "debian", "shrink", "s",
        pair="our-device"),
    Row("our-device.busy", "  QEMU in all, guest included, init_on_alloc=0", "ms/GiB", "plain",
        "shrink", BUSY, pair="our-device"),
    Row("our-device.cpu", "stock driver, our device: host CPU", "ms/GiB", "device", "cpu", DEV,
        pair="our-device", times=8.5),
    Row("our-device.stall", "stock driver, our device: main loop held up", "ms", "stall", "stall",
        "worst_ms", pair="our-device"),
    Row("our-driver.shrink", "our driver, stock device: shrink", "s", "plain", "shrink", "s",
        pair="our-driver", times=1.2),
    Row("our-driver.debian", "  the same, Debian default", "s", "debian", "shrink", "s",
        pair="our-driver"),
    Row("our-driver.busy", "  QEMU in all, guest included, init_on_alloc=0", "ms/GiB", "plain",
        "shrink", BUSY, pair="our-driver"),
    Row("our-driver.grow", "our driver, stock device: grow", "s", "plain", "grow", "s",
        pair="our-driver"),
]

# Scenes that only feed plots: {what ROWS= selects by: beginning of their keys}.
PLOTS = {"sizes": "size ", "levels": "levels"}


def selected(words):
    """(rows, scene keys) for the value of ROWS=; an empty one means all."""
    if not words:
        scenes = {key for row in ROWS for key in row.needs()}
        return ROWS, scenes, tuple(PLOTS.values())
    rows = [row for row in ROWS if any(row.key.startswith(word) for word in words)]
    plots = tuple(PLOTS[word] for word in words if word in PLOTS)
    return rows, {key for row in rows for key in row.needs()}, plots


def guest_floor(records, scene):
    """Seconds to take and give back the memory in the guest, without a host: Stat."""
    return records.stat(scene, "ours", "floor", "alloc_s") or records.stat(
        scene, "stock", "floor", "alloc_s"
    )


def host_floor(records, scene):
    """Seconds of one madvise over the memory, backed as the guest's was: Stat."""
    huge = records.stat(scene, "ours", "memory", "huge")
    kind = "small" if huge and huge.median < HUGE_ENOUGH else "huge"
    return records.stat("host floor", "stock", f"madvise {kind}", "s")


def floor_of(records, scene):
    """The larger of what the guest and what the host cannot do without; None if unknown."""
    known = [guest_floor(records, scene), host_floor(records, scene)]
    return max(stat.median for stat in known) if all(known) else None


def judge(row, records):
    """A Verdict; met holds "yes", "no" or "not measured"."""
    stock = records.stat(row.scene, "stock", row.step, row.value)
    ours = records.stat(row.scene, row.pair, row.step, row.value)
    found = Verdict(row, stock, ours)
    if not ours:
        found.reason = records.why_not(row.scene, (row.pair,))
    elif not stock:
        found.reason = records.why_not(row.scene, ("stock",))
    if stock and ours and ours.median and not row.least:
        found.ratio = stock.median / ours.median
    if row.times:
        enough = ours and stock and (found.ratio is None or found.ratio >= row.times)
        _add(found, f">= {row.times:g} times less", ours and stock, enough)
    if row.floor:
        found.floor = floor_of(records, row.scene)
        known = ours and found.floor
        _add(found, f"<= {row.floor:g} x floor", known,
             known and ours.median <= row.floor * found.floor)
    if row.most is not None:
        _add(found, f"<= {row.most:g}", ours, ours and ours.high <= row.most)
    if row.least:
        _add(found, f"at least {row.least:.4g}", ours, ours and ours.low >= row.least)
    return found


def _add(found, words, known, met):
    found.wanted.append(words)
    found.met.append(("yes" if met else "no") if known else "not measured")
