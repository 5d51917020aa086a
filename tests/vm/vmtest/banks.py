# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests whose memory lies in several pieces on the host: hot-plugged, per NUMA node.

A Bank is one memfd or file of QEMU and where the guest has it. What a bank holds is judged
by the file on the host, which frames are ballooned by the guest's kernel.
"""

import gzip
import os
from dataclasses import dataclass

from vmlab.errors import LabError
from vmlab.hostmem import PAGE
from vmlab.waits import wait_for

from . import frames, size
from .env import MIB, scaled


@dataclass(frozen=True)
class Bank:
    """name: of the memory-backend-memfd object; start, size: the guest's addresses, in bytes.
    file: where it is a file of the host with a name, which it is then known by."""

    name: str
    start: int
    size: int
    file: str = None

    def held(self, vm):
        """Bytes the host has given to it."""
        return os.stat(self._path(vm)).st_blocks * 512

    def _path(self, vm):
        if self.file:
            return self.file
        # QEMU names a memfd after its kind only, so the size has to tell them apart
        for entry in os.scandir(f"/proc/{vm.pid}/fd"):
            try:
                if os.readlink(entry.path).startswith("/memfd:"):
                    if os.stat(entry.path).st_size == self.size:
                        return entry.path
            except OSError:
                continue
        raise LabError(f"QEMU has no memfd of {self.size} bytes for {self.name}")

    def backed(self, vm):
        """One byte per frame of the bank: 1 where the file has a page. By its holes."""
        marks = bytearray(self.size // PAGE)
        fd = os.open(self._path(vm), os.O_RDONLY)
        try:
            at = 0
            while at < self.size:
                try:
                    at = os.lseek(fd, at, os.SEEK_DATA)
                except OSError:
                    break  # nothing but a hole up to the end
                end = os.lseek(fd, at, os.SEEK_HOLE)
                count = (end - at) // PAGE
                marks[at // PAGE : at // PAGE + count] = b"\1" * count
                at = end
        finally:
            os.close(fd)
        return bytes(marks)

    def ballooned(self, vm):
        """One byte per frame of the bank: 1 where the guest's kernel has it ballooned."""
        first, count = self.start // PAGE, self.size // PAGE
        cut = f"bs=8192 skip={first // 1024} count={count // 1024}"
        job = vm.guest.start(f"dd if=/proc/kpageflags {cut} 2>/dev/null | gzip -1")
        job.wait(scaled(60))
        marks = gzip.decompress(job.raw)[frames.KPF_OFFLINE_BYTE :: 8].translate(frames.OFFLINE)
        assert len(marks) == count, f"{self.name}: the guest has {len(marks)} of {count} frames"
        return marks

    def backed_though_ballooned(self, vm):
        """Numbers of frames that are in the balloon and yet cost the host memory."""
        return frames.at_two_looks(lambda: frames.both(self.ballooned(vm), self.backed(vm)))


def given(vm, banks, size_):
    """Bytes of the balloon in each bank, which are all there is. The driver may mark pages a moment
    after they came in: waits until they are size_ together."""

    def look():
        inside = [bank.ballooned(vm).count(1) * PAGE for bank in banks]
        return inside if sum(inside) == size_ else None

    return wait_for(look, scaled(30), f"the guest's kernel to mark {size_} bytes as ballooned")


def memfd(name, mib):
    """QEMU's word for the backend of a Bank."""
    return f"memory-backend-memfd,id={name},size={mib}M,share=on"


def plug_dimm(vm, name, mib):
    """A DIMM added to the running guest, whose kernel brings it online (memhp_default_state=
    online_movable); returns its Bank once the guest counts it."""
    before = vm.guest.meminfo()["MemTotal"] << 10
    vm.qmp.cmd("object-add", **{"qom-type": "memory-backend-memfd"}, id=name, size=mib * MIB)
    vm.qmp.cmd("device_add", driver="pc-dimm", id=f"dimm-{name}", memdev=name)
    size.wait_total(vm, before + mib * MIB)
    dimm = next(d["data"] for d in vm.qmp.cmd("query-memory-devices")
                if d["data"]["id"] == f"dimm-{name}")
    return Bank(name, dimm["addr"], dimm["size"])
