# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds complaints in a kernel's log: a splat fails the test that passed beside it.

Pure text; `find` returns the first lines of each complaint.
"""

import re

SPLATS = re.compile(
    r"""BUG:|kernel\ BUG\ at|WARNING:|INFO:\ (?:task|rcu|trying|suspicious)|KASAN:|KCSAN:|UBSAN:|
        Oops|general\ protection\ fault|unable\ to\ handle|Kernel\ panic|
        Bad\ page|bad\ page|bad_page|
        possible\ (?:circular|recursive|irq)|inconsistent\ lock\ state|lock\ held\ when\ returning|
        blocked\ for\ more\ than|soft\ lockup|hard\ LOCKUP|self-detected\ stall|
        kmemleak:\ \d+\ new\ suspected|unreferenced\ object|
        ODEBUG:|list_(?:add|del)\ corruption|refcount_t:|Call\ Trace:|
        sleeping\ function\ called|scheduling\ while\ atomic|
        Out\ of\ memory:|invoked\ oom-killer|page\ allocation\ failure""",
    re.VERBOSE,
)

# The kernel's own habits under TCG, nothing to do with a balloon.
HARMLESS = re.compile(
    r"""WARNING:\ Support\ for|Spectre|Speculative|unsafe\ parameter|
        clocksource:|TSC\ unstable|tainting\ kernel|taints\ kernel""",
    re.VERBOSE,
)

# Linux 6.1's own: hot-plug by the slots' registers takes two of its locks in both orders.
PCIEHP = re.compile(
    r"WARNING: possible circular locking[^\n]*\n(?:[^\n]*\n){2}"
    r"[^\n]*-pciehp/\d+ is trying to acquire lock:.*?</TASK>",
    re.DOTALL,
)

# What KCSAN found: the kernel has data races of its own, ours have our code at one of the two
# places. Who only called what races is not at fault.
RACE = re.compile(r"[^\n]*={60,}\n[^\n]*BUG: KCSAN:.*?={60,}", re.DOTALL)
OUR_RACE = re.compile(r" by (?:task|interrupt)[^\n]*\n[^\n]*\[virtio_balloon\]")


def find(text, allow=()):
    """Offending lines, oldest first, without repeats. allow: regular
    expressions of lines that this test expects (an OOM kill, say)."""
    allowed = [re.compile(pattern) for pattern in allow]
    found = []
    text = RACE.sub(lambda race: race[0] if OUR_RACE.search(race[0]) else "", text)
    for line in PCIEHP.sub("", text).splitlines():
        if not SPLATS.search(line) or HARMLESS.search(line):
            continue
        if any(pattern.search(line) for pattern in allowed):
            continue
        words = re.sub(r"^(<\d+>)?\[[^\]]*\]\s*", "", line.strip())
        if words not in found:
            found.append(words)
    return found


def death(text):
    """One line, where the kernel of this console panicked: its first complaint, and where it was
    then; else nothing."""
    if "Kernel panic" not in text:
        return ""
    where = re.search(r"RIP: \S*:(\S+)", text)
    return find(text)[0] + (f" at {where.group(1)}" if where else "")
