# SPDX-License-Identifier: GPL-2.0-or-later
"""Breaks rules of the specification, one at a time, in a scratch copy of the checkout, and sees
the test that is named for each fail (tests/mutants/README.md).

Owns the scratch copy and the emulators that it builds; the checkout is only read. One thread.
usage: mutants.py [WORD...]    those whose rule, name or test has one of the words; with what
                               their tests said
       mutants.py --check     only whether each of them fits the source as it is
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

import conformance

ROOT = conformance.ROOT
EMULATOR = "qemu-system-x86_64"
BUILD_LIMIT = 900  # seconds; another checkout's build may be waited for
TEST_LIMIT = {"unit": 120, "qtest": 300, "vm": 600}


class Trouble(Exception):
    """Neither killed nor survived: the mutant or the tree is not what it should be."""


def run(command, cwd, limit, **env):
    """(exit status, output); a command out of time counts as failed."""
    try:
        done = subprocess.run(command, cwd=cwd, env={**os.environ, **env}, timeout=limit,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        return 124, f"no end after {limit} s: {(error.stdout or b'')[-500:]!r}"


def last_lines(text, n=8):
    return "\n".join(text.strip().splitlines()[-n:])


def complaint(text):
    """The line by which a failed test says why."""
    found = re.search(r"^(E  .*|\[  ERROR   \].*|.*ERROR: AddressSanitizer.*|no end after .*)",
                      text, re.M)
    return found[1].strip() if found else last_lines(text, 3)


class Tree:
    """A scratch copy of the checkout."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder) / "tree"
        self.out = pathlib.Path(folder) / "qemu"
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT,
            capture_output=True, text=True, check=True).stdout.split("\0")
        for name in filter(None, listed):
            source, target = ROOT / name, self.root / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def make(self, what, command, **env):
        status, text = run(command, self.root, BUILD_LIMIT, **env)
        if status:
            raise Trouble(f"{what} does not build:\n{last_lines(text)}")

    def build(self, tier, path):
        """What a test of that tier runs on."""
        if tier == "unit":
            self.make("the test", ["make", "-s", "-C", "tests/unit", str(self.unit(path))])
        if tier == "qtest":
            self.make("the device", ["bash", "scripts/qemu.sh"], QEMU_OUT=str(self.out))
        if tier == "vm":
            self.make("the device", ["bash", "scripts/qemu.sh"])
            self.make("the driver", ["bash", "scripts/driver.sh"])

    def unit(self, path):
        return self.root / "build/unit" / pathlib.Path(path).stem

    def test(self, test):
        """Builds and runs it; (whether it passed, what it said)."""
        path, _, name = test.partition("::")
        tier = path.split("/")[1]
        self.build(tier, path)
        if tier == "unit":
            status, text = run([str(self.unit(path))], self.root, TEST_LIMIT[tier],
                               TEST=f"{name}*")
            if "[ RUN " not in text:
                raise Trouble(f"{test} did not run:\n{last_lines(text)}")
            return not status, text
        env = {"QEMU": str(self.out / EMULATOR)} if tier == "qtest" else {}
        status, text = run(["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q",
                            "-x", test], self.root, TEST_LIMIT[tier],
                           PYTHONDONTWRITEBYTECODE="1", **env)
        # 0: all passed, 1: some failed; anything else is no verdict of the test's
        if status not in (0, 1, 124) or " passed" not in text and " failed" not in text:
            raise Trouble(f"{test} gives no verdict:\n{last_lines(text)}")
        return not status, text


class Mutant:
    def __init__(self, entry):
        self.name, self.rule, self.test = entry["name"], entry["rule"], entry["test"]
        self.file = entry["file"]
        self.edits = [(entry["old"], entry["new"]), *map(tuple, entry.get("also", []))]

    def matches(self, words):
        text = f"{self.rule} {self.name} {self.test}"
        return not words or any(word in text for word in words)

    def broken(self, source):
        for old, new in self.edits:
            if source.count(old) != 1:
                raise Trouble(f"{self.file} has {source.count(old)} times, not once: {old!r}")
            source = source.replace(old, new)
        return source

    def run_in(self, tree):
        """(whether its test passed, what that said)"""
        path = tree.root / self.file
        source = path.read_text()
        path.write_text(self.broken(source))
        try:
            return tree.test(self.test)
        finally:
            path.write_text(source)


def read():
    mutants = []
    for path in sorted((ROOT / "tests/mutants").glob("*.toml")):
        mutants += map(Mutant, tomllib.loads(path.read_text())["mutant"])
    rows = {row["id"]: row for row in conformance.read()}
    for m in mutants:
        if m.rule not in rows or m.test not in conformance.tests_of(rows[m.rule]):
            sys.exit(f"mutants: {m.rule} is not said to be proven by {m.test}")
    # quick ones first; tests of the same build beside each other
    order = ["unit", "qtest", "vm"]
    return sorted(mutants, key=lambda m: order.index(m.test.split("/")[1]))


def tell(verdict, what, began, more=""):
    print(f"{verdict:9}{what} ({time.monotonic() - began:.0f} s)", flush=True)
    if more:
        print("         " + more.replace("\n", "\n         "), flush=True)


def whole(tree, mutants):
    """The named tests that do not pass on the unbroken tree."""
    bad = set()
    for test in dict.fromkeys(m.test for m in mutants):
        began = time.monotonic()
        try:
            passed, text = tree.test(test)
        except Trouble as trouble:
            passed, text = False, str(trouble)
        if not passed:
            bad.add(test)
            tell("unsound", f"{test} fails on the unbroken tree", began, last_lines(text, 15))
    return bad


def check(mutants):
    """Ends the program; says which mutants no longer fit."""
    bad = 0
    for m in mutants:
        try:
            m.broken((ROOT / m.file).read_text())
        except (Trouble, OSError) as trouble:
            bad += 1
            print(f"mutants: {m.name}: {trouble}")
    sys.exit(bool(bad))


def main():
    began = time.monotonic()
    words = sys.argv[1:]
    if words == ["--check"]:
        check(read())
    mutants = [m for m in read() if m.matches(words)]
    if not mutants:
        sys.exit(f"mutants: none has {' or '.join(words)} in it")
    count = {"killed": 0, "SURVIVED": 0, "unsound": 0}
    with tempfile.TemporaryDirectory(prefix="ballonet-mutants-", dir=os.environ.get("TMPDIR")) as d:
        tree = Tree(d)
        print(f"{len(mutants)} mutants; first the tests as they are", flush=True)
        bad = whole(tree, mutants)
        for m in mutants:
            start, more = time.monotonic(), ""
            try:
                if m.test in bad:
                    raise Trouble("its test fails anyway")
                passed, text = m.run_in(tree)
                verdict = "SURVIVED" if passed else "killed"
                more = complaint(text) if words and not passed else ""
            except Trouble as trouble:
                verdict, more = "unsound", str(trouble)
            count[verdict] += 1
            tell(verdict, f"{m.rule}: {m.name}: {m.test}", start, more)
    print(f"===== {len(mutants)} mutants: {count['killed']} killed, {count['SURVIVED']} survived, "
          f"{count['unsound']} unsound in {time.monotonic() - began:.0f} s =====")
    sys.exit(count["killed"] != len(mutants))


if __name__ == "__main__":
    main()
