# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the tables of README.md and tests/RESULTS.md from results.json, with their day and commit,
and takes the plot of README.md along.

Changes nothing where one of their figures is missing. Runs no guest.
"""

import json

from marks import Lacking, put as put_between, write

from .report import number

# Each stands between <!-- bench NAME --> and <!-- /bench NAME --> of its file.
FILES = {"resize": "README.md", "huge": "tests/RESULTS.md", "migration": "tests/RESULTS.md"}
PLOT = "size.svg"  # of the run; README.md shows the one in tests/
TABLES = {
    "resize": (
        "shrink.plain", "shrink.debian", "shrink.untouched", "grow", "shrink.fragmented",
        "cpu.huge", "cpu.small", "cpu.fragmented", "busy.plain", "count.notifications",
        "count.discards", "stall", "rss", "our-device.shrink", "our-device.cpu",
        "our-driver.shrink", "moves.notifications", "moves.waits",
    ),
    "huge": (
        "huge.blocks", "huge.blocks.s", "huge.full", "huge.full.last", "huge.hugetlb",
        "huge.hugetlb.fragmented", "huge.thp", "huge.thp.fragmented", "huge.thp.untorn",
        "huge.guest", "huge.loop", "huge.loop.all",
    ),
    "migration": (
        "migration", "migration.s", "migration.sent", "migration.target", "migration.memfd",
        "migration.memfd.looked", "migration.memfd.s", "migration.memfd.target",
    ),
}
HEAD = "| figure | stock pair | ours | stock/ours | wanted |\n|---|---|---|---|---|"


def spread(stat, unit):
    if stat is None:
        return ""
    low, high = number(stat["low"]), number(stat["high"])
    words = number(stat["median"]) if low == high else f"{number(stat['median'])} ({low}..{high})"
    return f"{words} {unit}".strip()


def line(found):
    ratio = number(found["ratio"]) if found["ratio"] is not None else ""
    wanted = ", ".join(words + ("" if met == "yes" else f" ({'not met' if met == 'no' else met})")
                       for words, met in zip(found["wanted"], found["met"]))
    return (f"| {found['name']} | {spread(found['stock'], found['unit'])} |"
            f" {spread(found['ours'], found['unit'])} | {ratio} | {wanted} |")


def table(name, data):
    """The Markdown of one; Lacking names every figure that there is none for."""
    rows = {found["key"]: found for found in data["rows"]}
    lacking = [key for key in TABLES[name] if not rows.get(key, {}).get("ours")]
    if lacking:
        raise Lacking(f"no figure for {', '.join(lacking)}: run `make bench` whole")
    facts = data["facts"]
    about = (f"`make bench` on {facts['ended'][:10]}, commit {facts['checkout']}: {facts['cpu']},"
             f" {facts['cpus']} CPUs, {facts['accelerator'].upper()}, guest kernel"
             f" {facts['guest_kernel']}, QEMU {facts['our_qemu']}; medians (lowest..highest).")
    return "\n".join([about, "", HEAD, *(line(rows[key]) for key in TABLES[name])])


def put(out, root):
    """The tables and the plot of the run in the folder out, into the checkout root: all or none."""
    data = json.loads((out / "results.json").read_text())
    texts = {name: table(name, data) for name in TABLES}
    if not (out / PLOT).exists():
        raise Lacking(f"no plot {PLOT}: run `make bench` whole")
    for name, text in texts.items():
        put_between(root / FILES[name], {f"bench {name}": text})
    write(root / "tests" / PLOT, (out / PLOT).read_text())
