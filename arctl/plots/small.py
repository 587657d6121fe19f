"""Small charts in a grid: a name, the newest value, the range, and a curve without axes, many to a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arctl.plots.axes import figure, log_axis, value_axis
from arctl.plots.paint import BOLD, QUIET, Line, code, fill, fitted, width_of
from arctl.raster import Cells, Curve, cut, extremes, lonely, stroke

_GAP = 3
_WIDEST, _NARROWEST = 72, 36
_TALLEST = 12
_BAD = "1;38;5;203"


@dataclass(frozen=True, eq=False)
class Small:
    """One of the charts."""

    title: str
    """What people call it."""
    line: Curve
    """Its values, over what all the charts share."""
    log: bool = False
    """Whether its values span orders of magnitude."""
    alarm: bool = False
    """Whether its newest values are out of bounds."""


def grid(charts: Sequence[Small], *, width: int, height: int, span: tuple[float, float], ascii: bool) -> list[Line]:
    """Return at most `height` lines of `width` cells: the charts in as many columns as there is room for.

    Each shows `span` of the horizontal axis. Where even the smallest do not fit, the last line says how many are left.
    """
    across = max(1, min((width + _GAP) // (_NARROWEST + _GAP), max(1, round(width / _WIDEST)) + 1, len(charts)))
    down = -(-len(charts) // across)
    tall = max(2, min(_TALLEST, height // max(1, down)))
    wide = (width - _GAP * (across - 1)) // across
    fits = max(1, height // tall)
    lines: list[Line] = []
    for row in range(min(down, fits)):
        blocks = [chart_lines(one, wide, tall, span, ascii=ascii) for one in charts[row * across : (row + 1) * across]]
        for parts in zip(*blocks, strict=True):
            joined = [piece for part in parts for piece in (*part, (" " * _GAP, ""))]
            lines.append(fitted(tuple(joined), width))
    if down > fits:
        lines[-1] = fitted(((f"+{len(charts) - fits * across} more: a taller screen shows them", code(QUIET)),), width)
    return lines


def chart_lines(one: Small, width: int, height: int, span: tuple[float, float], *, ascii: bool) -> list[Line]:
    """Return one chart: a heading and its curve; `height` lines of `width` cells."""
    return fill([_heading(one, width), *_curve(one, width, height - 1, span, ascii=ascii)], width, height)


def _heading(one: Small, width: int) -> Line:
    name, y = one.line.metric, one.line.y
    finite = y[np.isfinite(y)]
    words = [figure(name, float(y[-1])) if len(y) else "-"]
    left: Line = ((one.title + " ", _BAD if one.alarm else code(QUIET)), (words[0], BOLD))
    if not len(finite):
        return left
    least, most = figure(name, float(finite.min())), figure(name, float(finite.max()))
    span = f"{least} to {most}" if least != most else "steady"
    lost = f"{len(y) - len(finite)} not finite" if len(finite) < len(y) else ""
    for right in (f"{span}, {lost}" if lost else span, lost or span):
        blank = width - width_of(left) - len(right)
        if blank >= 2:
            return (*left, (" " * blank, ""), (right, code(QUIET)))
    return left


def _curve(one: Small, width: int, height: int, span: tuple[float, float], *, ascii: bool) -> list[Line]:
    low, high = span if span[1] > span[0] else (span[0] - 1.0, span[1] + 1.0)
    x, y = cut(one.line.x, one.line.y, low, high)
    shown = y[np.isfinite(y) & (y > 0)] if one.log else y[np.isfinite(y)]
    if not len(shown):
        return []
    keep = extremes(x, y, columns=width)
    up = (log_axis if one.log else value_axis)(shown, ticks=2, percent=False)
    dots_x = (x[keep] - low) / (high - low) * (2 * width - 1)
    dots_y = up.place(y[keep], 4 * height - 1)
    cells = Cells.blank(width, height)
    if ascii:
        cells.letter(*stroke(dots_x, dots_y), 0, "*")
    else:
        cells.draw(*stroke(dots_x, dots_y), 0)
    alone = lonely(dots_y)
    cells.letter(dots_x[alone].astype(np.intp), dots_y[alone].astype(np.intp), 0, "*" if ascii else "•")
    ink = _BAD if one.alarm else code(0)
    return [(("".join(row), ink),) for row in cells.characters()[::-1]]
