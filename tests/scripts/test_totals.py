# SPDX-License-Identifier: GPL-2.0-or-later
"""The last line of a run: a kind of tests that failed, broke off or ran nothing fails it."""

import pytest

import conformance
import totals

SUITE = '<testsuite tests="3" failures="1" skipped="1"><testcase name="a" time="2.5"/></testsuite>'
PASSED = '<testsuites><testsuite tests="2"><testcase name="b"/></testsuite></testsuites>'


@pytest.fixture
def kind(tmp_path):
    def make(name, status, text=None):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "status").write_text(f"{status}\n")
        if text is not None:
            (folder / "x.xml").write_text(text)

    return make


def last_line(tmp_path, capsys):
    status = totals.main("7", tmp_path)
    return status, capsys.readouterr().out


def test_what_files_say_is_added_up(kind, tmp_path, capsys):
    kind("vm", 1, SUITE)
    kind("unit", 0, PASSED)
    kind("style", 0)
    status, said = last_line(tmp_path, capsys)
    assert status
    assert "===== 4 passed, 1 failed, 1 skipped in 7 s =====" in said
    assert "2.5 s  vm: x::a" in said


def test_all_is_well(kind, tmp_path, capsys):
    kind("unit", 0, PASSED)
    assert last_line(tmp_path, capsys)[0] == 0


@pytest.mark.parametrize("text, why", [
    ('<testsuite tests="0"/>', "no test ran"),
    ('<testsuite tests="27" skipped="27"/>', "no test ran"),
    ("<testsuite tests=", "not whole"),
])
def test_a_kind_that_ran_nothing_has_failed(kind, tmp_path, capsys, text, why):
    """Though its program ended well: `make test-libvirt` where libvirt is missing."""
    kind("libvirt-11", 0, text)
    kind("unit", 0, PASSED)
    status, said = last_line(tmp_path, capsys)
    assert status and f"failed: libvirt-11 ({why}" in said.replace("x.xml is ", "")


def test_a_status_counts_though_no_test_failed(kind, tmp_path, capsys):
    kind("unit", 2, PASSED)
    status, said = last_line(tmp_path, capsys)
    assert status and "it ended with 2" in said


def test_nothing_at_all(tmp_path, capsys):
    assert last_line(tmp_path, capsys)[0]


def suite(*cases):
    body = "".join(f'<testcase classname="{place}" name="{name}">{tag}</testcase>'
                   for place, name, tag in cases)
    return f"<testsuites><testsuite tests='{len(cases)}'>{body}</testsuite></testsuites>"


@pytest.mark.parametrize("tag, said", [
    ("", "2 rows proven by this run"),
    ("<failure/>", "1 rows proven by this run; failed: a"),
    ("<skipped/>", "1 rows proven by this run; skipped: a"),
])
def test_a_rule_is_proven_by_what_its_test_came_to(kind, tmp_path, capsys, monkeypatch, tag, said):
    rows = [{"id": "a", "test": "tests/qtest/test_x.py::test_y", "status": "proven"},
            {"id": "b", "test": "tests/unit/test_c.c::test_d", "status": "proven"}]
    monkeypatch.setattr(conformance, "read", lambda: rows)
    kind("qtest", 0, suite(("qtest.test_x", "test_y[1]", tag), ("qtest.test_x", "test_y[2]", tag)))
    kind("guests", 0, PASSED)
    kind("unit", 0)
    (tmp_path / "unit" / "c-group.xml").write_text(
        '<testsuites><testsuite tests="1"><testcase name="test_d"/></testsuite></testsuites>')
    assert said in last_line(tmp_path, capsys)[1]


def test_a_rule_whose_test_did_not_run_is_named(kind, tmp_path, capsys, monkeypatch):
    rows = [{"id": "a", "test": "tests/vm/test_x.py::test_slow", "status": "proven"}]
    monkeypatch.setattr(conformance, "read", lambda: rows)
    for name in ("unit", "qtest", "guests"):
        kind(name, 0, PASSED)
    status, text = last_line(tmp_path, capsys)
    assert not status
    assert "0 rows proven by this run; not run: a" in text
