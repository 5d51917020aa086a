# SPDX-License-Identifier: GPL-2.0-or-later
"""How long QEMU's main loop keeps a user waiting: the slowest of trivial QMP
commands, one each half a millisecond, on a monitor of their own.

On a machine with hardly more processors than threads at work an answer also
waits until the scheduler lets the main loop, the monitor's thread and the client
run. ahead() takes that out: then an answer is late only where QEMU holds it up.
Without the pauses these would starve the vCPUs, and the kernel then holds up who
starves them.

Run as a program (by Probe, below) it is the client: a process of its own, so
that nothing in the bench delays it. It stops at the end of its input.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

MONITOR = "stall"
PAUSE_S = 0.0005


def monitor_args(folder):
    """What QEMU needs on its command line."""
    path = f"{folder}/{MONITOR}"
    return ["-chardev", f"socket,id={MONITOR},path={path},server=on,wait=off",
            "-mon", f"chardev={MONITOR},mode=control"]


def _schedule(tid, policy, priority):
    try:
        os.sched_setscheduler(tid, policy | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except ProcessLookupError:
        pass  # it has just ended


@contextmanager
def ahead(vm, vcpus):
    """All threads of QEMU but the vCPUs' run before anything else on the machine."""
    tids = [int(tid) for tid in os.listdir(f"/proc/{vm.pid}/task")]
    tids = [tid for tid in tids if tid not in vcpus]
    try:
        for tid in tids:
            _schedule(tid, os.SCHED_RR, 1)
        yield
    finally:
        for tid in tids:
            _schedule(tid, os.SCHED_OTHER, 0)


class Probe:
    """with Probe(path of the socket) as p: ...; then p.result: worst_ms, p999_ms,
    median_ms, answers. ahead: whether its client is that, too."""

    def __init__(self, path, ahead=False):
        self._command = [sys.executable, "-B", __file__, str(path)] + ["ahead"] * ahead
        self._process = None
        self.result = None

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )
        self._process.stdout.readline()  # it has had its first answer
        return self

    def __exit__(self, *_):
        try:
            out, _ = self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate(timeout=10)
            return False
        if out.strip():
            self.result = json.loads(out)
        return False


def _answer(sock, buffer):
    """One reply; events that come between are dropped."""
    while True:
        while b"\n" in buffer:
            line, _, rest = buffer.partition(b"\n")
            buffer[:] = rest
            if b'"return"' in line or b'"error"' in line:
                return
        data = sock.recv(65536)
        if not data:
            raise EOFError
        buffer += data


def main(path, first):
    if first:
        _schedule(0, os.SCHED_RR, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(60)
    sock.connect(path)
    buffer = bytearray()
    while b"\n" not in buffer:  # the greeting
        buffer += sock.recv(65536)
    buffer.clear()
    sock.sendall(b'{"execute":"qmp_capabilities"}\n')
    _answer(sock, buffer)
    print("ready", flush=True)
    taken = []
    try:
        while not select.select([sys.stdin], [], [], 0)[0]:
            begin = time.perf_counter()
            sock.sendall(b'{"execute":"query-status"}\n')
            _answer(sock, buffer)
            taken.append(time.perf_counter() - begin)
            time.sleep(PAUSE_S)
    except (OSError, EOFError):
        pass
    taken.sort()
    if taken:
        print(json.dumps({
            "worst_ms": taken[-1] * 1e3,
            "p999_ms": taken[len(taken) * 999 // 1000] * 1e3,
            "median_ms": taken[len(taken) // 2] * 1e3,
            "answers": len(taken),
        }))


if __name__ == "__main__":
    main(sys.argv[1], "ahead" in sys.argv[2:])
