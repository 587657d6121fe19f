"""From numbers to cells: a curve, its reduction to what a width can show, the part that a window shows, its dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)

DASHED = (4, 8)
"""Of a dashed line's period: how many dots are drawn, and how long it is."""

DOTTED = (1, 4)
"""The same of a dotted line."""


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
    """`step`, `epoch`, `time` (seconds since the run began), `GPU-hours` or `hours run`."""
    raw: Floats | None = None
    """(N,) the values before they were smoothed; None where they were not."""
    best: tuple[float, float] | None = None
    """Where (x, value) the best value lies, before smoothing; None where there is none to mark."""
    step: Floats | None = None
    """(N,) optimizer steps, where somebody may ask for the step of a point."""
    epoch: Floats | None = None
    """(N,) epochs, likewise."""


def reduce(curve: Curve, *, columns: int) -> Curve:
    """Return the curve with at most a minimum and a maximum for each of `columns` columns, and its two ends."""
    keep = extremes(curve.x, curve.y, columns=columns)
    if curve.raw is not None:
        keep = np.union1d(keep, extremes(curve.x, curve.raw, columns=columns))
    return _part(curve, keep)


def extremes(x: Floats, y: Floats, *, columns: int) -> NDArray[np.intp]:
    """Return the indices, rising, of what `columns` columns can show of (x, y); x must not decrease.

    Of each column the lowest and the highest finite value are kept; a column that has none keeps one
    point, so that a gap stays a gap; the first and the last point are kept.
    """
    count = len(x)
    if count <= 2 * columns or columns < 1:
        return np.arange(count, dtype=np.intp)
    low, high = float(x[0]), float(x[-1])
    span = (high - low) or 1.0
    column = np.minimum(((x - low) / span * columns).astype(np.intp), columns - 1)
    begins = np.searchsorted(column, np.arange(columns + 1))
    finite = np.isfinite(y)
    lowest, highest = (y, y) if finite.all() else (np.where(finite, y, np.inf), np.where(finite, y, -np.inf))
    keep = [0, count - 1]
    for first, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        if first < end:
            keep += [first + int(lowest[first:end].argmin()), first + int(highest[first:end].argmax())]
    return np.unique(np.array(keep, dtype=np.intp))


def window(curve: Curve, low: float, high: float) -> Curve:
    """Return the points from `low` to `high`, with one more on either side, so that lines go on to the edges."""
    first = max(0, int(np.searchsorted(curve.x, low, side="left")) - 1)
    end = int(np.searchsorted(curve.x, high, side="right")) + 1
    if first == 0 and end >= len(curve.x):
        return curve
    return _part(curve, np.arange(first, min(end, len(curve.x))))


def _part(curve: Curve, keep: NDArray[np.intp]) -> Curve:
    raw, step, epoch = (None if part is None else part[keep] for part in (curve.raw, curve.step, curve.epoch))
    return replace(curve, x=curve.x[keep], y=curve.y[keep], raw=raw, step=step, epoch=epoch)


def stroke(x: Floats, y: Floats, *, dash: tuple[int, int] | None = None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
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
        if dash is not None and len(part) > 1:
            at = at[at % dash[1] < dash[0]]
        columns.append(np.interp(at, way, px))
        rows.append(np.interp(at, way, py))
    if not columns:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    return np.floor(np.concatenate(columns)).astype(np.intp), np.floor(np.concatenate(rows)).astype(np.intp)


def cut(x: Floats, y: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Return a line's part from `low` to `high`: where a stretch crosses an edge, it is cut there."""
    if not len(x) or (x[0] >= low and x[-1] <= high):
        return x, y
    edges = [edge for edge in (low, high) if x[0] < edge < x[-1]]
    inside = (x >= low) & (x <= high)
    at = np.concatenate([x[inside], edges])
    # np.interp would carry a value over a gap: between points of which one is not finite there is nothing.
    values = np.concatenate([y[inside], [_between(x, y, edge) for edge in edges]])
    order = np.argsort(at, kind="stable")
    return at[order], values[order]


def _between(x: Floats, y: Floats, at: float) -> float:
    right = int(np.searchsorted(x, at, side="right"))
    (x0, x1), (y0, y1) = x[right - 1 : right + 1], y[right - 1 : right + 1]
    return float(y0 + (y1 - y0) * (at - x0) / (x1 - x0)) if x1 > x0 else float(y0)


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

    def write(self, column: int, row: int, text: str, ink: int) -> None:
        """Write a text into a row of cells."""
        for place, mark in enumerate(text):
            self.marks[row, column + place] = mark
            self.ink[row, column + place] = ink

    def blank_at(self, column: int, row: int, width: int) -> bool:
        """Tell whether `width` cells from this one lie on the canvas and hold nothing."""
        rows, columns = self.dots.shape
        if not (0 <= row < rows and column >= 0 and column + width <= columns):
            return False
        cells = (row, slice(column, column + width))
        return not self.dots[cells].any() and not (self.marks[cells] != "").any()

    def characters(self) -> NDArray[np.str_]:
        """Return (H, W) characters, blanks where nothing is drawn, row 0 at the bottom."""
        braille = (self.dots.astype(np.uint32) + 0x2800).view("<U1")
        return np.where(self.marks != "", self.marks, np.where(self.dots > 0, braille, " "))
