"""One parameter of a sweep against its metric, as points and as a small plot in text, for CLI and dashboard alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from arctl.sweeps.board import Board
from arctl.sweeps.values import Value, shown, spelled

APART = 20.0
"""Numbers all above 0 of which the largest is so many times the smallest stand on a log axis."""


class Kind(StrEnum):
    """What a point stands for."""

    BEST = "best"
    """The best result of all."""
    LIVE = "running"
    """A result that can still change."""
    DONE = "ended"
    """Any other result."""


MARKS = {Kind.BEST: "◆", Kind.LIVE: "○", Kind.DONE: "●"}
"""How points are drawn."""

ASCII_MARKS = {Kind.BEST: "*", Kind.LIVE: "+", Kind.DONE: "o"}
"""The same where only ASCII can be."""


@dataclass(frozen=True)
class Dot:
    """One element's result."""

    x: float
    """The parameter's value; its place among the values where it is no number."""
    y: float
    """The metric."""
    kind: Kind
    """What it stands for."""


@dataclass(frozen=True)
class Scatter:
    """All results against one parameter."""

    key: str
    """`optim.lr`."""
    metric: str
    """What is ranked."""
    dots: tuple[Dot, ...]
    """The results; those that matter most come last."""
    log: bool
    """Whether x calls for a log axis."""
    labels: tuple[str, ...] = ()
    """The values from left to right, where they are no numbers."""

    @property
    def x_range(self) -> tuple[float, float]:
        """Least and greatest x; the two differ."""
        return _range([dot.x for dot in self.dots])

    @property
    def y_range(self) -> tuple[float, float]:
        """Least and greatest y; the two differ."""
        return _range([dot.y for dot in self.dots])


def scatter(board: Board, key: str) -> Scatter:
    """Return the results of a sweep's elements against a key; without any of them it has no dots."""
    found = [entry for entry in board.entries if entry.value is not None and key in entry.element.params]
    values = [entry.element.params[key] for entry in found]
    results = [entry.value for entry in found if entry.value is not None]
    best = (min(results) if board.lower else max(results)) if results else None
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    labels: tuple[str, ...] = ()
    if len(numbers) < len(values):
        order = sorted({spelled(value): value for value in values}.values(), key=lambda value: _order(value))
        labels = tuple(shown(value) for value in order)
        place = {spelled(value): float(at) for at, value in enumerate(order)}
        numbers = [place[spelled(value)] for value in values]
    log = not labels and bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) >= APART
    dots = [
        Dot(x, y, Kind.BEST if y == best else Kind.LIVE if entry.alive else Kind.DONE)
        for entry, x, y in zip(found, numbers, results, strict=True)
    ]
    rank = {Kind.DONE: 0, Kind.LIVE: 1, Kind.BEST: 2}
    return Scatter(key, board.metric, tuple(sorted(dots, key=lambda dot: rank[dot.kind])), log, labels)


def rows(points: Scatter, width: int, height: int) -> list[list[Kind | None]]:
    """Return the plot as `height` rows, the top one first, of `width` cells: what stands in each."""
    grid: list[list[Kind | None]] = [[None] * width for _ in range(height)]
    (left, right), (low, high) = points.x_range, points.y_range
    for dot in points.dots:
        share = _share(dot.x, left, right, log=points.log)
        up = _share(dot.y, low, high, log=False)
        grid[height - 1 - round(up * (height - 1))][round(share * (width - 1))] = dot.kind
    return grid


def axis(points: Scatter, width: int) -> str:
    """Return the line below the plot: its values from left to right, as many as there is room for."""
    if not points.dots:
        return ""
    left, right = points.x_range
    ticks = _ticks(points, left, right)
    marks = [(float(at), text) for at, text in enumerate(points.labels)] or [(value, shown(value)) for value in ticks]
    line = [" "] * width
    for value, text in [marks[0], *marks[:0:-1]]:  # the ends first: they tell most
        at = round(_share(value, left, right, log=points.log) * (width - 1))
        start = max(0, min(at - len(text) // 2, width - len(text)))
        free = all(cell == " " for cell in line[max(0, start - 1) : start + len(text) + 1])
        if free and len(text) <= width:
            line[start : start + len(text)] = text
    return "".join(line).rstrip()


def _ticks(points: Scatter, left: float, right: float) -> list[float]:
    """Return the values themselves where they are few, else the ends and the middle."""
    distinct = sorted({dot.x for dot in points.dots})
    if len(distinct) <= 7:
        return distinct
    middle = math.sqrt(left * right) if points.log else (left + right) / 2
    return [left, middle, right]


def _share(value: float, low: float, high: float, *, log: bool) -> float:
    if log:
        value, low, high = math.log(max(value, 1e-300)), math.log(low), math.log(high)
    return min(1.0, max(0.0, (value / 2 - low / 2) / (high / 2 - low / 2)))


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high / 2 - low / 2 > 0:
        return low, high
    room = abs(low) * 0.5 or 0.5
    return low - room, high + room


def _order(value: Value) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (math.inf, shown(value))
