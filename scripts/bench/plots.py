# SPDX-License-Identifier: GPL-2.0-or-later
"""Two pictures of a run: time over the guest's size, cost over fragmentation."""

import math

from marks import write
from vmlab.svgplot import Chart, Curve

from . import plan, scenes_resize

COLOURS = {"stock": ("#b5482f", "#e0a458"), "ours": ("#1f5fa8", "#2f9e57")}


def draw(folder, records):
    """Writes the pictures there is data for; returns their paths."""
    done = []
    for name, chart in (("size.svg", _sizes(records)), ("fragmentation.svg", _levels(records))):
        if chart:
            write(folder / name, chart.svg())
            done.append(folder / name)
    return done


def _nice(top):
    """(end of the axis, step) with some five lines."""
    step = 10 ** math.floor(math.log10(top / 4)) if top > 0 else 1
    step = next(step * k for k in (1, 2, 5, 10) if top / (step * k) <= 6)
    return step * math.ceil(top / step), step


def _chart(curves, **words):
    curves = [curve for curve in curves if len(curve.points) > 1]
    if not curves:
        return None
    top, step = _nice(max(y for curve in curves for _, y in curve.points))
    return Chart(y_max=top, y_step=step, curves=curves, **words)


def _sizes(records):
    curves = []
    for pair, colours in COLOURS.items():
        for step, colour in zip(("shrink", "grow"), colours):
            points = []
            for gib in plan.SIZES_GIB:
                stat = records.stat(f"size {gib}", pair, step, "s")
                if stat:
                    points.append((gib, stat.median))
            curves.append(Curve(f"{pair}: {step}", colour, points))
    return _chart(
        curves,
        title="Three quarters of a guest's memory, out and back",
        subtitle="touched beforehand, init_on_alloc=0; medians of one run, stock pair and ours"
        " in turn",
        x_name="GiB of guest memory",
        y_name="seconds",
    )


def _levels(records):
    curves = []
    for pair, (colour, _) in COLOURS.items():
        points = []
        for held in scenes_resize.LEVELS:
            stat = records.stat("levels", pair, f"held {held}", lambda s: s["s"] / s["gib"])
            if stat:
                points.append((held / 10, stat.median))
        curves.append(Curve(f"{pair}: shrink", colour, points))
    return _chart(
        curves,
        title="What a fragmented guest costs",
        subtitle="shrinking a guest of which single pages at random places stay in use;"
        " init_on_alloc=0, medians of one run",
        x_name="per cent of its pages in use",
        y_name="seconds per GiB",
    )
