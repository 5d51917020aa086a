# SPDX-License-Identifier: GPL-2.0-or-later
"""What QEMU's own trace events saw: what passed between guest and device, by neither's word.

Lines go to QEMU's log (the `log` trace backend, which Debian and we build with).
"""

from contextlib import contextmanager


class Seen:
    """.lines: of the events asked for, in order; complete after the with block."""

    def __init__(self):
        self.lines = []

    def count(self, word=""):
        return sum(1 for line in self.lines if word in line)


@contextmanager
def traced(vm, *events):
    """with traced(vm, "virtio_notify") as seen: ...; then seen.lines."""
    seen = Seen()
    start = len(vm.qemu_log())
    vm.qmp.hmp("log " + ",".join(f"trace:{event}" for event in events))
    try:
        yield seen
    finally:
        vm.qmp.hmp("log none")
        for event in events:
            vm.qmp.cmd("trace-event-set-state", name=event, enable=False)
    # a busy guest's line may be cut by another thread's: the name is what counts
    seen.lines = [
        line for line in vm.qemu_log()[start:].splitlines() if any(e in line for e in events)
    ]
