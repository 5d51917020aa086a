# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbered examples of spec/page-ops.md, replayed from its text."""

import pathlib
import re

import pytest

from balloon import INFLATE, PAGE
from ops import CONFIG, OpsBalloon, op, raw

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "spec/page-ops.md").read_text()
EXAMPLES = {int(number): (what, answers, state) for number, what, answers, state in re.findall(
    r"^(\d+)\. (.*?) => (.*?) ?\[(.*)\]$", TEXT[TEXT.index("## 7"):].replace("\n   ", " "), re.M)}

# Those whose buffer the text describes in words, as bytes; the answer is the text's.
BYTES = {
    12: lambda b: raw(9, 0x400000, 1),
    13: lambda b: raw("I", 0x400800, 1),
    19: lambda b: op("I", 1024, 1, reserved=1),
    20: lambda b: raw("I", 0x400000, 1, 4096),
    21: lambda b: op("I", 1024, 1) + bytes(12),
    22: lambda b: b"",
    23: lambda b: op("D", 1024, 1) * (b.io.config_read(CONFIG + 4) + 1),
    28: lambda b: op("I", 1024, 1)[:12],
}
# And those that are not one buffer and its answer after another: tests of their own below.
STORIES = {24, 25, 26}


def operations(text):
    """[(kind, number, ...), ...] of "I 1024 4, D 1025 2"."""
    for one in text.split(", "):
        kind, *numbers = one.split(" ")
        yield (kind, *(int(n, 0) for n in numbers))


def ballooned(state):
    """[(page, n), ...] of "1024-1025, 2048"."""
    for run in state.split(","):
        if run.strip():
            first, _, last = run.strip().partition("-")
            yield int(first), int(last or first) - int(first) + 1


def start(boot):
    return boot(driver=OpsBalloon, memory="64M")


def test_every_example_is_here():
    listed = [int(n) for n in re.findall(r"^(\d+)\. ", TEXT[TEXT.index("## 7"):], re.M)]
    assert listed == list(range(1, len(listed) + 1))
    assert set(EXAMPLES) == set(listed)
    assert set(BYTES) | STORIES <= set(listed)


@pytest.mark.parametrize("number", sorted(set(EXAMPLES) - STORIES))
def test_example(boot, number):
    what, answers, state = EXAMPLES[number]
    b = start(boot)
    buffers = ([BYTES[number](b)] if number in BYTES else
               [b"".join(op(*o) for o in operations(text))
                for text in re.findall(r"`([^`]*)`", what)])
    expected = [(name, int(index)) for name, index in re.findall(r"([A-Z_]+) (\d+)", answers)]
    assert len(buffers) == len(expected)
    assert [b.send_raw(data) for data in buffers] == expected
    assert b.holds(*ballooned(state))


def test_example_24(boot):
    assert EXAMPLES[24][1:] == ("DEVICE_NEEDS_RESET", " ")
    b = start(boot)
    head, at = b.offer(op("I", 1024, 1), room=4)
    b.kick(b.number)
    b.m.until(b.needs_reset, "DEVICE_NEEDS_RESET")
    assert b.opsq.take_used() == [] and head == 0
    assert b.m.read(at, 4) == b"\xee" * 4
    assert b.shown("balloon-pages") == 0
    b.bring_up()
    b.ok(("I", 1024, 1))


def test_example_25(boot):
    assert EXAMPLES[25][1:] == ("used, nothing done", " ")
    b = start(boot)
    b.m.fill(1024 * PAGE, PAGE)
    b.send(INFLATE, [1024])
    assert b.shown("balloon-pages") == 0 and b.shown("closed-buffers") == 1
    assert b.m.backed(1024 * PAGE, 1) == 1


def test_example_26(boot):
    assert EXAMPLES[26][1] == "OK 1"
    b = start(boot)
    b.ok(("I", 1024, 4))
    b.bring_up()
    assert b.shown("balloon-pages") == 0
    b.ok(("I", 1024, 4))
    assert b.holds((1024, 4))
