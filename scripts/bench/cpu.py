# SPDX-License-Identifier: GPL-2.0-or-later
"""Processor time of a QEMU, by thread, and of the vCPU threads the part spent in
the device: QEMU 7.2 has a virtio-balloon's requests handled by the vCPU that
notifies, so the thread alone does not tell guest from host.

Reads /proc; runs perf for the second. Times in milliseconds.
"""

import os
import signal
import subprocess
import time

from vmlab.errors import LabError
from vmlab.waits import wait_for

RATE_HZ = 997
# Exported by every build of QEMU, so found in a stripped one as well.
DEVICE_ENTRY = "virtio_queue_notify"
QUIET_S = 0.05
QUIET_MS = 3.0  # of all threads in that time: what an idle guest may use
QUIET_TIMES = 5  # in a row: a driver may leave work for a while later


def vcpu_threads(vm):
    return {cpu["thread-id"] for cpu in vm.qmp.cmd("query-cpus-fast")}


def by_thread(pid):
    """{thread id: ms on a processor}."""
    times = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as file:
                times[int(tid)] = int(file.read().split()[0]) / 1e6
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return times


class Meter:
    """begin(), and then end(): ms since for vCPU threads and for all others."""

    def __init__(self, vm):
        self._pid = vm.pid
        self.vcpus = vcpu_threads(vm)
        self._start = {}

    def begin(self):
        self._start = by_thread(self._pid)

    def end(self):
        sums = {"vcpu_ms": 0.0, "other_ms": 0.0}
        for tid, now in by_thread(self._pid).items():
            key = "vcpu_ms" if tid in self.vcpus else "other_ms"
            sums[key] += now - self._start.get(tid, 0.0)
        return sums

    def settle(self, timeout=5.0):
        """Until QEMU rests: what it still does for the guest belongs to the request."""
        end, last, quiet = time.monotonic() + timeout, sum(self.end().values()), 0
        while quiet < QUIET_TIMES and time.monotonic() < end:
            time.sleep(QUIET_S)
            now = sum(self.end().values())
            quiet = quiet + 1 if now - last < QUIET_MS else 0
            last = now


class Sampler:
    """with Sampler(vm, folder) as s: ...; then s.device_share(): of the vCPU threads'
    time, the part that was below the device's request handler."""

    def __init__(self, vm, folder):
        self._vcpus = vcpu_threads(vm)
        self._data = folder / "perf.data"
        self._log = folder / "perf.log"
        self._pid = vm.pid
        self._process = None

    def __enter__(self):
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", RATE_HZ, "-m", "4M"]
        command += ["--call-graph", "dwarf,8192", "-p", self._pid, "-o", self._data]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        try:
            wait_for(self._recording, 20, "perf record (is perf allowed to sample here?)")
        except LabError as error:
            self._stop()
            words = self._log.read_text(errors="replace").strip().splitlines()
            raise LabError(words[0] if words else str(error)) from error
        return self

    def _recording(self):
        if self._process.poll() is not None:
            raise LabError("perf record ended at once")
        return self._data.exists() and self._data.stat().st_size > 0

    def _stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def __exit__(self, *_):
        self._stop()
        return False

    def device_share(self):
        script = ["perf", "script", "-i", str(self._data), "--no-inline", "-F", "tid,ip,sym"]
        done = subprocess.run(
            script, capture_output=True, text=True, errors="replace", timeout=180, check=False
        )
        self._data.unlink(missing_ok=True)
        if done.returncode:
            raise LabError(f"perf script: {done.stderr.strip()[-200:]}")
        return device_share(done.stdout, self._vcpus)


def device_share(text, vcpus):
    """Of perf script's samples in those threads, the fraction below the handler."""
    inside = total = 0
    for sample in text.split("\n\n"):
        lines = sample.strip().splitlines()
        if not lines or not lines[0].strip().isdigit() or int(lines[0]) not in vcpus:
            continue
        total += 1
        inside += any(DEVICE_ENTRY in line for line in lines[1:])
    if not total:
        raise LabError("perf took no sample of a vCPU thread")
    return inside / total
