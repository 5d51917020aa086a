# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything a run must undo: a private folder, and a stack of clean-ups.

Clean-ups run in reverse, each once, on every way out: the end of the `with`
block, an exception, Ctrl-C, SIGTERM, SIGHUP. A failing clean-up does not stop
the others; it fails the block, unless an exception is on its way out already.
One thread: the one that entered the block.
"""

import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from .errors import LabError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Session:
    """with Session() as session: session.dir, session.later(callable, ...)"""

    def __init__(self, signals=False):
        """signals: turn SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt (SIGINT
        also where a shell's background job has it ignored; nohup keeps SIGHUP). No
        effect outside the main thread, where Python lets nobody set a handler:
        pytest-xdist runs the tests of a worker there now and then."""
        self._stack = []
        self._signals = signals
        self._old = {}
        self.dir = None

    def __enter__(self):
        if self._signals and threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                    self._old[number] = signal.signal(number, _interrupt)
        self.dir = Path(tempfile.mkdtemp(prefix=f"ballonet-{os.getpid()}-"))
        self.dir.chmod(0o755)  # libvirt's user must pass through
        self.later(shutil.rmtree, self.dir, ignore_errors=True)
        return self

    def later(self, call, *args, **kwargs):
        self._stack.append((call, args, kwargs))

    def __exit__(self, kind=None, _error=None, _trace=None):
        held = _hold_signals()
        failed = []
        try:
            while self._stack:
                call, args, kwargs = self._stack.pop()
                try:
                    call(*args, **kwargs)
                except Exception as error:  # the rest must still be undone
                    failed.append(str(error))
        finally:
            for number, handler in {**held, **self._old}.items():
                signal.signal(number, handler)
        if failed and kind is None:
            raise LabError("; ".join(failed))
        for words in failed:
            print(f"vmlab: while cleaning up: {words}", file=sys.stderr)
        return False


class InSession:
    """Base of what lives in a session, self._session: _begin() is undone at the end of the block,
    and where it does not come to its end."""

    def __enter__(self):
        self._session.__enter__()
        with self._undone_on_error():
            self._begin()
        return self

    @contextmanager
    def _undone_on_error(self):
        try:
            yield
        except BaseException:
            self._session.__exit__(*sys.exc_info())
            raise

    def __exit__(self, *how):
        return self._session.__exit__(*how)


def sweep_folders():
    """Removes the folders of runs that were killed before they could do it."""
    for path in Path(tempfile.gettempdir()).glob("ballonet-*-*"):
        pid = path.name.split("-")[1]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}") and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _interrupt(number, _frame):
    raise KeyboardInterrupt(signal.Signals(number).name)


def _hold_signals():
    """A second Ctrl-C must not leave half of the clean-up undone."""
    held = {}
    for number in SIGNALS:
        try:
            held[number] = signal.signal(number, signal.SIG_IGN)
        except ValueError:  # not the main thread: signals do not come here
            return {}
    return held


class Shield:
    """with Shield(): a signal that comes inside takes effect at the end of the
    block, so that a thing is either not begun or written down for undoing. For
    short, bounded work only. No effect outside the main thread."""

    def __enter__(self):
        self._came = None
        self._old = {}
        try:
            for number in SIGNALS:
                self._old[number] = signal.signal(number, self._note)
        except ValueError:
            pass
        return self

    def _note(self, number, _frame):
        self._came = number

    def __exit__(self, *_):
        for number, handler in self._old.items():
            signal.signal(number, handler)
        if self._came is not None:
            os.kill(os.getpid(), self._came)
        return False
