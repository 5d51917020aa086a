# SPDX-License-Identifier: GPL-2.0-or-later
"""What came of the tests of a cell: read from its folder, made by running them."""

import re
import subprocess
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass

from . import sources
from .cells import RESULTS, ROOT
from .proofs import PYTEST


@dataclass(frozen=True)
class Result:
    """What came of one test. status: passed, failed, skipped, or stale where it is of other
    sources than the checkout's; day: when; commit: of which one."""

    status: str
    why: str = ""
    day: str = ""
    commit: str = ""


def outcome(case):
    for child in case:
        words = (child.get("message") or "").splitlines()[:1] or [""]
        if child.tag in ("failure", "error"):
            return "failed", re.sub(r"^\S*(Error|Failed): ", "", words[0])[:160]
        if child.tag == "skipped":
            return "skipped", words[0][:160]
    return "passed", ""


@dataclass(frozen=True)
class Run:
    """One file of results: its test cases and properties, and what of its sources is stale."""

    cases: list
    properties: dict
    day: str
    stale: str

    @classmethod
    def of(cls, path):
        root = ET.parse(path).getroot()
        said = {p.get("name"): p.get("value") for suite in root.iter("testsuite")
                for p in suite.iterfind("properties/property")}
        day = time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
        return cls(list(root.iter("testcase")), said, day, sources.stale(said))

    @property
    def commit(self):
        return self.properties.get("commit", "an unknown commit")

    def result(self, case):
        status, why = outcome(case)
        if self.stale:
            why = f"{status} on {self.day} at {self.commit}; another {self.stale} since"
            status = "stale"
        return Result(status, why, self.day, self.commit)

    def count(self):
        return Counter(self.result(case).status for case in self.cases)


def results(cell):
    """{test: Result}; a later file's word counts."""
    found = {}
    for path in sorted(cell.folder.glob("*.xml"), key=lambda p: p.stat().st_mtime):
        try:
            run_ = Run.of(path)
        except ET.ParseError:
            continue  # of a run that was killed
        for case in run_.cases:
            parts = case.get("classname", "").removeprefix("tests.").split(".")
            if parts[0] == "vm":
                name = "/".join(parts[1:]) + ".py::" + case.get("name")
                found[name] = run_.result(case)
    return found


def kinds():
    """[(cell, kind, Run)] of what test.sh ran whole; not what `make matrix` added, nor parts."""
    found = []
    for path in sorted(RESULTS.glob("*/*.xml")):
        if not path.stem.startswith("matrix-") and not path.stem.endswith("-part"):
            found.append((path.parent.name, path.stem, Run.of(path)))
    return found


def through_libvirt(version):
    """{(guest, qemu, libvirt): Counter of statuses} of `make test-libvirt`, libvirt as it said."""
    found = {}
    for path in sorted(RESULTS.glob(f"*@libvirt-{version}/libvirt-{version}.xml")):
        run_ = Run.of(path)
        said = run_.properties.get("libvirt", version)
        guest, qemu, _ = path.parent.name.split("@")
        found[guest, qemu, said] = run_.count()
    return found


def run(cell, names):
    """These tests, in one pytest, whose progress is seen."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    out = cell.folder / f"matrix-{time.strftime('%Y%m%d-%H%M%S')}.xml"
    env = {**cell.env, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    ids = [f"tests/vm/{name}" for name in names]
    subprocess.run([*PYTEST, "-v", f"--junitxml={out}", *ids], cwd=ROOT, env=env, check=False)
