# SPDX-License-Identifier: GPL-2.0-or-later
"""Of which sources a result is: what a run writes into its file, and what the checkout has now."""

import functools
import subprocess

from .cells import ROOT

KINDS = ("driver", "device", "tests")


@functools.cache
def now():
    """{driver, device, tests: a hash; commit} of the checkout, by scripts/sources.sh; "unknown"
    where git does not know it."""
    done = subprocess.run(["bash", str(ROOT / "scripts/sources.sh")], capture_output=True,
                          text=True, timeout=60, check=False)
    if done.returncode:
        return dict.fromkeys((*KINDS, "commit"), "unknown")
    return {key.lower(): value for key, value in
            (line.split("=", 1) for line in done.stdout.splitlines())}


def of_run(paths):
    """The same for a run that begins now; the driver is the one that was built (vmlab's Paths)."""
    built = paths.driver and paths.driver.parent / "sources"
    driver = built.read_text().strip() if built and built.exists() else "unknown"
    return {**now(), "driver": driver}


def stale(found):
    """What of these sources is not the checkout's any more: "driver and tests", say."""
    return " and ".join(kind for kind in KINDS
                        if found.get(kind) in (None, "unknown") or found[kind] != now()[kind])
