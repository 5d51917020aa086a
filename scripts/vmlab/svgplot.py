# SPDX-License-Identifier: GPL-2.0-or-later
"""A line chart over time as SVG text: curves, named phases, a legend.

No library; a page of numbers in, a string out. Fits light and dark viewers
because it paints its own background.
"""

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"
LEFT, RIGHT, TOP, BOTTOM, ROW = 74, 24, 92, 58, 20
TINTS = ("#f3ecdf", "#e8edf3")
CHAR = 6.6  # width of a letter at 12 px, roughly


@dataclass
class Curve:
    name: str
    colour: str
    points: list  # (x, y)
    filled: bool = False


@dataclass
class Chart:
    title: str
    subtitle: str
    x_name: str
    y_name: str
    y_max: float
    y_step: float
    curves: list = field(default_factory=list)
    phases: list = field(default_factory=list)  # (begin, end, words)
    width: int = 960
    height: int = 540

    def svg(self):
        self._x_max = max((x for curve in self.curves for x, _ in curve.points), default=1) or 1
        rows, labels = self._label_rows()
        self._top = TOP + rows * ROW
        parts = [
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{self.width}' height='{self.height}'"
            f" viewBox='0 0 {self.width} {self.height}' {FONT}>",
            f"<rect width='{self.width}' height='{self.height}' fill='#ffffff'/>",
            _text(LEFT, 30, self.title, 19, "#1a1a1a", weight="bold"),
            _text(LEFT, 51, self.subtitle, 12.5, "#555555"),
        ]
        parts += self._bands(labels)
        parts += self._grid()
        parts += [self._curve(curve) for curve in self.curves if curve.filled]
        parts += [self._curve(curve) for curve in self.curves if not curve.filled]
        parts += self._legend()
        return "\n".join([*parts, "</svg>", ""])

    def _x(self, value):
        return LEFT + (self.width - LEFT - RIGHT) * value / self._x_max

    def _y(self, value):
        inside = self.height - BOTTOM - self._top
        return self.height - BOTTOM - inside * value / self.y_max

    def _label_rows(self):
        """Each phase's name in the first row where it meets no other one."""
        ends, labels = [], []
        for begin, end, words in self.phases:
            width = len(words) * CHAR
            middle = self._x((begin + end) / 2)
            left = min(max(middle - width / 2, LEFT), self.width - RIGHT - width)
            row = next((i for i, used in enumerate(ends) if used + 8 < left), len(ends))
            ends[row : row + 1] = [left + width]
            labels.append((left, row, middle))
        return len(ends), labels

    def _bands(self, labels):
        bottom = self.height - BOTTOM
        for index, (begin, end, _) in enumerate(self.phases):
            x, width = self._x(begin), max(self._x(end) - self._x(begin), 2)
            yield (
                f"<rect x='{x:.1f}' y='{self._top}' width='{width:.1f}'"
                f" height='{bottom - self._top}' fill='{TINTS[index % len(TINTS)]}'/>"
            )
        # all leaders before all names, so that none crosses a name
        for _, row, middle in labels:
            top = TOP + row * ROW + 3
            yield f"<path d='M{middle:.1f} {top} V{self._top}' stroke='#c9b999' fill='none'/>"
        for (_, _, words), (left, row, _) in zip(self.phases, labels):
            y, width = TOP + row * ROW, len(words) * CHAR
            yield (
                f"<rect x='{left - 3:.1f}' y='{y - 13}' width='{width + 6:.1f}' height='17'"
                " fill='#ffffff'/>"
            )
            yield _text(left, y, words, 12, "#6b5a35")

    def _grid(self):
        value = 0
        while value <= self.y_max:
            y = self._y(value)
            yield (
                f"<path d='M{LEFT} {y:.1f} H{self.width - RIGHT}' stroke='#000000'"
                f" stroke-opacity='{0.55 if value == 0 else 0.12}' fill='none'/>"
            )
            yield _text(LEFT - 8, y + 4, f"{value:g}", 12, "#444444", "end")
            value += self.y_step
        step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 1e9) if self._x_max / s <= 12)
        value = 0
        while value <= self._x_max:
            x, y = self._x(value), self.height - BOTTOM
            yield f"<path d='M{x:.1f} {y} v5' stroke='#555555' fill='none'/>"
            yield _text(x, y + 19, f"{value:g}", 12, "#444444", "middle")
            value += step
        middle = (LEFT + self.width - RIGHT) / 2
        yield _text(middle, self.height - 16, self.x_name, 12.5, "#444444", "middle")
        centre = (self._top + self.height - BOTTOM) / 2
        yield (
            f"<g transform='rotate(-90 20 {centre:.0f})'>"
            + _text(20, centre, self.y_name, 12.5, "#444444", "middle")
            + "</g>"
        )

    def _curve(self, curve):
        points = [(self._x(x), self._y(y)) for x, y in curve.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        line = (
            f"<polyline points='{path}' fill='none' stroke='{curve.colour}' stroke-width='2.4'"
            " stroke-linejoin='round'/>"
        )
        if not curve.filled or not points:
            return line
        base = self._y(0)
        area = f"{points[0][0]:.1f},{base:.1f} {path} {points[-1][0]:.1f},{base:.1f}"
        return f"<polygon points='{area}' fill='{curve.colour}' fill-opacity='0.18'/>" + line

    def _legend(self):
        x = self.width - RIGHT
        for curve in reversed(self.curves):
            x -= len(curve.name) * 7.2 + 42
            yield (
                f"<rect x='{x:.1f}' y='62' width='18' height='5' rx='2' fill='{curve.colour}'/>"
            )
            yield _text(x + 24, 69, curve.name, 13, "#222222")


def _text(x, y, words, size, colour, anchor="start", weight="normal"):
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}'"
        f" text-anchor='{anchor}' font-weight='{weight}'>{escape(words)}</text>"
    )
