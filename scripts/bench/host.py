# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine that measures: whether it can, and what it was, for the record.

Reads /proc and /sys; changes nothing but the bench's own huge page policy.
"""

import ctypes
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from vmlab import accel
from vmlab.errors import LabError

PROGRAMS = {
    "strace": "strace",
    "perf": "linux-perf",
    "gcc": "gcc",
    "gcc-12": "gcc-12",
    "make": "make",
}
SPARE_MIB = 900  # what QEMU needs beside the guest's memory, and the bench itself
PATIENCE_S = 600  # for others to give memory back
PR_SET_THP_DISABLE = 41


def check():
    if os.geteuid() != 0:
        raise LabError("the bench looks into QEMU with perf and strace: run it as root")
    for program, package in PROGRAMS.items():
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            raise LabError(f"{program} is missing: apt-get install {package}")


def available_mib():
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        for line in meminfo:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) >> 10
    raise LabError("/proc/meminfo has no MemAvailable")


def wait_for_memory(guest_mib, say, patience=PATIENCE_S):
    """Until a guest of that size fits; LabError when it never does."""
    end, told = time.monotonic() + patience, False
    while (have := available_mib()) < guest_mib + SPARE_MIB:
        if time.monotonic() > end:
            raise LabError(
                f"a guest of {guest_mib} MiB needs {guest_mib + SPARE_MIB} MiB,"
                f" {have} MiB are available"
            )
        if not told:
            say(f"waiting for {guest_mib + SPARE_MIB} MiB of memory, {have} MiB are available")
            told = True
        time.sleep(1)


def load():
    return os.getloadavg()[0]


def _word(path, key):
    for line in Path(path).read_text(errors="replace").splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return "unknown"


def thp_policy():
    text = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    return text.split("[")[1].split("]")[0]


def facts():
    kind, reason = accel.choose()
    return {
        "cpu": _word("/proc/cpuinfo", "model name"),
        "cpus": os.cpu_count(),
        "hypervisor": "hypervisor" in _word("/proc/cpuinfo", "flags").split(),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        "kernel": os.uname().release,
        "huge_pages": thp_policy(),
        "accelerator": kind,
        "accelerator_reason": reason,
    }


@contextmanager
def small_pages(wanted=True):
    """A QEMU started inside gets no transparent huge pages, whatever it asks for."""
    if not wanted:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, 1)
    try:
        yield
    finally:
        _prctl(libc, 0)


def _prctl(libc, value):
    if libc.prctl(PR_SET_THP_DISABLE, value, 0, 0, 0):
        raise LabError(f"prctl: {os.strerror(ctypes.get_errno())}")
