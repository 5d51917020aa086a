# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench ends with an error where a figure is not as wanted, whichever way that is said."""

import types

import pytest

from bench import __main__ as entry
from bench import report, rows
from bench.stats import Records


def verdict(row, stock, ours):
    records = Records()
    for pair, value in (("stock", stock), ("ours", ours)):
        records.add(row.scene, pair, 1, row.step, {row.value: value})
    return rows.judge(row, records)


def row(**wanted):
    return rows.Row("key", "name", "s", "scene", "step", "s", **wanted)


@pytest.mark.parametrize("wanted, ours, met", [
    ({"times": 4}, 1.0, True),
    ({"times": 4}, 3.0, False),
    ({"most": 2}, 2.0, True),
    ({"most": 2}, 2.1, False),
    ({"least": 5}, 5.0, True),
    ({"least": 5}, 4.9, False),
    ({}, 99.0, True),
])
def test_what_is_missed(wanted, ours, met):
    assert bool(report.missed([verdict(row(**wanted), 8.0, ours)])) != met


@pytest.mark.parametrize("ours, status", [(1.0, 0), (7.0, 1)])
def test_the_status_says_so(monkeypatch, tmp_path, capsys, ours, status):
    records = Records()
    one = row(times=4)
    for pair, value in (("stock", 8.0), ("ours", ours)):
        records.add(one.scene, pair, 1, one.step, {one.value: value, "load": 0.1})
    monkeypatch.setattr(entry.plots, "draw", lambda *_: [])
    facts = {key: "" for key in ("cpu", "cpus", "accelerator", "huge_pages", "guest_kernel",
                                 "stock_qemu", "our_qemu", "checkout")}
    opts = types.SimpleNamespace(out=tmp_path, quick=False)
    assert entry.finish(opts, [one], records, facts) == bool(status)
    assert ("not as wanted: key" in capsys.readouterr().out) == bool(status)
