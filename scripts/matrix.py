# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints who works with whom: each driver on each device, each guest kernel on each QEMU.

Every word of the tables is what came of tests (of `make test-vm` and the like, too; the
newest result of a test counts). One of an older driver, device or test is shown as stale
and counts as none. What has no result yet in the cells asked for, by default the one that
GUEST and QEMU_VERSION name, is run first. --results writes the tables into tests/RESULTS.md.
"""

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

import marks
from matrixlib import cells, proofs, tables
from matrixlib.results import Result, results, run

RESULTS = cells.ROOT / "tests" / "RESULTS.md"


def wanted(cell):
    """[(pair, test)] that the tables want of this cell."""
    whole = cell == cells.DEFAULT
    found = [(pair, proof.test) for row in proofs.rows(cell).values()
             for pair, choice in row.items() for proof in choice
             if proof.test and (whole or pair == "ours" and not tables.owed(proof, cell))]
    return list(dict.fromkeys(found))


def fill(cell, again):
    """Runs what has no result; all of it @again."""
    names = list(dict.fromkeys(name for _, name in wanted(cell)))
    found = {} if again else results(cell)
    lacking = [name for name in names if name not in found or found[name].status == "stale"]
    if not lacking:
        return
    print(f"matrix: {cell}: {len(lacking)} of {len(names)} tests to run", flush=True)
    if cell.build():
        run(cell, lacking)
    else:
        print(f"matrix: {cell}: cannot be built", flush=True)


def count(chosen):
    """How the tests of these cells ended; what stock does alone is for comparison."""
    seen = Counter()
    for cell in chosen:
        found = results(cell)
        seen.update(found.get(name, Result("not run")).status
                    for pair, name in wanted(cell) if pair != "stock")
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-run", action="store_true", help="only what has a result already")
    parser.add_argument("--again", action="store_true", help="run also what has one")
    parser.add_argument("--results", action="store_true",
                        help="put the tables into tests/RESULTS.md")
    parser.add_argument("--cells", nargs="+", metavar="CELL",
                        help="all, GUEST@QEMU, GUEST@ (on each QEMU), @QEMU (each kernel)")
    args = parser.parse_args()
    chosen = cells.named(args.cells) if args.cells else [cells.current()]
    started = time.monotonic()
    if not args.no_run:
        for cell in chosen:
            fill(cell, args.again)
    text = "\n\n".join((tables.pairs(), "### Each kernel on each QEMU",
                        tables.kernels(), tables.libvirts())).rstrip()
    print(text)
    if args.results:
        marks.put(RESULTS, {"matrix": text, "runs": tables.runs()})
    seen = count(chosen)
    words = ("passed", "failed", "skipped", "stale", "not run")
    said = ", ".join(f"{seen[word]} {word}" for word in words)
    print(f"\n{said} in {time.monotonic() - started:.1f} s")
    lacking = 0 if args.no_run else seen["stale"] + seen["not run"]
    if os.environ.get("JUNIT"):
        Path(os.environ["JUNIT"]).write_text(
            f'<testsuite tests="{seen.total()}" failures="{seen["failed"] + lacking}" '
            f'skipped="{seen["skipped"]}"/>\n')
    sys.exit(bool(seen["failed"] or lacking))


if __name__ == "__main__":
    main()
