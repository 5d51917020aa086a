# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU under qtest: no guest code runs, the test is the guest.

Owns one QEMU process with its two sockets (qtest and QMP), which QEMU connects
to us, so that nothing has to be polled for. Every wait has a limit. Also looks
at the process from outside: which pages of guest memory the host really holds.
"""

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from ending import SANITIZERS, QemuFault, fault

LIMIT = 30  # seconds for anything QEMU is asked for
PAGE = 4096


class QemuGone(Exception):
    """QEMU ended, or does not answer; the message has what it printed."""


class QmpError(Exception):
    def __init__(self, error):
        super().__init__(error["desc"])
        self.kind = error["class"]
        self.desc = error["desc"]


class Machine:
    """A running QEMU; use as a context manager.

    close() raises QemuFault where QEMU crashed, or hung when it was to end; a test that
    wants one that does says so by setting may_crash.
    """

    may_crash = False

    def __init__(self, binary, args, memory="512M", machine="q35", env=None):
        self.dir = tempfile.mkdtemp(prefix="ballonet-qtest-")
        self.process = None
        self.qtest = self.qmp_file = None
        self.events = []
        self._hva = {}
        try:
            self._start(binary, args, memory, machine, env)
        except BaseException:
            self.close()  # a crash while it starts is its own finding
            raise

    def _start(self, binary, args, memory, machine, env):
        listeners = {}
        for name in ("qtest", "qmp"):
            s = socket.socket(socket.AF_UNIX)
            s.bind(f"{self.dir}/{name}")
            s.listen(1)
            s.settimeout(LIMIT)
            listeners[name] = s
        self.log_path = f"{self.dir}/log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [binary, "-accel", "qtest", "-machine", machine, "-m", memory,
                 "-display", "none", "-nodefaults", "-no-user-config",
                 "-qtest", f"unix:{self.dir}/qtest", "-qtest-log", "none",
                 "-qmp", f"unix:{self.dir}/qmp"] + list(args),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**SANITIZERS, **os.environ, **(env or {})})
        self.qmp_file = self._accept(listeners["qmp"])
        self.qtest = self._accept(listeners["qtest"])
        self._line(self.qmp_file)
        self.qmp("qmp_capabilities")

    def _accept(self, listener):
        end = time.monotonic() + LIMIT
        listener.settimeout(0.2)
        try:
            while True:
                try:
                    conn = listener.accept()[0]
                    break
                except socket.timeout:
                    if self.process.poll() is not None or time.monotonic() > end:
                        raise QemuGone(self.log() or "QEMU does not come up") from None
        finally:
            listener.close()
        conn.settimeout(LIMIT)
        f = conn.makefile("rw", encoding="ascii", newline="\n")
        conn.close()
        return f

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Ends QEMU and judges how it ended; the second call does nothing."""
        if not os.path.isdir(self.dir):
            return
        wrong = None
        try:
            for f in (self.qtest, self.qmp_file):
                try:
                    if f:
                        f.close()
                except OSError:
                    pass
            if self.process:
                wrong = self._end()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)
        if wrong and not self.may_crash:
            raise QemuFault(wrong)

    def _end(self):
        """Return: what was wrong, with the end of the log, or None."""
        asked = self.process.poll() is None
        if asked:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(LIMIT)
            wrong = fault(code, self.log(), asked)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            wrong = f"does not end within {LIMIT} s of SIGTERM"
        return wrong and f"{wrong}\n{self.log()[-8000:]}"

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def alive(self):
        return self.process.poll() is None

    def sanitized(self):
        """Whether it was built with sanitizers, which take their time."""
        with open(f"/proc/{self.process.pid}/maps") as f:
            return "libasan" in f.read()

    def wait_exit(self):
        return self.process.wait(LIMIT)

    # QMP

    def _line(self, f):
        try:
            line = f.readline()
        except (OSError, ValueError) as e:
            raise QemuGone(f"no answer ({e}): {self.log()}") from None
        if not line:
            self.process.wait(LIMIT)
            raise QemuGone(f"QEMU ended with {self.process.returncode}: {self.log()}")
        return line

    def _send(self, f, text):
        try:
            f.write(text)
            f.flush()
        except OSError:
            self._line(f)  # which tells why

    def qmp(self, command, **arguments):
        """The answer's "return"; QmpError where it is an error."""
        message = {"execute": command}
        if arguments:
            message["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self._send(self.qmp_file, json.dumps(message) + "\n")
        while True:
            answer = json.loads(self._line(self.qmp_file))
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise QmpError(answer["error"])
            elif "return" in answer:
                return answer["return"]

    def hmp(self, line):
        return self.qmp("human-monitor-command", command_line=line)

    def version(self):
        """QEMU's major version."""
        return self.qmp("query-version")["qemu"]["major"]

    def event(self, name):
        """The next event of that name, waited for; earlier ones are dropped."""
        while True:
            while self.events:
                event = self.events.pop(0)
                if event["event"] == name:
                    return event["data"]
            answer = json.loads(self._line(self.qmp_file))
            if "event" in answer:
                self.events.append(answer)

    def until(self, condition, what, limit=LIMIT):
        """Waits for condition() to be true, as seen from outside."""
        end = time.monotonic() + limit
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"waited {limit} s for {what}")
            if not self.alive():
                raise QemuGone(f"QEMU ended with {self.process.returncode}: {self.log()}")
            time.sleep(0.002)

    def eventually(self, condition, what, limit=LIMIT):
        """until(), with the guest's clock going on meanwhile, which it does not by itself."""
        def look():
            self.step_clock(10 ** 7)
            return condition()

        self.until(look, what, limit)

    def stays(self, condition, what, seconds=3, clock=50):
        """That condition() holds for so long: the device's timers had their time to break it,
        by the host's clock and by the guest's, which goes so much faster."""
        pause = 0.02
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert condition(), what
            self.step_clock(int(clock * pause * 10 ** 9))
            time.sleep(pause)

    # qtest: the bus, as a processor sees it

    def command(self, line):
        self._send(self.qtest, line + "\n")
        while True:
            answer = self._line(self.qtest).split()
            if answer[0] == "IRQ":
                continue
            if answer[0] != "OK":
                raise QemuGone(f"qtest: {line!r}: {' '.join(answer)}")
            return answer[1] if len(answer) > 1 else None

    def commands(self, lines):
        """Several in one go: QEMU does them without looking at anything else in between."""
        self._send(self.qtest, "".join(line + "\n" for line in lines))
        for line in lines:
            answer = self._line(self.qtest).split()
            while answer[0] == "IRQ":
                answer = self._line(self.qtest).split()
            assert answer[0] == "OK", f"qtest: {line!r}: {' '.join(answer)}"

    def io_read(self, size, port):
        return int(self.command(f"in{'bwl'[size // 2]} {port:#x}"), 16)

    def io_write(self, size, port, value):
        self.command(f"out{'bwl'[size // 2]} {port:#x} {value:#x}")

    def mem_read(self, size, address):
        name = {1: "readb", 2: "readw", 4: "readl", 8: "readq"}[size]
        return int(self.command(f"{name} {address:#x}"), 16)

    def mem_write(self, size, address, value):
        name = {1: "writeb", 2: "writew", 4: "writel", 8: "writeq"}[size]
        self.command(f"{name} {address:#x} {value:#x}")

    def read(self, address, size):
        return bytes.fromhex(self.command(f"read {address:#x} {size:#x}")[2:])

    def write(self, address, data):
        for at in range(0, len(data), 65536):
            part = data[at:at + 65536]
            self.command(f"write {address + at:#x} {len(part):#x} 0x{part.hex()}")

    def fill(self, address, size, value=0x5A):
        """Touches guest memory so that the host really backs it."""
        self.command(f"memset {address:#x} {size:#x} {value:#x}")

    def step_clock(self, ns):
        self.command(f"clock_step {ns}")

    # The host's view of guest memory

    def hva(self, gpa):
        answer = self.hmp(f"gpa2hva {gpa:#x}")
        match = re.search(r"is (0x[0-9a-f]+)", answer)
        if not match:
            raise AssertionError(answer)
        return int(match[1], 16)

    def present(self, gpa, pages):
        """For each 4 KiB page from gpa on: does QEMU's page table hold it?"""
        with open(f"/proc/{self.process.pid}/pagemap", "rb") as f:
            f.seek(self.hva(gpa) // PAGE * 8)
            entries = struct.unpack(f"<{pages}Q", f.read(pages * 8))
        return [bool(e >> 62) for e in entries]  # present, or swapped out

    def backed(self, gpa, pages):
        return sum(self.present(gpa, pages))
