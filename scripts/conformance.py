# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks spec/conformance.tsv: which rule of the VIRTIO 1.4 balloon section is proven by which
test. Reads files only; runs no test.

Complete (as many statements as the section has), each id once, every test that is named exists,
and whatever MUST or SHOULD is proven by one, or says why it is not followed. --list prints the
tests that are named, once each. After a run of the tests totals.py asks what they came to: a row
is proven by tests that passed, not by their names.
"""

import collections
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLE = "spec/conformance.tsv"
COLUMNS = ["id", "section", "side", "level", "rule", "test", "status"]
SIDES = {"driver", "device"}
LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"}
# Statements of the section; a legacy one that binds both sides is two rows, "<id>.<side>".
STATEMENTS = {"driver": 42, "device": 14, "legacy": 9}
STATUS = re.compile(r"(proven)(: .+)?|(not followed|not applicable): .+")


def tests_of(row):
    return row["test"].split()


def proven(row):
    return row["status"].startswith("proven")


def read():
    lines = (ROOT / TABLE).read_text().splitlines()
    if lines[0].split("\t") != COLUMNS:
        sys.exit(f"{TABLE}: the first line must name the columns {' '.join(COLUMNS)}")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            sys.exit(f"{TABLE}:{number}: {len(cells)} columns, not {len(COLUMNS)}")
        rows.append(dict(zip(COLUMNS, cells), line=number))
    return rows


def kind(row):
    return "legacy" if row["id"].startswith("legacy-") else row["side"]


def faults_of_row(row):
    if row["side"] not in SIDES:
        yield f"side {row['side']!r}"
    if row["level"] not in LEVELS:
        yield f"level {row['level']!r}"
    if not re.fullmatch(r"5\.5(\.\d+)+", row["section"]):
        yield f"section {row['section']!r}"
    if not row["rule"]:
        yield "no rule"
    if not STATUS.fullmatch(row["status"]):
        yield "the status must be proven, or not followed or not applicable with a reason"
    if proven(row) and not tests_of(row):
        yield "proven, but by no test"
    for test in tests_of(row):
        why = missing(test)
        if why:
            yield f"{test}: {why}"


def missing(test):
    """Why there is no such test, or None. In C its name must also be among those that run."""
    path, _, name = test.partition("::")
    try:
        text = (ROOT / path).read_text()
    except OSError as error:
        return error.strerror
    if path.endswith(".py"):
        found = re.search(rf"^def {re.escape(name)}\(", text, re.M)
    else:
        found = (re.search(rf"^static void {re.escape(name)}\(void \*\*", text, re.M)
                 and re.search(rf"\b\w+\({re.escape(name)}[,)]", text.partition("int main(")[2]))
    return None if found else "not there"


def faults(rows):
    for row in rows:
        for fault in faults_of_row(row):
            yield f"{TABLE}:{row['line']}: {row['id']}: {fault}"
    for name, n in collections.Counter(row["id"] for row in rows).items():
        if n > 1:
            yield f"{TABLE}: {name} is there {n} times"
    statements = {(kind(row), row["id"].partition(".")[0]) for row in rows}
    for which, wanted in STATEMENTS.items():
        n = sum(k == which for k, _ in statements)
        if n != wanted:
            yield f"{TABLE}: {n} statements for {which}, the section has {wanted}"


def came_of(folder):
    """{(file without its ending, test): {"passed", "failed", "skipped"}} of the JUnit files that
    scripts/test.sh left in @folder. A test in C has a file for each program: NAME-GROUP.xml. A
    file that is not whole says nothing."""
    came = collections.defaultdict(set)
    for path in folder.glob("*/*.xml"):
        try:
            cases = list(ET.parse(path).getroot().iter("testcase"))
        except ET.ParseError:
            continue
        for case in cases:
            place = (case.get("classname") or f"test_{path.stem.partition('-')[0]}").split(".")[-1]
            tags = {child.tag for child in case}
            outcome = ("failed" if tags & {"failure", "error"}
                       else "skipped" if "skipped" in tags else "passed")
            came[place, case.get("name").partition("[")[0]].add(outcome)
    return came


def proofs(rows, came):
    """{"passed", "failed", "skipped" or "not run": [id]} of the rows that say they are proven. A
    row is only as good as the worst of its tests that ran."""
    found = collections.defaultdict(list)
    for row in filter(proven, rows):
        outcomes = set()
        for test in tests_of(row):
            path, _, name = test.partition("::")
            outcomes |= came.get((pathlib.PurePath(path).stem, name), set())
        worst = next((o for o in ("failed", "passed", "skipped") if o in outcomes), "not run")
        found[worst].append(row["id"])
    return found


def main():
    rows = read()
    if sys.argv[1:] == ["--list"]:
        print("\n".join(sorted({test for row in rows for test in tests_of(row)})))
        return
    found = list(faults(rows))
    if found:
        sys.exit("\n".join(found))
    total = sum(STATEMENTS.values())
    print(f"conformance: {total} statements, {sum(map(proven, rows))} of {len(rows)} rows proven, "
          f"{sum(row['status'].startswith('not followed') for row in rows)} not followed")


if __name__ == "__main__":
    main()
