# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's command channel: the host end of tests/guest/agent.

A thread of its own reads the serial socket and sorts what comes by command id,
so several commands may run at once and the guest can be watched meanwhile.
"""

import itertools
import re
import socket
import threading
import time
from dataclasses import dataclass

from .errors import GuestDied, GuestSilent, LabError
from .qmp import connect_unix

HEAD = re.compile(rb"\x01([A-Z]) (\d+) (-?\d+)\n")
COMMAND_MAX = 8192


@dataclass
class Result:
    """stdout and stderr of a command are one text, as a console shows them."""

    status: int
    output: str


class Job:
    """One command under way in the guest."""

    def __init__(self, guest, number, text):
        self._guest = guest
        self._output = bytearray()
        self.number = number
        self.text = text
        self.status = None
        self.lost = None  # why it will never end, once that is known

    @property
    def output(self):
        with self._guest.arrived:
            return self._output.decode("utf-8", "replace")

    @property
    def raw(self):
        with self._guest.arrived:
            return bytes(self._output)

    def done(self):
        return self.status is not None or self.lost is not None

    def kill(self):
        self._guest.send(b"K", self.number)

    def wait(self, timeout=60, check=True):
        """Result; kills the command and raises when it takes longer."""
        with self._guest.arrived:
            ended = self._guest.arrived.wait_for(self.done, timeout)
        if not ended:
            self.kill()
            raise LabError(f"guest: `{self.text}` took more than {timeout:g} s")
        if self.lost:
            raise GuestDied(f"guest: {self.lost} during `{self.text}`")
        if check and self.status:
            tail = self.output.strip().splitlines()[-1:] or ["no output"]
            raise LabError(f"guest: `{self.text}` ended with {self.status}: {tail[0]}")
        return Result(self.status, self.output)


class Guest:
    """Connect early: the agent says hello once per boot."""

    def __init__(self, path, timeout=20, alive=None, page_size=4096):
        self.page_size = page_size
        self.arrived = threading.Condition()
        self.boots = 0
        self.boot_id = None
        self._jobs = {}
        self._numbers = itertools.count(1)
        self._closed = False
        self._send_lock = threading.Lock()
        self._socket = connect_unix(path, timeout, "guest's command channel", alive)
        threading.Thread(target=self._read, daemon=True).start()

    # -- the line -----------------------------------------------------------

    def _read(self):
        pending = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            pending = self._parse(pending + data)
        with self.arrived:
            self._closed = True
            self._lose_jobs("the channel closed")

    def _parse(self, data):
        """Handles every whole frame and returns the rest."""
        while True:
            head = HEAD.search(data)
            if not head:
                mark = data.rfind(b"\x01")
                return data[mark:] if mark >= 0 else b""
            kind, number, count = head.group(1), int(head.group(2)), int(head.group(3))
            size = 0 if kind == b"E" else count
            end = head.end() + size
            if len(data) < end:
                return data[head.start() :]
            with self.arrived:
                self._frame(kind, number, count, data[head.end() : end])
                self.arrived.notify_all()
            data = data[end:]

    def _frame(self, kind, number, count, payload):
        if kind == b"H":
            boot_id = payload.decode("ascii", "replace")
            if boot_id != self.boot_id:
                self.boot_id = boot_id
                self.boots += 1
                self._lose_jobs("the guest booted again")
            return
        job = self._jobs.get(number)
        if job is None:
            return
        if kind == b"O":
            job._output += payload
        elif kind == b"E":
            job.status = count
            del self._jobs[number]

    def _lose_jobs(self, why):
        for job in self._jobs.values():
            job.lost = why
        self._jobs.clear()
        self.arrived.notify_all()

    def send(self, kind, number, payload=b""):
        if len(payload) > COMMAND_MAX:
            raise LabError(f"guest: command of {len(payload)} bytes is too long")
        try:
            with self._send_lock:
                self._socket.sendall(b"\x01%s %d %d\n" % (kind, number, len(payload)) + payload)
        except OSError as error:
            raise GuestDied("guest: the channel is closed") from error

    # -- commands -----------------------------------------------------------

    def _job(self, kind, text):
        with self.arrived:
            if self._closed:
                raise GuestDied("guest: the channel is closed")
            job = Job(self, next(self._numbers), text)
            self._jobs[job.number] = job
        self.send(kind, job.number, text.encode())
        return job

    def start(self, command):
        """A shell command that runs while the caller goes on; returns a Job."""
        return self._job(b"R", command)

    def run(self, command, timeout=60, check=True):
        """A shell command to its end; check: raise on a non-zero status."""
        return self.start(command).wait(timeout, check)

    def read(self, path, timeout=30):
        """A file's text, read by the agent itself: works without free memory."""
        return self._job(b"G", path).wait(timeout).output

    def write(self, path, value, timeout=30):
        """One word into a file of /proc or /sys."""
        self.run(f"echo {value} >{path}", timeout)

    def wait_boot(self, count=1, timeout=60, alive=None, ping=True):
        """Until the agent has said hello for the count-th time on this channel."""
        end = time.monotonic() + timeout
        while True:
            with self.arrived:
                if self.arrived.wait_for(lambda: self.boots >= count or self._closed, 0.5):
                    break
            if alive is not None and not alive():
                raise GuestDied("guest: QEMU ended during boot")
            if time.monotonic() > end:
                raise GuestSilent(f"guest: no sign of life within {timeout:g} s of boot")
            if ping and time.monotonic() > end - timeout / 2:
                self.send(b"P", 0)  # a hello may have gone before we listened
        if self._closed:
            raise GuestDied("guest: QEMU ended during boot")

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    # -- what tests ask for all the time ------------------------------------

    def meminfo(self, timeout=30):
        """/proc/meminfo in KiB."""
        return _numbers(self.read("/proc/meminfo", timeout))

    def free(self):
        """Bytes that nobody holds: MemFree and what each CPU keeps at hand, a tenth of the guest
        with Linux 6.7 and later."""
        held = re.findall(r"^\s+count:\s+(\d+)$", self.read("/proc/zoneinfo"), re.M)
        return self.meminfo()["MemFree"] * 1024 + sum(map(int, held)) * self.page_size

    def vmstat(self):
        return _numbers(self.read("/proc/vmstat"))

    def dmesg(self, timeout=60):
        return self.run("dmesg", timeout).output

    def load_driver(self, which="ours", timeout=60, **params):
        """insmod the balloon driver: "ours" or "stock", with module parameters."""
        words = " ".join(f"{key}={value}" for key, value in params.items())
        self.run(f"insmod /lab/{which}/virtio_balloon.ko {words}".strip(), timeout)

    def unload_driver(self, timeout=120):
        self.run("rmmod virtio_balloon", timeout)

    def driver_loaded(self):
        return "virtio_balloon " in self.read("/proc/modules")


def _numbers(text):
    result = {}
    for line in text.splitlines():
        words = line.replace(":", " ").split()
        if len(words) >= 2 and words[1].lstrip("-").isdigit():
            result[words[0]] = int(words[1])
    return result
