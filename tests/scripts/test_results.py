# SPDX-License-Identifier: GPL-2.0-or-later
"""A result counts in the matrix only for the driver, device and tests that it is of."""

import pytest

from matrixlib import results, sources, tables
from matrixlib.proofs import Proof

NOW = {"driver": "d2", "device": "q2", "tests": "t2", "commit": "c2"}
TEST = "test_resize.py::test_exact"
FILE = """<testsuites><testsuite><properties>{properties}</properties>
<testcase classname="vm.test_resize" name="test_exact"/></testsuite></testsuites>"""


class Cell:
    def __init__(self, folder):
        self.folder = folder


@pytest.fixture(autouse=True)
def checkout(monkeypatch):
    monkeypatch.setattr(sources, "now", lambda: NOW)


def result(tmp_path, **of):
    properties = "".join(f'<property name="{k}" value="{v}"/>' for k, v in of.items())
    (tmp_path / "vm.xml").write_text(FILE.format(properties=properties))
    return results.results(Cell(tmp_path))[TEST]


def test_of_these_sources(tmp_path):
    found = result(tmp_path, **NOW)
    assert (found.status, found.commit) == ("passed", "c2")


@pytest.mark.parametrize("kind", sources.KINDS)
@pytest.mark.parametrize("value", ["older", "unknown"])
def test_of_others(tmp_path, kind, value):
    found = result(tmp_path, **{**NOW, kind: value, "commit": "c1"})
    assert found.status == "stale"
    word, why = tables.verdict(Proof(TEST), {TEST: found})
    assert word == "stale" and "passed" in why and "c1" in why and kind in why
    assert tables.days([{TEST: found}]) == "Not run on these sources"


def test_a_file_that_does_not_say(tmp_path):
    assert result(tmp_path).status == "stale"


def test_runs_of_whole_kinds(tmp_path, monkeypatch):
    """A line a kind; what `make matrix` added and parts of a kind are none."""
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    (tmp_path / "6.1@7.2").mkdir()
    result(tmp_path / "6.1@7.2", **NOW)
    for name in ("matrix-20260102-030405", "qtest-part"):
        (tmp_path / "6.1@7.2" / f"{name}.xml").write_text(FILE.format(properties=""))
    assert [line.split(" | ")[:3] for line in tables.runs().splitlines()[2:]] == [
        ["| vm", "6.1@7.2", "1 passed"]]
