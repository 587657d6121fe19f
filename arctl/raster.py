"""From numbers to cells: a curve, its reduction to what a width can show, its dots in braille, and round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
_DASH, _PERIOD = 4, 8
_HOURS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, eq=False)
class Curve:
    """One metric of one run."""

    run: int
    """The run's number."""
    label: str
    """What a legend calls it."""
    metric: str
    """`family/name`."""
    x: Floats
    """(N,) in the unit of `axis`, not decreasing."""
    y: Floats
    """(N,) values; NaN and infinities are gaps."""
    restarts: tuple[float, ...]
    """Where on x a later attempt begins."""
    axis: str
    """`step`, `epoch`, or `time` (seconds since the run began)."""


def reduce(curve: Curve, *, columns: int) -> Curve:
    """Return the curve with at most a minimum and a maximum for each of `columns` columns, and its two ends."""
    keep = extremes(curve.x, curve.y, columns=columns)
    return replace(curve, x=curve.x[keep], y=curve.y[keep])


def extremes(x: Floats, y: Floats, *, columns: int) -> NDArray[np.intp]:
    """Return the indices, rising, of what `columns` columns can show of (x, y).

    Of each column the lowest and the highest finite value are kept; a column that has none keeps one
    point, so that a gap stays a gap; the first and the last point are kept.
    """
    count = len(x)
    if count <= 2 * columns or columns < 1:
        return np.arange(count, dtype=np.intp)
    low, high = float(x[0]), float(x[-1])
    span = (high - low) or 1.0
    column = np.clip(((x - low) / span * columns).astype(np.intp), 0, columns - 1)
    finite = np.isfinite(y)
    order = np.lexsort((np.where(finite, y, np.inf), column))
    first = np.flatnonzero(np.diff(column[order], prepend=-1))
    finite_in = np.add.reduceat(finite[order].astype(np.intp), first)
    highest = first + np.maximum(finite_in - 1, 0)
    return np.unique(np.concatenate([order[first], order[highest], [0, count - 1]]))


@dataclass(frozen=True)
class Axis:
    """One axis of a canvas: its limits and its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def place(self, values: Floats, cells: int) -> Floats:
        """Return where `values` lie on `cells` cells: 0 is `low`, `cells` is `high`."""
        return np.asarray((values - self.low) / (self.high - self.low) * cells)


def value_axis(values: Floats, *, ticks: int, percent: bool) -> Axis:
    """Return an axis around the finite `values`; fractions are labelled in percent where `percent` is true."""
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.04 or max(abs(high) * 0.1, 1e-12 if high else 0.5)
    low, high = low - room, high + room
    if percent:
        # Accuracies end at 0 and 1: no room is given away beyond them.
        low, high = max(low, -0.01), min(high, 1.01)
        if high - low < 1e-9:
            low, high = low - 0.05, high + 0.05
    at = round_ticks(low, high, ticks)
    step = at[1] - at[0] if len(at) > 1 else (abs(at[0]) if at else 1.0) or 1.0
    return Axis(low, high, at, tuple(_number(v * 100, step * 100) + "%" if percent else _number(v, step) for v in at))


def time_axis(low: float, high: float, *, ticks: int, axis: str) -> Axis:
    """Return the horizontal axis from `low` to `high`: whole steps and epochs where there is room, hours for time."""
    if high <= low:
        low, high = low - 1.0, high + 1.0
    if axis == "time":
        days = 86400 * math.ceil((high - low) / 86400 / ticks)
        step: float = next((unit for unit in _HOURS if (high - low) / unit <= ticks), days)
        first = math.ceil(low / step)
        at = tuple(float(step * index) for index in range(first, math.floor(high / step) + 1))
        return Axis(low, high, at, tuple(duration(value) for value in at))
    at = round_ticks(low, high, ticks, whole=high - low >= 1)
    step = at[1] - at[0] if len(at) > 1 else 1.0
    return Axis(low, high, at, tuple(_number(value, step) for value in at))


def round_ticks(low: float, high: float, count: int, *, whole: bool = False) -> tuple[float, ...]:
    """Return at most `count` + 1 round numbers (1, 2, 2.5 or 5 times a power of ten) from `low` to `high`."""
    power = 10.0 ** math.floor(math.log10((high - low) / max(count, 1)))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * power
        if whole and (step < 1 or step % 1):
            continue
        if (high - low) / step <= count:
            break
    else:
        step = max(1.0, 50 * power) if whole else 50 * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(index * step for index in range(first, last + 1))


def duration(seconds: float) -> str:
    """Return a duration as people say it: `45s`, `12m`, `1h30`, `2d`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, hours = whole // 60, whole // 3600
    if hours < 1:
        return f"{minutes}m" + (f"{whole % 60:02d}" if whole % 60 else "")
    if hours < 48:
        return f"{hours}h" + (f"{minutes % 60:02d}" if minutes % 60 else "")
    return f"{hours // 24}d" + (f"{hours % 24}h" if hours % 24 else "")


def _number(value: float, step: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 1e4 and value % 1000 == 0 and step % 1000 == 0:
        return f"{value / 1000:g}k" if abs(value) < 1e6 else f"{value / 1e6:g}M"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return f"{value:.3g}"
    digits = max(0, min(8, -math.floor(math.log10(abs(step)) + 1e-9)))
    if round(step, digits) != round(step, 8):
        digits += 1
    return f"{value:.{digits}f}"


def stroke(x: Floats, y: Floats, *, dashed: bool = False) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the dots (columns, rows) of a line through (x, y), which are in dots; non-finite points break it."""
    finite = np.isfinite(x) & np.isfinite(y)
    columns: list[Floats] = []
    rows: list[Floats] = []
    for part in np.split(np.arange(len(x)), np.flatnonzero(np.diff(finite.astype(np.int8))) + 1):
        if not len(part) or not finite[part[0]]:
            continue
        px, py = x[part], y[part]
        lengths = np.ceil(np.maximum(np.abs(np.diff(px)), np.abs(np.diff(py))))
        way = np.concatenate([[0.0], np.cumsum(np.maximum(lengths, 1))])
        at = np.arange(int(way[-1]) + 1, dtype=np.float64)
        if dashed and len(part) > 1:
            at = at[at % _PERIOD < _DASH]
        columns.append(np.interp(at, way, px))
        rows.append(np.interp(at, way, py))
    if not columns:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    return np.floor(np.concatenate(columns)).astype(np.intp), np.floor(np.concatenate(rows)).astype(np.intp)


def lonely(y: Floats) -> NDArray[np.intp]:
    """Return the indices of finite values without a finite neighbour: a line cannot show them."""
    finite = np.concatenate([[False], np.isfinite(y), [False]])
    return np.flatnonzero(finite[1:-1] & ~finite[:-2] & ~finite[2:])


@dataclass(frozen=True, eq=False)
class Cells:
    """A canvas of braille dots or of letters, with the ink of each cell."""

    dots: NDArray[np.uint8]
    """(H, W) braille patterns, row 0 at the bottom."""
    marks: NDArray[np.str_]
    """(H, W) letters, empty where braille or nothing is drawn."""
    ink: NDArray[np.int16]
    """(H, W) which line drew there last."""

    @classmethod
    def blank(cls, width: int, height: int) -> Cells:
        """Return an empty canvas."""
        shape = (height, width)
        return cls(np.zeros(shape, np.uint8), np.full(shape, "", "<U1"), np.zeros(shape, np.int16))

    def draw(self, columns: Sequence[int] | NDArray[np.intp], rows: Sequence[int] | NDArray[np.intp], ink: int) -> None:
        """Draw dots (two to a cell across, four down), clipped to the canvas."""
        height, width = self.dots.shape
        column, row = np.clip(columns, 0, 2 * width - 1), np.clip(rows, 0, 4 * height - 1)
        np.bitwise_or.at(self.dots, (row // 4, column // 2), _DOTS[3 - row % 4, column % 2])
        self.ink[row // 4, column // 2] = ink

    def letter(
        self, columns: Sequence[int] | NDArray[np.intp], rows: Sequence[int] | NDArray[np.intp], ink: int, mark: str
    ) -> None:
        """Write `mark` into the cells of these dots."""
        height, width = self.dots.shape
        cell = (np.clip(rows, 0, 4 * height - 1) // 4, np.clip(columns, 0, 2 * width - 1) // 2)
        self.marks[cell] = mark
        self.ink[cell] = ink

    def inked(self) -> list[tuple[int, int, str, int]]:
        """Return (column, row, character, ink) of every cell that is not blank."""
        rows, columns = np.nonzero((self.dots > 0) | (self.marks != ""))
        return [
            (int(c), int(r), str(self.marks[r, c]) or chr(0x2800 + int(self.dots[r, c])), int(self.ink[r, c]))
            for r, c in zip(rows, columns, strict=True)
        ]
