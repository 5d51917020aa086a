# SPDX-License-Identifier: GPL-2.0-or-later
"""The table on stdout and results.json. Measures nothing, judges nothing."""

import dataclasses
import json

from marks import write

from . import pairs, rows


def number(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def spread(stat):
    if stat is None:
        return "-"
    if stat.rounds == 1:
        return number(stat.median)
    return f"{number(stat.median)} ({number(stat.low)}..{number(stat.high)})"


def _ratio(found):
    words = []
    if found.ratio is not None:
        words.append(f"{number(found.ratio)}x")
    elif found.stock and found.ours and not found.row.least:
        words.append("-" if found.stock.median == 0 else "all")
    if found.floor and found.ours:
        words.append(f"{number(found.ours.median / found.floor)} floor")
    return ", ".join(words) or "-"


def cells(found):
    row = found.row
    met = ", ".join(found.met) or "for information"
    if found.reason:
        met += f" ({found.reason})" if "not measured" in met else f"; {found.reason}"
    unit = f" [{row.unit}]" if row.unit else ""
    return [row.name + unit, spread(found.stock), spread(found.ours), _ratio(found),
            ", ".join(found.wanted) or "-", met]


HEAD = ["figure", *(["before", "ours", "before/ours"] if pairs.BEFORE else
                    ["stock", "ours", "stock/ours"]), "wanted", "met"]


def table(verdicts):
    lines = [HEAD] + [cells(found) for found in verdicts]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD) - 1)]

    def shown(line):
        body = [line[0].ljust(widths[0])]
        body += [line[i].rjust(widths[i]) for i in (1, 2, 3)]
        body += [line[4].ljust(widths[4]), line[5]]
        return "  ".join(body).rstrip()

    ruler = "  ".join("-" * width for width in widths) + "  ---"
    return "\n".join([shown(HEAD), ruler, *(shown(line) for line in lines[1:])])


def missed(verdicts):
    """What is not as wanted, in words; what was not measured in this mode is none of it."""
    return [f"{found.row.key} {words}" for found in verdicts
            for words, met in zip(found.wanted, found.met) if met == "no"]


def floors(records):
    """Lines on the floors that the run has."""
    found = []
    for scene, words in (("plain", "init_on_alloc=0"), ("debian", "Debian default")):
        guest, host = rows.guest_floor(records, scene), rows.host_floor(records, scene)
        if guest and host:
            found.append(
                f"floor of 4.5 GiB, {words}: {number(rows.floor_of(records, scene))} s"
                f" (guest alone {spread(guest)} s, of processor time"
                f" {spread(records.stat(scene, 'ours', 'floor', 'vcpu_ms_per_gib'))} ms/GiB;"
                f" one madvise {spread(host)} s,"
                f" one after the other {number(guest.median + host.median)} s)"
            )
    return found


def load(records):
    """What else the machine did, as far as its load tells."""
    loads = [sample["load"] for sample in records.samples]
    return f"load of the machine meanwhile: {min(loads):.1f}..{max(loads):.1f}" if loads else ""


def as_data(verdicts, records, facts):
    def plain(stat):
        return stat and dataclasses.asdict(stat)

    return {
        "facts": facts,
        "rows": [
            {
                "key": found.row.key,
                "name": found.row.name.strip(),
                "unit": found.row.unit,
                "stock": plain(found.stock),
                "ours": plain(found.ours),
                "ratio": found.ratio,
                "floor": found.floor,
                "wanted": found.wanted,
                "met": found.met,
                "reason": found.reason,
            }
            for found in verdicts
        ],
        "samples": records.samples,
        "failures": records.failures,
    }


def write_json(path, data):
    write(path, json.dumps(data, indent=1) + "\n")
