# SPDX-License-Identifier: GPL-2.0-or-later
"""Bounded waits for a condition.

Every wait in the lab goes through here or through a socket with a timeout, so
that nothing waits for ever and nothing waits longer than it must. A listener
(progress.py's bar, say) may follow each wait.
"""

import time

from .errors import LabError

POLL_S = 0.02


def wait_for(condition, timeout, what, poll=POLL_S, tick=None):
    """Calls condition() until it is true and returns its value.

    timeout in seconds; LabError naming `what` when it passes. tick(fraction of
    the timeout used) is called between two looks.
    """
    start = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        passed = time.monotonic() - start
        if passed > timeout:
            raise LabError(f"{what}: did not happen within {timeout:g} s")
        if tick:
            tick(min(passed / timeout, 1.0))
        time.sleep(poll)
