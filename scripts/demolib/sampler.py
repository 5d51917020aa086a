# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at the guest several times a second, from both sides, in its own thread.

Samples are complete or absent; readers take the list as it is (append only). A
look that fails is dropped: the story's own waits find out whether the guest died.
"""

import threading
import time
from dataclasses import dataclass

from vmlab.errors import LabError

PERIOD_S = 0.25


@dataclass(frozen=True)
class Sample:
    at: float  # seconds since the sampler began
    target: int  # MiB, what virsh setmem last asked for
    actual: float  # MiB, as virsh dommemstat has it
    free: float  # MiB, what nobody holds in the guest, CPUs' own lists included
    total: float  # MiB, the guest's MemTotal
    rss: float  # MiB, resident memory of the guest's QEMU on the host
    moved: int  # ballooned pages migrated since boot


class Sampler:
    def __init__(self, domain):
        self._domain = domain
        self._stop = threading.Event()
        self._begin = time.monotonic()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self.target = domain.memory_mib
        self.samples = []

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join(30)

    def now(self):
        return time.monotonic() - self._begin

    @property
    def last(self):
        return self.samples[-1] if self.samples else None

    def take(self):
        """One sample, now; also kept. The caller sees the errors."""
        memory = self._domain.guest.meminfo()
        sample = Sample(
            at=self.now(),
            target=self.target,
            actual=self._domain.actual_mib(),
            free=self._domain.guest.free() / (1 << 20),
            total=memory["MemTotal"] / 1024,
            rss=self._domain.rss_mib(),
            moved=self._domain.guest.vmstat().get("balloon_migrate", 0),
        )
        self.samples.append(sample)
        return sample

    def _loop(self):
        while not self._stop.is_set():
            try:
                self.take()
            except (LabError, OSError, KeyError):
                pass  # also while libvirt is busy with an order
            self._stop.wait(PERIOD_S)
