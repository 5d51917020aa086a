# SPDX-License-Identifier: GPL-2.0-or-later
"""A small QMP client over a unix socket.

One thread of its own reads: it keeps events in a list and hands replies to the
caller that waits. Calls may come from any thread; they take turns.
"""

import json
import socket
import threading

from .errors import GuestDied, LabError
from .waits import wait_for


class QmpError(LabError):
    """An error reply. .kind is the class, .desc the text, as QEMU sent them."""

    def __init__(self, command, error):
        self.kind = error.get("class", "")
        self.desc = error.get("desc", "")
        super().__init__(f"QMP {command}: {self.desc} ({self.kind})")


class Qmp:
    """Connects and negotiates in the constructor."""

    def __init__(self, path, timeout=20, alive=None):
        """alive(): false once the QEMU that should listen is gone."""
        self._lock = threading.Lock()
        self._arrived = threading.Condition()
        self._events = []
        self._reply = None
        self._closed = False
        self._serial = 0
        self._socket = connect_unix(path, timeout, "QMP socket", alive)
        self._file = self._socket.makefile("r", encoding="utf-8")
        self.greeting = json.loads(self._file.readline() or "{}")
        if "QMP" not in self.greeting:
            raise GuestDied("QEMU closed its QMP socket at once")
        threading.Thread(target=self._read, daemon=True).start()
        self.cmd("qmp_capabilities")

    def _read(self):
        try:
            for line in self._file:
                message = json.loads(line)
                with self._arrived:
                    if "event" in message:
                        self._events.append(message)
                    else:
                        self._reply = message
                    self._arrived.notify_all()
        except (OSError, ValueError):
            pass
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()

    def cmd(self, command, timeout=30, **arguments):
        """Returns the "return" member. Python's _ in names becomes -."""
        arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        with self._lock:
            self._serial += 1
            message = {"execute": command, "arguments": arguments, "id": self._serial}
            self._reply = None
            try:
                self._socket.sendall(json.dumps(message).encode() + b"\n")
            except OSError as error:
                raise GuestDied(f"QMP {command}: QEMU is gone") from error
            reply = self._await_reply(command, timeout)
        if "error" in reply:
            raise QmpError(command, reply["error"])
        return reply["return"]

    def _await_reply(self, command, timeout):
        def answered():
            return self._closed or (self._reply or {}).get("id", None) == self._serial

        with self._arrived:
            if not self._arrived.wait_for(answered, timeout):
                raise LabError(f"QMP {command}: no answer within {timeout:g} s")
            if (self._reply or {}).get("id") != self._serial:
                raise GuestDied(f"QMP {command}: QEMU is gone")
            return self._reply

    def hmp(self, line, timeout=30):
        return self.cmd("human-monitor-command", timeout, command_line=line)

    def qom_get(self, path, prop):
        return self.cmd("qom-get", path=path, property=prop)

    def qom_set(self, path, prop, value):
        return self.cmd("qom-set", path=path, property=prop, value=value)

    def events(self, name=None):
        """A copy of the events so far, oldest first."""
        with self._arrived:
            return [e for e in self._events if name in (None, e["event"])]

    def clear_events(self):
        with self._arrived:
            self._events.clear()

    def wait_event(self, name, timeout=30, match=None):
        """The first event of that name, past ones included; match(data) may narrow."""

        def found():
            for event in self._events:
                if event["event"] == name and (match is None or match(event.get("data", {}))):
                    return event
            return None

        with self._arrived:
            self._arrived.wait_for(lambda: found() or self._closed, timeout)
            event = found()
            if event:
                return event
            closed = self._closed
        if closed:
            raise GuestDied(f"QEMU is gone while waiting for event {name}")
        raise LabError(f"event {name}: did not come within {timeout:g} s")

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()


def connect_unix(path, timeout, what, alive=None):
    """A connected socket; waits for the path to appear and to accept."""

    def attempt():
        if alive is not None and not alive():
            raise GuestDied(f"{what}: the emulator ended before it listened")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(str(path))
        except OSError:
            sock.close()
            return None
        return sock

    return wait_for(attempt, timeout, what)
