# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tests prove which feature for which pair: tests/vm/matrix.tsv and pytest's own list."""

import fnmatch
import functools
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass

from .cells import DEFAULT, ROOT

TABLE = ROOT / "tests" / "vm" / "matrix.tsv"
PAIRS = {
    "ours": "ours on ours",
    "our-driver": "our driver, stock device",
    "our-device": "stock driver, our device",
    "stock": "stock on stock",
}
ID = re.compile(r"(?:^|-)(our-driver|our-device|ours|stock)$")
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "--stock-pair"]


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


@functools.cache
def rows(cell=DEFAULT):
    """{feature: {pair: [Proof]}} of the tests there are for that cell's guest. Parameters differ by
    machine; for another than this one only the tests marked `arch` are meant."""
    return _picked(_known(cell), strict=not cell.foreign)


def _picked(names, strict):
    found = defaultdict(lambda: defaultdict(list))
    for feature, pattern, pairs, why in table():
        fault, pair = pairs.startswith("!"), pairs.lstrip("!")
        if pattern == "-":
            found[feature][pair].append(Proof("", why=why))
            continue
        hits = [name for name in names if matches(name, pattern)]
        if not hits and strict:
            raise SystemExit(f"matrix: {TABLE.name}: no test is called {pattern}")
        for name in hits:
            found[feature][pair_of(name) if pair == "id" else pair].append(Proof(name, fault))
    return found


def _known(cell):
    """Names of all tests for its guest, as in the table."""
    done = subprocess.run(
        [*PYTEST, "-q", "--collect-only", "tests/vm", *(["-m", "arch"] if cell.foreign else [])],
        cwd=ROOT, env=cell.env, capture_output=True, text=True, timeout=120, check=False,
    )
    names = [line.strip() for line in done.stdout.splitlines() if "::" in line]
    if not names:
        raise SystemExit("matrix: pytest finds no tests: "
                         + (done.stderr or done.stdout).strip()[-300:])
    return [name.removeprefix("tests/").removeprefix("vm/") for name in names]
