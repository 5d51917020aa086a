# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's memory behind a guest, from /proc alone: the judge of every claim.

Reads status, smaps, pagemap and fd of a QEMU process. Bytes everywhere.
"""

import ctypes
import fcntl
import mmap
import os
import re
from array import array
from dataclasses import dataclass

from .errors import GuestDied, LabError

PAGE = 4096
BLOCK = 2 << 20
PRESENT = bytes(1 if top & 0xC0 else 0 for top in range(256))  # present or swapped
FRAME = (1 << 55) - 1  # of a pagemap entry


def rss_bytes(pid):
    """Resident memory of the whole process: anonymous, file and shared."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            found = re.search(r"^VmRSS:\s+(\d+) kB", status.read(), re.M)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise GuestDied(f"process {pid} of the guest is gone") from error
    if not found:
        raise GuestDied(f"process {pid} of the guest has ended")
    return int(found.group(1)) << 10


@dataclass(frozen=True)
class Mapping:
    """Guest RAM as one stretch of QEMU's addresses: offset 0 is guest address 0
    (up to the hole below 4 GiB)."""

    pid: int
    start: int
    size: int
    name: str

    def rss_bytes(self):
        """Resident (of hugetlb: mapped huge pages), as smaps has it."""
        values = smaps(self.pid, self.start)
        return values["Rss"] + in_huge_pages(values)

    def huge_bytes(self):
        """Held in transparent huge pages."""
        return smaps(self.pid, self.start)["AnonHugePages"]

    def present(self):
        """One byte per 4 KiB page in guest order: 1 where the host backs it. The kernel's shared
        page of zeros, which is there where QEMU has but looked, backs nothing."""
        data = _pagemap(self.pid, self.start, self.size)
        seen = data[7::8].translate(PRESENT)
        zeros = _zero_frames()
        frames = array("Q", data)
        if not zeros.isdisjoint(map(FRAME.__and__, frames)):
            seen = bytes(one and frame & FRAME not in zeros for one, frame in zip(seen, frames))
        return seen

    def present_pages(self):
        return self.present().count(1)

    def absent_blocks(self):
        """2 MiB blocks of guest address space of which no page is present."""
        present = self.present()
        step = BLOCK // PAGE
        whole = range(0, len(present) - step + 1, step)
        return sum(1 for at in whole if 1 not in present[at : at + step])

    def backing_bytes(self):
        """For memfd and hugetlb: what the file holds, mapped or not."""
        if not self.name.startswith("/memfd:"):
            raise LabError("guest RAM is not a file")
        for entry in os.scandir(f"/proc/{self.pid}/fd"):
            try:
                if os.readlink(entry.path) != self.name:
                    continue
                info = os.stat(entry.path)
            except OSError:
                continue
            if info.st_size == self.size:
                return info.st_blocks * 512
        raise LabError(f"process {self.pid} has no open file {self.name}")


def _pagemap(pid, start, size):
    with open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        pagemap.seek(start // PAGE * 8)
        data = pagemap.read(size // PAGE * 8)
    if len(data) != size // PAGE * 8:
        raise LabError(f"pagemap of process {pid} is not readable (root?)")
    return data


def _zero_frames():
    """Frame numbers of the kernel's pages of zeros, the small one and the huge one, where that is
    in use: what memory has that was read and never written. None where frames are hidden."""
    frames = set()
    for advice in (mmap.MADV_NOHUGEPAGE, mmap.MADV_HUGEPAGE):
        with mmap.mmap(-1, 2 * BLOCK, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            memory.madvise(advice)
            pages = (ctypes.c_char * len(memory)).from_buffer(memory)
            start = ctypes.addressof(pages)
            memory[:: PAGE]
            frames.update(array("Q", _pagemap(os.getpid(), start, len(memory))))
            del pages
    return {frame & FRAME for frame in frames} - {0}


def find_ram(pid, size):
    """The mapping that holds guest RAM of that many bytes: the one that fits best
    among those large enough."""
    best = None
    for start, end, name in _maps(pid):
        length = end - start
        if size <= length <= size + (64 << 20) and (best is None or length < best[0]):
            best = (length, start, name)
    if best is None:
        raise LabError(f"process {pid} has no mapping of {size >> 20} MiB")
    return Mapping(pid, best[1], size, best[2])


def _maps(pid):
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
            lines = maps.readlines()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise GuestDied(f"process {pid} of the guest is gone") from error
    for line in lines:
        fields = line.split(None, 5)
        start, end = (int(text, 16) for text in fields[0].split("-"))
        yield start, end, fields[5].strip() if len(fields) > 5 else ""


def smaps(pid, address=None):
    """{key of /proc/PID/smaps: bytes} of the mapping that has this address, or of all together."""
    values, inside = {}, address is None
    name = "smaps_rollup" if address is None else "smaps"
    with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
        for line in file:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
            if head and address is not None:
                if inside:
                    break
                inside = int(head.group(1), 16) <= address < int(head.group(2), 16)
            elif inside and line.endswith("kB\n"):
                key, value = line.split(":")
                values[key] = int(value.split()[0]) << 10
    if not values:
        raise LabError(f"process {pid} has no such mapping any more")
    return values


def in_huge_pages(values):
    """Bytes in pages of hugetlbfs, of what smaps() found."""
    return values["Private_Hugetlb"] + values["Shared_Hugetlb"]


class HugePages:
    """with HugePages(512): reserves that many 2 MiB pages more, and undoes it."""

    FOLDER = "/sys/kernel/mm/hugepages/hugepages-2048kB"
    FILE = f"{FOLDER}/nr_hugepages"

    def __init__(self, count):
        self._count = count

    def __enter__(self):
        try:
            gained = self._add(self._count)
        except OSError as error:
            raise LabError(f"cannot reserve huge pages: {error.strerror}") from error
        if gained < self._count:
            self._add(-gained)
            raise LabError(f"the host has no room for {self._count} huge pages of 2 MiB")
        return self

    def __exit__(self, *_):
        # not what there was before: others may reserve some, too
        self._add(-self._count)
        return False

    @classmethod
    def free(cls):
        """Huge pages of the host that nobody uses, whether promised to somebody or not."""
        with open(f"{cls.FOLDER}/free_hugepages", encoding="ascii") as file:
            return int(file.read())

    def _add(self, count):
        """How many more there are then; one run of the lab at a time."""
        with open(self.FILE, "r+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = int(file.read())
            file.seek(0)
            file.write(str(max(before + count, 0)))
            file.seek(0)
            return int(file.read()) - before
