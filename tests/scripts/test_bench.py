# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench ends with an error where a figure is not as wanted, whichever way that is said."""

import json
import types

import pytest

import marks
from bench import __main__ as entry
from bench import readme, report, rows
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


def results(tmp_path, *without):
    """A file as a whole run leaves it, but for some figures; and a README with its marks."""
    stat = {"median": 2.0, "low": 1.0, "high": 3.0, "rounds": 3}
    keys = [key for keys in readme.TABLES.values() for key in keys]
    facts = {"ended": "2026-01-02T03:04", "checkout": "abc", "cpu": "c", "cpus": 2,
             "accelerator": "tcg", "guest_kernel": "6.1", "our_qemu": "7.2"}
    found = [{"key": key, "name": f"name of {key}", "unit": "s", "stock": stat, "ratio": 4.0,
              "ours": None if key in without else stat, "wanted": [">= 5"], "met": ["no"]}
             for key in keys]
    (tmp_path / "results.json").write_text(json.dumps({"rows": found, "facts": facts}))
    (tmp_path / "size.svg").write_text("<svg/>")
    root = tmp_path / "checkout"
    for file in set(readme.FILES.values()):
        marks.write(root / file, "\n".join(f"<!-- bench {name} -->old<!-- /bench {name} -->"
                                           for name in readme.FILES if readme.FILES[name] == file))
    return tmp_path, root


def test_tables_of_the_readme(tmp_path):
    """Each figure with its spread, what is wanted, the day and the commit."""
    out, root = results(tmp_path)
    readme.put(out, root)
    said = "".join((root / file).read_text() for file in readme.FILES.values())
    assert "old" not in said and "on 2026-01-02, commit abc" in said
    figure = "2.00 (1.00..3.00) s"
    assert f"| name of huge.loop | {figure} | {figure} | 4.00 | >= 5 (not met) |" in said
    assert (root / "tests" / "size.svg").read_text() == "<svg/>"


@pytest.mark.parametrize("lacking", ["stall", "huge.loop", "size.svg"])
def test_a_missing_figure_leaves_the_readme(tmp_path, lacking):
    out, root = results(tmp_path, lacking)
    if lacking == "size.svg":
        (out / lacking).unlink()
    with pytest.raises(marks.Lacking, match=lacking):
        readme.put(out, root)
    assert all("old" in (root / file).read_text() for file in readme.FILES.values())


def test_every_figure_of_the_readme_is_a_row():
    assert {key for keys in readme.TABLES.values() for key in keys} <= {r.key for r in rows.ROWS}
