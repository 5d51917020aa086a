# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's plot: what guest and host had, second by second."""

from marks import write
from vmlab.svgplot import Chart, Curve


def draw(path, samples, phases, guest_mib):
    """Writes the SVG whole or not at all."""
    ordered = sorted(samples, key=lambda s: s.at)
    chart = Chart(
        title="One guest through virsh setmem, compaction and back",
        subtitle="balloon: what the guest has given up; free: the guest's MemFree;"
        " host RSS: resident memory of the guest's QEMU",
        x_name="seconds",
        y_name="MiB",
        y_max=guest_mib + 256,
        y_step=256,
        curves=[
            Curve("host RSS", "#1f5fa8", [(s.at, s.rss) for s in ordered]),
            Curve("guest free memory", "#2f9e57", [(s.at, s.free) for s in ordered]),
            Curve("balloon", "#d9822b", [(s.at, guest_mib - s.actual) for s in ordered], True),
        ],
        phases=phases,
    )
    write(path, chart.svg())
