# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints who works with whom: feature by feature, each driver on each device.

Every cell is what came of tests (build/results/*.xml, written by `make test-vm` and the
like; the newest result of a test counts), picked by tests/vm/matrix.tsv. Tests of the
table without a result are run first. Owns build/results/matrix-*.xml; writes README.md
between its two marks when asked with --readme.
"""

import argparse
import fnmatch
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "build" / "results"
TABLE = ROOT / "tests" / "vm" / "matrix.tsv"
PAIRS = {
    "ours": "ours on ours",
    "our-driver": "our driver, stock device",
    "our-device": "stock driver, our device",
    "stock": "stock on stock",
}
ID = re.compile(r"(?:^|-)(our-driver|our-device|ours|stock)$")
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "--stock-pair"]
MARKS = "<!-- matrix -->", "<!-- /matrix -->"


@dataclass(frozen=True)
class Result:
    """What came of one test. status: passed, failed, skipped; day: when."""

    status: str
    why: str = ""
    day: str = ""


@dataclass(frozen=True)
class Proof:
    """One test of a cell. fault: it passes when this pair fails. why: no test, for that reason."""

    test: str
    fault: bool = False
    why: str = ""


def table():
    """(feature, pattern, pairs, why not) per row, in order."""
    lines = [line for line in TABLE.read_text().splitlines() if line and line[0] != "#"]
    return [tuple((line.split("\t") + [""])[:4]) for line in lines[1:]]


def pair_of(name):
    """Which pair a test of this name speaks for."""
    found = re.search(r"\[(.*)\]$", name)
    found = found and ID.search(found.group(1))
    return found.group(1) if found else "ours"


def matches(name, pattern):
    # only * is special: brackets belong to the names
    return fnmatch.fnmatchcase(name, re.sub(r"\[", "[[]", pattern))


def picked(names):
    """{feature: {pair: [Proof]}}"""
    rows = defaultdict(lambda: defaultdict(list))
    for feature, pattern, pairs, why in table():
        fault, pair = pairs.startswith("!"), pairs.lstrip("!")
        if pattern == "-":
            rows[feature][pair].append(Proof("", why=why))
            continue
        hits = [name for name in names if matches(name, pattern)]
        if not hits:
            sys.exit(f"matrix: {TABLE.name}: no test is called {pattern}")
        for name in hits:
            rows[feature][pair_of(name) if pair == "id" else pair].append(Proof(name, fault))
    return rows


def known():
    """Names of all tests, as in the table."""
    done = subprocess.run(
        [*PYTEST, "-q", "--collect-only", "tests/vm"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )
    names = [line.strip() for line in done.stdout.splitlines() if "::" in line]
    if not names:
        sys.exit(f"matrix: pytest finds no tests: {(done.stderr or done.stdout).strip()[-300:]}")
    return [name.removeprefix("tests/").removeprefix("vm/") for name in names]


def results():
    """{test: Result}; a later file's word counts. Those of a checking kernel are another matter."""
    found = {}
    for path in sorted(RESULTS.glob("*.xml"), key=lambda p: p.stat().st_mtime):
        if path.name.startswith("debug"):
            continue
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


def outcome(case):
    for child in case:
        words = (child.get("message") or "").splitlines()[:1] or [""]
        if child.tag in ("failure", "error"):
            return "failed", re.sub(r"^\S*(Error|Failed): ", "", words[0])[:160]
        if child.tag == "skipped":
            return "skipped", words[0][:160]
    return "passed", ""


def run(names):
    """These tests, in one pytest, whose progress is seen."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    out = RESULTS / f"matrix-{time.strftime('%Y%m%d-%H%M%S')}.xml"
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    ids = [f"tests/vm/{name}" for name in names]
    subprocess.run([*PYTEST, "-v", f"--junitxml={out}", *ids], cwd=ROOT, env=env, check=False)


def verdict(proof, found):
    """(word, reason) of one proof."""
    if not proof.test:
        return "n/a", proof.why
    result = found.get(proof.test, Result("not run"))
    if proof.fault and result.status == "passed":
        return "fails", f"`{proof.test}` shows it"
    why = f"`{proof.test.split('[')[0]}`: {result.why}" if result.why else ""
    return result.status, why


def cell(proofs, found, notes):
    """What came of these tests, in a few words; reasons go to notes."""
    seen = defaultdict(list)
    for proof in proofs:
        word, why = verdict(proof, found)
        seen[word].append(why)
    words = []
    for word in ("failed", "fails", "passed", "skipped", "not run", "n/a"):
        if word not in seen:
            continue
        text = word if len(proofs) == 1 else f"{len(seen[word])} {word}"
        marks = sorted({note(notes, why) for why in seen[word] if why})
        words.append((f"**{text}**" if word == "failed" else text)
                     + "".join(f" [{mark}]" for mark in marks))
    return ", ".join(words) or "–"


def note(notes, why):
    """The number of a reason; who has the same shares it."""
    if why not in notes:
        notes.append(why)
    return notes.index(why) + 1


def versions():
    """One line: what met whom."""
    def said(*command):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60,
                              check=False)
        return done.stdout

    paths = dict(line.split("=", 1) for line in said("bash", "scripts/paths.sh", "--all").split())
    stock = re.search(r"version (.*)", said(paths["STOCK_QEMU"], "--version"))
    return (f"guest kernel {paths['RELEASE']}, stock QEMU {stock.group(1) if stock else '?'}, ours "
            f"built from the same source; hinting and the running guest's migration on QEMU 10.0")


def render(rows, found):
    notes = []
    used = [proof.test for pairs in rows.values() for proofs in pairs.values() for proof in proofs]
    days = sorted({found[name].day for name in used if name in found}) or ["never"]
    lines = [f"Run {' to '.join(dict.fromkeys((days[0], days[-1])))}: {versions()}.", ""]
    lines += ["| feature | " + " | ".join(PAIRS.values()) + " |", "|---" * (len(PAIRS) + 1) + "|"]
    for feature, pairs in rows.items():
        cells = [cell(pairs.get(pair, []), found, notes) for pair in PAIRS]
        lines.append(f"| {feature} | " + " | ".join(cells) + " |")
    lines += ["", "n/a: this pair cannot have it. –: no test speaks for this pair.", ""]
    lines += [f"{number}. {text}" for number, text in enumerate(notes, 1)]
    return "\n".join(lines).rstrip()


def into_readme(text):
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    readme.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-run", action="store_true", help="only what has a result already")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    args = parser.parse_args()
    rows = picked(known())
    found = results()
    wanted = [(pair, proof) for pairs in rows.values() for pair, proofs in pairs.items()
              for proof in proofs if proof.test]
    names = list(dict.fromkeys(proof.test for _, proof in wanted))
    lacking = [name for name in names if name not in found]
    if lacking and not args.no_run:
        print(f"matrix: {len(lacking)} of {len(names)} tests have no result: running them")
        run(lacking)
        found = results()
    text = render(rows, found)
    print(text)
    if args.readme:
        into_readme(text)
    # what stock does alone is for comparison
    sys.exit(any(found.get(proof.test, Result("")).status == "failed"
                 for pair, proof in wanted if pair != "stock"))


if __name__ == "__main__":
    main()
