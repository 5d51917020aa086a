# SPDX-License-Identifier: GPL-2.0-or-later
"""What passed between guest and host, and what the guest did, counted by neither: QEMU's own
trace event of a notification, strace on its system calls, a plugin of its emulation on
instructions. All slow the guest: rounds that count are not timed.
"""

import os
import re
import signal
import struct
import subprocess
from contextlib import contextmanager

from vmlab.errors import LabError
from vmlab.waits import wait_for

EVENT = "virtio_queue_notify"
# One process_madvise takes many ranges: how many there were, our device's own
# trace event says (the stock device has one call a range, and no such event).
CALLS = ("madvise", "fallocate", "process_madvise")
RANGE = "ballonet_discard"


class Notifications:
    """.by_queue after the with block: {queue index: notifications}; .ranges: memory
    given back by our device. The guest has one virtio device, the balloon."""

    def __init__(self):
        self.by_queue = {}
        self.ranges = 0

    @property
    def total(self):
        """Of all queues but 2, statistics, which goes its own way."""
        return sum(count for queue, count in self.by_queue.items() if queue != 2)


@contextmanager
def _logged(vm, *events):
    """Yields a list, to hold the trace's lines after the with block."""
    lines = []
    log = vm.dir / "qemu.log"
    start = log.stat().st_size
    vm.qmp.hmp("log " + ",".join(f"trace:{event}" for event in events))
    try:
        yield lines
    finally:
        vm.qmp.hmp("log none")
        for event in events:
            vm.qmp.cmd("trace-event-set-state", name=event, enable=False)
    with open(log, encoding="utf-8", errors="replace") as file:
        file.seek(start)
        lines.extend(file)


@contextmanager
def notifications(vm):
    seen = Notifications()
    with _logged(vm, EVENT, f"{RANGE}*") as lines:
        yield seen
    for line in lines:
        seen.ranges += f"{RANGE} " in line
        found = re.search(rf"{EVENT} vdev \S+ n (\d+)", line)
        if found:
            queue = int(found.group(1))
            seen.by_queue[queue] = seen.by_queue.get(queue, 0) + 1


class Slices:
    """.worst_ms after the with block: the longest that our device held QEMU's lock,
    by its own trace event; None where the device has none."""

    worst_ms = None


@contextmanager
def slices(vm):
    seen = Slices()
    with _logged(vm, "ballonet_slice*") as lines:
        yield seen
    held = [int(found.group(1)) for line in lines
            for found in re.finditer(r"ballonet_slice .* ns: (\d+)", line)]
    if held:
        seen.worst_ms = max(held) / 1e6


class Instructions:
    """.args are QEMU's; read() tells how many instructions its guest has executed so far."""

    def __init__(self, plugin, path):
        self.args = ("-plugin", f"{plugin},counts={path}")
        self._path = path

    def read(self):
        """A counter for each vCPU, at the start of 64 bytes."""
        return sum(found[0] for found in struct.iter_unpack("Q56x", self._path.read_bytes()))


@contextmanager
def instructions(bench, emulator):
    """Yields an Instructions, for "ours", "stock" or the path of an earlier emulator of our
    version. A guest that is started meanwhile is emulated: what KVM runs nobody counts."""
    before = os.environ.get("VMLAB_ACCEL")
    os.environ["VMLAB_ACCEL"] = "tcg"
    try:
        plugin = bench.plugins.get(emulator, bench.plugins["ours"])
        yield Instructions(plugin, bench.folder / "instructions")
    finally:
        if before is None:
            del os.environ["VMLAB_ACCEL"]
        else:
            os.environ["VMLAB_ACCEL"] = before


class Calls:
    """.counts after the with block: {system call: how often}."""

    def __init__(self):
        self.counts = dict.fromkeys(CALLS, 0)

    @property
    def total(self):
        return sum(self.counts.values())


@contextmanager
def discards(vm, folder):
    """Calls by which a process gives memory back; a QEMU at rest makes none."""
    seen = Calls()
    table, log = folder / "strace.table", folder / "strace.log"
    command = ["strace", "-f", "-c", "-U", "name,calls", "-e", f"trace={','.join(CALLS)}"]
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [*command, "-o", str(table), "-p", str(vm.pid)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )

    def attached():
        text = log.read_text(errors="replace")
        if process.poll() is not None:
            raise LabError(f"strace: {text.strip().splitlines()[-1:] or 'ended at once'}")
        return "attached" in text

    try:
        wait_for(attached, 20, "strace")
        yield seen
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    for line in table.read_text(errors="replace").splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in seen.counts:
            seen.counts[words[0]] = int(words[1])
