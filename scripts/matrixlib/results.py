# SPDX-License-Identifier: GPL-2.0-or-later
"""What came of the tests of a cell: read from its folder, made by running them."""

import re
import subprocess
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass

from .cells import RESULTS, ROOT
from .proofs import PYTEST


@dataclass(frozen=True)
class Result:
    """What came of one test. status: passed, failed, skipped; day: when."""

    status: str
    why: str = ""
    day: str = ""


def outcome(case):
    for child in case:
        words = (child.get("message") or "").splitlines()[:1] or [""]
        if child.tag in ("failure", "error"):
            return "failed", re.sub(r"^\S*(Error|Failed): ", "", words[0])[:160]
        if child.tag == "skipped":
            return "skipped", words[0][:160]
    return "passed", ""


def results(cell):
    """{test: Result}; a later file's word counts."""
    found = {}
    for path in sorted(cell.folder.glob("*.xml"), key=lambda p: p.stat().st_mtime):
        try:
            root = ET.parse(path).getroot()
        except ET.ParseError:
            continue  # of a run that was killed
        day = time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
        for case in root.iter("testcase"):
            parts = case.get("classname", "").removeprefix("tests.").split(".")
            if parts[0] == "vm":
                name = "/".join(parts[1:]) + ".py::" + case.get("name")
                found[name] = Result(*outcome(case), day)
    return found


def through_libvirt(version):
    """{(guest, qemu, libvirt): Counter of statuses} of `make test-libvirt`, libvirt as it said."""
    found = {}
    for path in sorted(RESULTS.glob(f"*@libvirt-{version}/libvirt-{version}.xml")):
        suite = ET.parse(path).getroot()
        said = next((p.get("value") for p in suite.iter("property") if p.get("name") == "libvirt"),
                    version)
        guest, qemu, _ = path.parent.name.split("@")
        found[guest, qemu, said] = Counter(outcome(case)[0] for case in suite.iter("testcase"))
    return found


def run(cell, names):
    """These tests, in one pytest, whose progress is seen."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    out = cell.folder / f"matrix-{time.strftime('%Y%m%d-%H%M%S')}.xml"
    env = {**cell.env, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    ids = [f"tests/vm/{name}" for name in names]
    subprocess.run([*PYTEST, "-v", f"--junitxml={out}", *ids], cwd=ROOT, env=env, check=False)
