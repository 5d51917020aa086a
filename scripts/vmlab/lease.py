# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons that several lab runs share: the last one to leave ends them.

Each run holds use.lock (shared) for its life; start.lock is held while somebody
starts or ends a daemon. Order: start.lock, then use.lock. What was started is
written down in /run, so it is found again even by another run. The locks go
with the process however it ends.
"""

import fcntl
import os
import shutil
from pathlib import Path

from .waits import wait_for

FOLDER = Path("/run/ballonet-lab")


class Lease:
    """undo(record) ends one daemon from the line that started() wrote down."""

    def __init__(self, undo, folder=FOLDER):
        self._undo = undo
        self._folder = folder
        self._use = None

    def enter(self, start):
        """Runs start(self) while no other run starts or ends anything."""
        with _Locked(self._folder / "start.lock"):
            self._use = os.open(self._folder / "use.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
            fcntl.flock(self._use, fcntl.LOCK_SH)
            start(self)

    def started(self, record):
        """Writes down what the last run to leave has to undo."""
        with open(self._folder / "started", "a", encoding="utf-8") as file:
            file.write(record + "\n")

    def leave(self):
        """Ends what was started, unless another run still uses it."""
        if self._use is None:
            return
        use, self._use = self._use, None
        try:
            with _Locked(self._folder / "start.lock"):
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._undo_all()
        except BlockingIOError:
            pass  # in use: the last one to leave does it
        finally:
            os.close(use)

    def _undo_all(self):
        records = self._folder / "started"
        if records.exists():
            for record in reversed(records.read_text().splitlines()):
                self._undo(record)
        shutil.rmtree(self._folder, ignore_errors=True)


class _Locked:
    """The last run removes the folder, so a lock counts only while its file is
    still the one that the path names."""

    def __init__(self, path):
        self._path = path
        self._fd = -1

    def __enter__(self):
        wait_for(self._try, 120, f"{self._path} (another lab run starts libvirtd)")

    def _try(self):
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        fd = -1
        try:
            fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(self._path)):
                self._fd = fd
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        if fd >= 0:
            os.close(fd)
        return False

    def __exit__(self, *_):
        os.close(self._fd)
