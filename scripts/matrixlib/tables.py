# SPDX-License-Identifier: GPL-2.0-or-later
"""The two tables, as Markdown: pair by pair on the default cell, and cell by cell for ours.

A reason gets a number and stands once below its table.
"""

import re
import subprocess
from collections import defaultdict

from .cells import DEFAULT, GUESTS, QEMUS, ROOT, Cell
from . import proofs
from .proofs import PAIRS
from .results import Result, kinds, results, through_libvirt

WORDS = ("failed", "fails", "passed", "skipped", "stale", "not run", "n/a")
LIVE = "under TCG 7.2 loses what a guest writes while it moves, whatever the balloon does"


class Notes:
    """Numbered reasons, each once."""

    def __init__(self):
        self.texts = []

    def mark(self, why):
        if why not in self.texts:
            self.texts.append(why)
        return f" [{self.texts.index(why) + 1}]"

    def lines(self):
        return [f"{number}. {text}" for number, text in enumerate(self.texts, 1)]


def verdict(proof, found):
    """(word, reason) of one proof."""
    if not proof.test:
        return "n/a", proof.why
    result = found.get(proof.test, Result("not run"))
    if proof.fault and result.status == "passed":
        return "fails", f"`{proof.test}` shows it"
    why = f"`{proof.test.split('[')[0]}`: {result.why}" if result.why else ""
    return result.status, why


def words_for(said, notes):
    """What [(word, reason)] come to, in a few words."""
    seen = defaultdict(list)
    for word, why in said:
        seen[word].append(why)
    words = []
    for word in WORDS:
        if word not in seen:
            continue
        text = word if len(said) == 1 else f"{len(seen[word])} {word}"
        marks = "".join(notes.mark(why) for why in sorted(set(seen[word])) if why)
        words.append((f"**{text}**" if word == "failed" else text) + marks)
    return ", ".join(words) or "–"


def days(founds):
    """On which days and of which commits these came about, in words; stale ones do not count."""
    fresh = [result for found in founds for result in found.values() if result.status != "stale"]
    all_days = sorted({result.day for result in fresh})
    if not all_days:
        return "Not run on these sources"
    return ("Run " + " to ".join(dict.fromkeys((all_days[0], all_days[-1])))
            + ", commit " + ", ".join(sorted({result.commit for result in fresh})))


def versions():
    """One line: what met whom in the default cell."""
    def said(*command):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60,
                              env=DEFAULT.env, check=False)
        return done.stdout

    paths = dict(line.split("=", 1) for line in said("bash", "scripts/paths.sh", "--all").split())
    stock = re.search(r"version (.*)", said(paths["STOCK_QEMU"], "--version"))
    return (f"guest kernel {paths['RELEASE']}, stock QEMU {stock.group(1) if stock else '?'}, ours "
            f"built from the same source; hinting and the running guest's migration on QEMU 10.0")


def pairs():
    """Each driver on each device, in the default cell."""
    found, notes, rows = results(DEFAULT), Notes(), proofs.rows()
    used = {proof.test for row in rows.values() for choice in row.values() for proof in choice}
    used = {name: result for name, result in found.items() if name in used}
    lines = [f"{days([used])}: {versions()}.", ""]
    lines += ["| feature | " + " | ".join(PAIRS.values()) + " |", "|---" * (len(PAIRS) + 1) + "|"]
    for feature, row in rows.items():
        said = [words_for([verdict(proof, found) for proof in row.get(pair, [])], notes)
                for pair in PAIRS]
        lines.append(f"| {feature} | " + " | ".join(said) + " |")
    lines += ["", "n/a: this pair cannot have it. –: no test speaks for this pair.", ""]
    return "\n".join(lines + notes.lines()).rstrip()


def owed(proof, cell):
    """Why this cell is not to run this test, or nothing."""
    if not proof.test:
        return proof.why
    return LIVE if proof.test.startswith("live/") and cell.qemu == "7.2" else ""


def kernels():
    """Our pair, for each QEMU a table: features by guest kernels, without cells that never ran."""
    parts = []
    for qemu in QEMUS:
        cells = [cell for cell in (Cell(guest, qemu) for guest in GUESTS) if results(cell)]
        if cells:
            parts.append(kernels_on(qemu, cells))
    return "\n\n".join(parts)


def libvirts():
    """What the tests through libvirt said with a newer one than the cells have; or nothing."""
    lines = [f"- libvirt {said}, guest kernel {guest}, QEMU {qemu}: "
             + ", ".join(f"{count[word]} {word}" for word in WORDS if count[word])
             for (guest, qemu, said), count in through_libvirt("11").items()]
    head = "`make test-libvirt`, all that goes through libvirt:"
    return "\n".join([head, "", *lines]) if lines else ""


def runs():
    """One line for each kind of tests that was run whole: where, how it ended, when, of what."""
    lines = ["| kind | guest kernel @ QEMU | result | day | commit |", "|---|---|---|---|---|"]
    for cell, kind, run_ in kinds():
        count = run_.count()
        said = ", ".join(f"{count[word]} {word}" for word in WORDS if count[word])
        lines.append(f"| {kind} | {cell} | {said} | {run_.day} | {run_.commit} |")
    return "\n".join(lines)


def kernels_on(qemu, cells):
    notes = Notes()
    founds = {cell: results(cell) for cell in cells}
    lines = [f"**QEMU {qemu}**, our driver on our device. {days(founds.values())}.", ""]
    lines += ["| feature | " + " | ".join(GUESTS[cell.guest] for cell in cells) + " |",
              "|---" * (len(cells) + 1) + "|"]
    for feature, row in proofs.rows().items():
        if not any(proof.test for proof in row.get("ours", [])):
            continue
        said = [ours_on(cell, feature, founds[cell], notes) for cell in cells]
        if any(text != "–" for text in said):
            lines.append(f"| {feature} | " + " | ".join(said) + " |")
    lines += ["", *notes.lines()]
    return "\n".join(lines).rstrip()


def ours_on(cell, feature, found, notes):
    """What our pair's tests of a feature came to there."""
    choice = proofs.rows(cell)[feature].get("ours", [])
    run = [verdict(proof, found) for proof in choice if not owed(proof, cell)]
    if run:
        return words_for(run, notes)
    reasons = sorted({owed(proof, cell) for proof in choice})
    return "–" + "".join(notes.mark(why) for why in reasons)
