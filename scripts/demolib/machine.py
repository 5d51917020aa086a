# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether this machine can run the demo at all: asked before anything starts.

Each fault is a LabError that names the package or the amount that is missing.
"""

import os
import shutil
import tempfile

from vmlab import accel, initramfs
from vmlab.errors import LabError

PROGRAMS = {
    "virsh": "libvirt-clients",
    "libvirtd": "libvirt-daemon-system",
    "virtlogd": "libvirt-daemon",
    "gcc": "gcc",
    "make": "make",
}
DISK_MIB = 64
SPARE_MIB = 400  # what QEMU and libvirt need beside guest memory


def check(paths, guest_mib, plot):
    """Returns a few words on how the guest will run."""
    if os.geteuid() != 0:
        raise LabError("the demo defines a libvirt system guest: run it as root, `sudo make demo`")
    for program, package in PROGRAMS.items():
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            raise LabError(f"{program} is missing: apt-get install {package}")
    initramfs.find_busybox(paths)
    paths.emulator("ours")
    if paths.driver is None or not paths.driver.exists():
        raise LabError("our driver is not built: run `make`")
    _check_memory(guest_mib)
    plot.parent.mkdir(parents=True, exist_ok=True)
    paths.cache.mkdir(parents=True, exist_ok=True)
    for folder in (paths.cache, plot.parent, tempfile.gettempdir()):
        free = shutil.disk_usage(folder).free >> 20
        if free < DISK_MIB:
            raise LabError(f"no disk space: {folder} has {free} MiB left, {DISK_MIB} are needed")
        if not os.access(folder, os.W_OK):
            raise LabError(f"cannot write to {folder}")
    kind, reason = accel.choose()
    return "KVM" if kind == "kvm" else f"TCG, for {reason}"


def _check_memory(guest_mib):
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        values = dict(line.split(":") for line in meminfo)
    available = int(values["MemAvailable"].split()[0]) >> 10
    if available < guest_mib + SPARE_MIB:
        raise LabError(
            f"not enough memory: {available} MiB are available,"
            f" a guest of {guest_mib} MiB needs {guest_mib + SPARE_MIB}"
        )
