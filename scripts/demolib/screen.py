# SPDX-License-Identifier: GPL-2.0-or-later
"""The live view: gauges on top, steps below, a bar on the step under way.

On a terminal it redraws one screen in place; elsewhere it writes a line when a
step begins, every few seconds while it lasts, and when it ends. Called from the
main thread only; what it shows comes from a sampler.Sample.
"""

import os
import shutil
import sys
import time

from vmlab.waits import wait_for

BAR = 28
REDRAW_S = 0.1
LINE_EVERY_S = 5.0


class Screen:
    def __init__(self, plain=False, out=sys.stdout):
        self._out = out
        self.live = not plain and out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        fancy = (out.encoding or "").lower().startswith("utf")
        self._full, self._empty = ("█", "░") if fancy else ("#", ".")
        self._tick, self._cross, self._dot = ("✓", "✗", "·") if fancy else ("+", "!", "-")
        self._colour = self.live and "NO_COLOR" not in os.environ
        self._drawn = 0
        self._steps = []
        self._current = None
        self._last = 0.0
        self._begin = time.monotonic()
        self.title = "Ballonet"
        self.gauges = lambda: []  # [(name, text, fraction or None)]

    # -- what the story tells ---------------------------------------------------

    def step(self, name):
        """A step begins; the one before must have ended."""
        self._current = [name, time.monotonic(), 0.0, ""]
        self._last = 0.0 if self.live else time.monotonic()
        if not self.live:
            self._write(f"{self._clock()}  {name} ...\n")
        self.tick(0.0)

    def tick(self, fraction):
        """The step under way is that far, 0 to 1; call it as often as you like."""
        if self._current is None:
            return
        self._current[2] = max(0.0, min(fraction, 1.0))
        now = time.monotonic()
        if now - self._last < (REDRAW_S if self.live else LINE_EVERY_S):
            return
        self._last = now
        if self.live:
            self._draw()
        else:
            self._write(f"{self._clock()}    {self._bar(self._current[2])}{self._gauge_line()}\n")

    def guess(self, expected, condition, timeout, what):
        """A wait without a measure: the bar follows the time such a step takes, in seconds."""
        begin = time.monotonic()

        def tick(_):
            self.tick(1 - 0.5 ** ((time.monotonic() - begin) / expected * 3))

        wait_for(condition, timeout, what, tick=tick)

    def done(self, result=""):
        """The step under way ended well; result: what came of it, a few words."""
        name, start, *_ = self._current
        took = time.monotonic() - start
        self._steps.append((self._tick, name, took, result))
        self._current = None
        if self.live:
            self._draw()
        else:
            tail = f": {result}" if result else ""
            self._write(f"{self._clock()}  {name}: done in {took:.1f} s{tail}\n")

    def note(self, text):
        """A line that stays, between the steps."""
        self._steps.append((self._dot, text, None, ""))
        if not self.live:
            self._write(f"{self._clock()}  {text}\n")

    def close(self, failed=False):
        """Leaves the last picture and puts the cursor below it."""
        try:
            if failed and self._current:
                name, start, *_ = self._current
                self._steps.append((self._cross, name, time.monotonic() - start, "stopped here"))
                self._current = None
            if self.live:
                self._draw()
                self._write("\033[?25h\n")
        except OSError:
            pass  # the terminal is gone
        self.live = False

    # -- drawing ------------------------------------------------------------------

    def _clock(self):
        return f"{time.monotonic() - self._begin:6.1f} s"

    def _write(self, text):
        self._out.write(text)
        self._out.flush()

    def _bar(self, fraction, width=BAR):
        filled = round(fraction * width)
        return self._full * filled + self._empty * (width - filled)

    def _paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self._colour else text

    def _gauge_line(self):
        return "".join(f"  {name} {' '.join(text.split())}" for name, text, _ in self.gauges())

    def _lines(self, width):
        yield "1", f"{self.title}   {self._clock().strip()}"
        yield "", ""
        for name, text, fraction in self.gauges():
            bar = self._bar(fraction) if fraction is not None else ""
            yield "36", f"  {name:<16}{text:<34}{bar}"
        yield "", ""
        for mark, name, took, result in self._steps:
            spent = f"{took:6.1f} s" if took is not None else " " * 8
            code = {self._cross: "31", self._tick: "32"}.get(mark, "2")
            yield code, f"  {mark} {name:<34}{spent}  {result}"
        if self._current:
            name, start, fraction, _ = self._current
            spent = f"{time.monotonic() - start:6.1f} s"
            bar = self._bar(fraction, max(8, min(BAR, width - 60)))
            yield "33", f"  > {name:<34}{spent}  {bar} {fraction:4.0%}"

    def _draw(self):
        width, height = shutil.get_terminal_size()
        lines = list(self._lines(width))
        if len(lines) >= height:  # keep the gauges and the newest steps
            head = 2 + len(self.gauges()) + 1
            lines = lines[:head] + lines[len(lines) - max(1, height - 1 - head) :]
        text = "\033[?25l" + (f"\033[{self._drawn}F" if self._drawn else "") + "\033[J"
        text += "".join(self._paint(code, line[: width - 1]) + "\n" for code, line in lines)
        self._drawn = len(lines)
        self._write(text)
