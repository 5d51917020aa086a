# SPDX-License-Identifier: GPL-2.0-or-later
"""The last line of a run: a kind of tests that failed, broke off or ran nothing fails it."""

import pytest

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
