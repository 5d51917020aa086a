# SPDX-License-Identifier: GPL-2.0-or-later
"""A moment of what `make fuzz` does for ten minutes, on the ordinary emulator:
that the fuzzers work, and that what they once found stays found.
"""

import pathlib
import subprocess
import sys

import pytest

FUZZ = pathlib.Path(__file__).resolve().parents[1] / "fuzz"


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def test_kept_inputs(tmp_path):
    run("make", "-s", "-C", str(FUZZ), "replay", f"OUT={tmp_path}")


@pytest.mark.parametrize("seed", [2, 7, 2017])
def test_device(ours, seed):
    run(sys.executable, str(FUZZ / "device/fuzz_device.py"), "--binary", ours, "--seed", str(seed),
        "--episodes", "1")
