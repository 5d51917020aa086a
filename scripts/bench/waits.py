# SPDX-License-Identifier: GPL-2.0-or-later
"""What a task does with the host while it moves a ballooned page in MIGRATE_ASYNC,
from the guest kernel's own tracing: a probe on the function that calls a page's
owner (whoever that is), one on the notification of a host, and the scheduler's
event of a task that stops to wait. Knows nothing of either driver.

A notification alone can be a wait: where the emulator handles it on the spot (QEMU
7.2 does for a balloon), the vCPU stands still meanwhile and the driver, when it then
looks for the answer, finds it there and does not sleep.
"""

import gzip
import re
from contextlib import contextmanager
from dataclasses import dataclass

from vmlab.errors import LabError

TRACING = "/sys/kernel/tracing"
MOVER = "move_to_new_folio"
# Offset of page->mapping on x86-64; its low bits say whose page it is.
ENTRY = f"p:bench/begin {MOVER} mapping=+24(%si):x64 mode=%dx:u32"
EXIT = f"r256:bench/end {MOVER} ret=$retval:s32"
NOTIFIER = "vp_notify"  # of a PCI transport; called through a pointer, so never inlined
KICK = f"p:bench/kick {NOTIFIER}"
MOVABLE, KIND_MASK = 2, 3
ASYNC = 0
# Asleep, not merely preempted (which the kernel shows as 256 and above).
SLEEP = "prev_state > 0 && prev_state < 256"
BUFFER_KIB = 24576
LINE = re.compile(r"^\s*(.+)-(\d+)\s+\[\d+\].*?\d+\.\d+: (\w+): (.*)$")


@dataclass
class Seen:
    """moved: ballooned pages moved in MIGRATE_ASYNC; refused: attempts that failed;
    waits: sleeps inside either; kicks: notifications inside either."""

    moved: int = 0
    refused: int = 0
    waits: int = 0
    kicks: int = 0


@contextmanager
def watched(vm):
    seen, guest = Seen(), vm.guest
    for name in (MOVER, NOTIFIER):
        if guest.run(f"grep -qw {name} /proc/kallsyms", check=False).status:
            raise LabError(f"this guest's kernel has no function {name} to probe")
    guest.run(
        f"cd {TRACING} && echo 0 >tracing_on && echo {BUFFER_KIB} >buffer_size_kb &&"
        f" echo '{ENTRY}' >kprobe_events && echo '{EXIT}' >>kprobe_events &&"
        f" echo '{KICK}' >>kprobe_events &&"
        f" echo '{SLEEP}' >events/sched/sched_switch/filter &&"
        " echo 1 >events/bench/enable && echo 1 >events/sched/sched_switch/enable &&"
        " echo >trace && echo 1 >tracing_on"
    )
    yield seen
    guest.run(f"echo 0 >{TRACING}/tracing_on")
    # the channel is a serial line: only what matters, and packed
    wanted = "sed -n -e '/ begin: /p' -e '/ end: /p' -e '/ kick: /p' -e '/ sched_switch: /p'"
    overrun = guest.run(f"grep -h '^overrun: ' {TRACING}/per_cpu/cpu*/stats").output
    if any(int(line.split()[1]) for line in overrun.splitlines()):
        raise LabError("the guest's trace buffer was too small")
    job = guest.start(f"{wanted} {TRACING}/trace | cut -c 1-150 | gzip -1 -c")
    job.wait(300)
    tally(gzip.decompress(job.raw).decode("utf-8", "replace").splitlines(), seen)


def tally(lines, seen):
    """Walks the trace: what each task slept between a beginning and its end."""
    inside = {}  # task: [sleeps, kicks] so far
    for line in lines:
        found = LINE.match(line)
        if not found:
            continue
        task, event, rest = int(found.group(2)), found.group(3), found.group(4)
        if event == "begin":
            values = dict(re.findall(r"(\w+)=(\S+)", rest))
            ours = int(values["mapping"], 0) & KIND_MASK == MOVABLE
            if ours and int(values["mode"]) == ASYNC:
                inside[task] = [0, 0]
        elif event == "end" and task in inside:
            waits, kicks = inside.pop(task)
            seen.waits += waits
            seen.kicks += kicks
            if re.search(r"ret=0\b", rest):
                seen.moved += 1
            else:
                seen.refused += 1
        elif event == "sched_switch" and task in inside:
            inside[task][0] += 1
        elif event == "kick" and task in inside:
            inside[task][1] += 1
