# SPDX-License-Identifier: GPL-2.0-or-later
"""Closes a run of scripts/test.sh: what its kinds of tests came to, by their JUnit files, and the
ten slowest tests. Ends with 0 only where nothing failed and every kind ran something. Of a whole
run it says which rows of spec/conformance.tsv its tests prove, and names the others.

usage: totals.py SECONDS FOLDER    FOLDER/KIND has the kind's exit status in `status`, and *.xml
"""

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import conformance

SLOWEST = 10


def suites(folder):
    """(file, suite) of a kind's files; LookupError names a file that says nothing."""
    for path in sorted(folder.glob("*.xml")):
        try:
            for suite in ET.parse(path).getroot().iter("testsuite"):
                yield path.stem, suite
        except ET.ParseError as error:
            raise LookupError(f"{path.name} is not whole: {error}") from error


def name_of(case, stem):
    return f"{case.get('classname', stem).replace('.', '/')}::{case.get('name')}"


def kind_of(folder):
    """(Counter, [(seconds, test)], why it failed though no test did) of one kind."""
    count, slow, why = Counter(), [], ""
    status = int((folder / "status").read_text() or 1)
    if not any(folder.glob("*.xml")):
        # a check without a report of its own is one test
        count["failed" if status else "passed"] += 1
        return count, slow, ""
    try:
        for stem, suite in suites(folder):
            ran, skipped, bad = (sum(int(suite.get(key) or 0) for key in keys) for keys in
                                 (["tests"], ["skipped"], ["failures", "errors"]))
            count.update(passed=max(ran - skipped - bad, 0), skipped=skipped, failed=bad)
            slow += [(float(case.get("time") or 0), f"{folder.name}: {name_of(case, stem)}")
                     for case in suite.iter("testcase")]
    except LookupError as error:
        why = str(error)
    if status and not count["failed"]:
        why = why or f"it ended with {status}"
    if not count["passed"] and not count["failed"]:
        why = why or "no test ran"
    if why:
        count["failed"] += 1
    return count, slow, why


def show_proofs(folder):
    """What the tests of the conformance table came to, where all kinds that it names ran. A test
    that skipped, or that runs only in `make test-long`, proves nothing here."""
    if not all((folder / kind).exists() for kind in ("unit", "qtest", "guests")):
        return
    rows = conformance.proofs(conformance.read(), conformance.came_of(folder))
    print(f"\nconformance: {len(rows['passed'])} rows proven by this run"
          + "".join(f"; {what}: {' '.join(rows[what])}" for what in ("not run", "skipped", "failed")
                    if rows[what]))


def main(seconds, folder):
    total, slow, bad = Counter(passed=0, failed=0, skipped=0), [], []
    for kind in sorted(path for path in folder.iterdir() if (path / "status").exists()):
        count, took, why = kind_of(kind)
        total.update(count)
        slow += took
        if count["failed"]:
            bad.append(f"{kind.name} ({why})" if why else kind.name)
    slow = [one for one in slow if one[0] >= 1]
    if slow:
        print("\nslowest:")
        for took, name in sorted(slow, reverse=True)[:SLOWEST]:
            print(f"{took:8.1f} s  {name}")
    show_proofs(folder)
    if bad:
        print("\nfailed: " + ", ".join(bad))
    print(f"\n===== {total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped"
          f" in {seconds} s =====")
    return bool(total["failed"] or not total["passed"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
