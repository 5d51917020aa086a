# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the tables of README.md between its marks from results.json, with their day and commit.

Changes nothing where one of their figures is missing. Runs no guest.
"""

import json

from .report import number, write

# Each stands in README.md between <!-- bench NAME --> and <!-- /bench NAME -->.
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
}
HEAD = "| figure | stock pair | ours | stock/ours | wanted |\n|---|---|---|---|---|"


class Lacking(Exception):
    """What a table of README.md needs and the results have not."""


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


def put(results, readme):
    """The tables into the file readme, all or none."""
    data, text = json.loads(results.read_text()), readme.read_text()
    for name in TABLES:
        begin, end = f"<!-- bench {name} -->", f"<!-- /bench {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise Lacking(f"{readme.name} has no place between {begin} and {end}")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table(name, data)}\n{end}{rest.split(end)[1]}"
    write(readme, text)
