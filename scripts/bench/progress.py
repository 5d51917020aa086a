# SPDX-License-Identifier: GPL-2.0-or-later
"""Signs of life on stderr: one line rewritten on a terminal, else a line for each
scene and a step now and then. One thread.
"""

import sys
import time

EVERY_S = 15


class Progress:
    def __init__(self, total_s, out=sys.stderr):
        self._out = out
        self._live = out.isatty()
        self._total = max(total_s, 1)
        self._planned = 0
        self._begin = time.monotonic()
        self._scene_begin = self._begin
        self._last = 0.0
        self._words = self._step = ""

    def scene(self, words, seconds):
        """A scene begins that usually takes so long."""
        self._words, self._step = words, ""
        self._scene_begin = time.monotonic()
        self._show(force=True)
        self._current = seconds

    def scene_done(self, result):
        self._planned += self._current
        self._clear()
        took = time.monotonic() - self._scene_begin
        print(f"{self._head()}  {self._words}: {result} [{took:.0f} s]", file=self._out, flush=True)

    def say(self, step):
        self._step = step
        self._show(force=self._live)

    def tick(self, _fraction=0.0):
        self._show()

    def note(self, words):
        self._clear()
        print(words, file=self._out, flush=True)

    def _head(self):
        """Time passed; share done; the rest at the pace so far."""
        passed = time.monotonic() - self._begin
        share = min(self._planned / self._total, 1.0)
        left = f", {passed / share * (1 - share) / 60:.0f} min left" if share > 0.05 else ""
        return f"[{passed / 60:4.1f} min {share:4.0%}{left}]"

    def _show(self, force=False):
        now = time.monotonic()
        if not force and now - self._last < (0.5 if self._live else EVERY_S):
            return
        self._last = now
        text = f"{self._head()}  {self._words}" + (f": {self._step}" if self._step else "")
        text += f" ({now - self._scene_begin:.0f} s)"
        if self._live:
            self._out.write("\r\033[K" + text[:150])
            self._out.flush()
        else:
            print(text, file=self._out, flush=True)

    def _clear(self):
        if self._live:
            self._out.write("\r\033[K")
