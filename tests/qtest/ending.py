# SPDX-License-Identifier: GPL-2.0-or-later
"""How a QEMU ends, and what is wrong with that."""

import re
import signal


class QemuFault(Exception):
    """QEMU did not end as it should: by a signal, not at all, or with a sanitizer's report."""


# A sanitizer's first words, and those of an abort().
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:.*|Assertion .* failed|"
                    r"SUMMARY: \S+Sanitizer")
# A leak check walks all of guest memory.
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
              "UBSAN_OPTIONS": "print_stacktrace=1"}


def fault(code, log, asked=False):
    """What is wrong with a QEMU that ended with this status and this log; None: nothing.

    asked: it was sent SIGTERM, which ends it in order, or at once where it still starts.
    """
    if REPORT.search(log):
        return REPORT.search(log)[0]
    if code < 0 and not (asked and code == -signal.SIGTERM):
        return f"ended by {signal.Signals(-code).name}"
    return None
