# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accelerator to use. /dev/kvm alone proves nothing: only a CPU that
shows vmx or svm can run a stock guest under it, so anything else is TCG."""

import os


def cpu_has_virtualization():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("flags"):
                return bool({"vmx", "svm"} & set(line.split()))
    return False


def choose(arch="amd64"):
    """("kvm" or "tcg", the reason as a phrase) for a guest of that architecture.
    $VMLAB_ACCEL overrides."""
    if arch != "amd64":
        return "tcg", f"{arch} is not this machine's architecture"
    named = os.environ.get("VMLAB_ACCEL")
    if named in ("kvm", "tcg"):
        return named, "VMLAB_ACCEL says so"
    if not cpu_has_virtualization():
        return "tcg", "the CPU shows neither vmx nor svm"
    if not os.path.exists("/dev/kvm"):
        return "tcg", "there is no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg", "/dev/kvm cannot be opened by this user"
    return "kvm", "the CPU has it and /dev/kvm opens"
