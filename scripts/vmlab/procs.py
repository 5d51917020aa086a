# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes of the host: start one that dies with us, look at one, end one.

Only ever by pid, and only pids the lab started. How an emulator ended is judged here, too.
"""

import ctypes
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from .errors import LabError, Missing
from .waits import wait_for

PR_SET_PDEATHSIG = 1
SANITIZER = re.compile(r".*(?:\w+Sanitizer|runtime error): .*")
# Helpers of an emulator (that of an exec: migration, say) end a moment after it.
LEAVE_S = 2
LIBC = ctypes.CDLL(None)


def spawn(args, log):
    """Starts a program in a session of its own (the terminal's Ctrl-C does not
    reach it). The kernel kills it when the calling thread ends, however that is."""

    def die_with_parent():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    with open(log, "ab") as output:
        return subprocess.Popen(
            [str(arg) for arg in args],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def alive(pid):
    """False for a zombie too."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def program(pid):
    """The file this process runs, or None."""
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return None


def wait_gone(pid, timeout):
    wait_for(lambda: not alive(pid), timeout, f"end of process {pid}")


def end(pid, timeout=10):
    """SIGTERM, then SIGKILL; returns when the process is gone."""
    for number, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, 10)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        try:
            wait_gone(pid, patience)
            return
        except LabError:
            continue
    raise LabError(f"process {pid} does not end")


def how(status):
    """A subprocess's return code in words; nothing where it is 0."""
    if status < 0:
        return f"by {signal.Signals(-status).name}"
    return f"with status {status}" if status else ""


def reports(log):
    """What sanitizers said in a program's log: the first of it, or nothing."""
    found = SANITIZER.search(log)
    return found.group(0).strip() if found else ""


def end_session_of(leader):
    """Ends what the process that spawn() started has left over; its names."""
    try:
        wait_for(lambda: not _in_session(leader), LEAVE_S, "")
    except LabError:
        pass
    left = _in_session(leader)
    for pid in left:
        end(pid)
    return sorted(left.values())


def _in_session(leader):
    """{pid: name} of the living ones."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text(errors="replace").partition(" (")[2].rpartition(") ")
        except OSError:
            continue  # it has ended
        state, _, _, session = rest.split()[:4]
        if int(session) == leader and state not in ("Z", "X"):
            found[int(path.parent.name)] = name
    return found


def run(args, timeout, what, env=None, tick=None, usual=4.0):
    """A short program to its end, bounded: (status, stdout, stderr). Ctrl-C does
    not reach it. tick(fraction): progress against the seconds it usually takes."""
    try:
        process = subprocess.Popen(
            [str(arg) for arg in args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=env,
        )
    except FileNotFoundError as error:
        raise Missing(f"{what}: program {args[0]} is missing") from error
    begin = time.monotonic()
    with process:
        while True:
            left = begin + timeout - time.monotonic()
            try:
                out, err = process.communicate(timeout=min(left, 0.1) if tick else left)
                return process.returncode, out, err
            except subprocess.TimeoutExpired as error:
                passed = time.monotonic() - begin
                if passed < timeout:
                    tick(1 - 0.5 ** (passed / usual * 3))
                    continue
                process.kill()
                raise LabError(f"{what}: no answer within {timeout:g} s") from error
            except BaseException:
                process.kill()
                raise


def call(*command, timeout=60):
    """stdout of a program of this machine; LabError with its last words if it fails."""
    status, out, err = run(command, timeout, command[0])
    if status:
        words = (err or out).strip().splitlines() or ["it says nothing"]
        raise LabError(f"{command[0]}: {words[-1]}")
    return out
