"""One panel's canvas: lines, marks and its frame with ticks, as lines of text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arctl.plots.axes import Axis, figure
from arctl.plots.paint import FAINT, QUIET, Line, Piece, code
from arctl.plots.pens import Pen
from arctl.raster import DASHED, DOTTED, Cells, Curve, Floats, extremes, lonely, stroke

_FRAME = {False: ("│", "┤", "─", "┬", "└"), True: ("|", "+", "-", "+", "+")}


@dataclass(frozen=True)
class Frame:
    """Where a canvas lies in its drawing, and what its columns stand for."""

    top: int
    """The drawing's line that is its first row."""
    left: int
    """The column of its first cell."""
    columns: int
    """Cells across."""
    rows: int
    """Cells down."""
    low: float
    """What its left edge shows, in the unit of `axis`."""
    high: float
    """What its right edge shows."""
    axis: str
    """The quantity."""

    def column(self, x: float) -> int | None:
        """Return the column, counted from the canvas's first, that shows `x`; None where none does."""
        share = (x - self.low) / (self.high - self.low)
        return int(share * (2 * self.columns - 1)) // 2 if 0 <= share <= 1 else None

    def at(self, column: int) -> float:
        """Return what the right end of a column stands for."""
        return self.low + (self.high - self.low) * min(1.0, (2 * column + 1.999) / (2 * self.columns - 1))


def canvas(
    lines: Sequence[Curve], pens: Sequence[Pen], across: Axis, up: Axis, *, width: int, height: int, ascii: bool
) -> list[Line]:
    """Return `height` lines of `width` cells: the lines as their pens draw them, in a frame with the axes' ticks."""
    margin = max(len(label) for label in up.labels) if up.labels else 0
    columns, rows = width - 1 - margin, height - 2
    cells = Cells.blank(columns, rows)
    _restarts(cells, lines, across, ascii=ascii)
    # Dashes first, so that validation is never hidden by training.
    order = sorted(zip(lines, pens, strict=True), key=lambda pair: not pair[1].dashed)
    for line, pen in order:
        _raw(cells, line, pen, across, up)
    for line, pen in order:
        _line(cells, line, pen, across, up, ascii=ascii)
    for line, pen in order:
        _best(cells, line, pen, across, up, ascii=ascii)
    return _framed(cells, across, up, margin=margin, ascii=ascii)


def _restarts(cells: Cells, lines: Sequence[Curve], across: Axis, *, ascii: bool) -> None:
    columns = cells.dots.shape[1]
    for at in sorted({x for line in lines for x in line.restarts if across.low < x < across.high}):
        column = int(across.place(np.array([at]), 2 * columns - 1)[0]) // 2
        cells.marks[:, column] = _FRAME[ascii][0]
        cells.ink[:, column] = QUIET


def _raw(cells: Cells, line: Curve, pen: Pen, across: Axis, up: Axis) -> None:
    """Draw the values before they were smoothed, faint."""
    if line.raw is None:
        return
    rows, columns = cells.dots.shape
    keep = extremes(line.x, line.raw, columns=columns)
    x, y = across.place(line.x[keep], 2 * columns - 1), _upwards(up, line.raw[keep], rows)
    if pen.letter:
        cells.letter(*stroke(x, y, dash=DOTTED), pen.ink + FAINT, "'")
    else:
        cells.draw(*stroke(x, y, dash=DOTTED if pen.dashed or not pen.coloured else None), pen.ink + FAINT)


def _line(cells: Cells, line: Curve, pen: Pen, across: Axis, up: Axis, *, ascii: bool) -> None:
    rows, columns = cells.dots.shape
    keep = extremes(line.x, line.y, columns=columns)
    x, y = across.place(line.x[keep], 2 * columns - 1), _upwards(up, line.y[keep], rows)
    dots = stroke(x, y, dash=DASHED if pen.dashed else None)
    if pen.letter:
        cells.letter(*dots, pen.ink, pen.letter)
    else:
        _clear(cells, dots[0] // 2, dots[1] // 4)
        cells.draw(*dots, pen.ink)
    alone = lonely(y)
    cells.letter(x[alone].astype(np.intp), y[alone].astype(np.intp), pen.ink, pen.letter or "•")


def _upwards(up: Axis, values: Floats, rows: int) -> Floats:
    """Return the rows of dots of values; a way to one that lies far beyond an edge would take all the memory."""
    values = np.where(np.isfinite(values), values, np.nan)
    return np.asarray(np.clip(up.place(values, 4 * rows - 1), 0, 4 * rows - 1))


def _clear(cells: Cells, columns: np.ndarray[tuple[int], np.dtype[np.intp]], rows: object) -> None:
    """Take faint dots and restart marks out of the cells through which a line goes."""
    height, width = cells.dots.shape
    at = (np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1))  # type: ignore[call-overload]
    cells.marks[at] = ""
    behind = cells.ink[at] >= FAINT
    cells.dots[at] = np.where(behind, 0, cells.dots[at])


def _best(cells: Cells, line: Curve, pen: Pen, across: Axis, up: Axis, *, ascii: bool) -> None:
    """Mark the best value, and write it beside the mark where nothing is drawn."""
    if line.best is None or not across.low <= line.best[0] <= across.high:
        return
    rows, columns = cells.dots.shape
    place = up.place(np.array([line.best[1]]), 4 * rows - 1)[0]
    if not 0 <= place <= 4 * rows - 1:
        return
    column = int(across.place(np.array([line.best[0]]), 2 * columns - 1)[0]) // 2
    row = int(place) // 4
    cells.write(column, row, "B" if ascii else "◆", pen.ink)
    words = figure(line.metric, line.best[1])
    beside = [(way, by) for by in (1, -1, 2, -2, 3, -3) for way in (1, -len(words))]
    for right, above in (*beside, (2, 0), (-len(words) - 1, 0)):
        if cells.blank_at(column + right, row + above, len(words)):
            cells.write(column + right, row + above, words, pen.ink)
            return


def _framed(cells: Cells, across: Axis, up: Axis, *, margin: int, ascii: bool) -> list[Line]:
    rows, columns = cells.dots.shape
    wall, tick, floor, mark, corner = _FRAME[ascii]
    labels = {
        int(at) // 4: text for at, text in zip(up.place(np.array(up.ticks), 4 * rows - 1), up.labels, strict=True)
    }
    characters, inks = cells.characters(), cells.ink
    lines: list[Line] = []
    for row in range(rows - 1, -1, -1):
        edge = labels[row].rjust(margin) + tick if row in labels else " " * margin + wall
        lines.append(((edge, ""), *_runs("".join(characters[row]), inks[row])))
    places = [int(at) // 2 for at in across.place(np.array(across.ticks), 2 * columns - 1)]
    ground = [floor] * columns
    words = [" "] * (margin + 1 + columns)
    free = 0
    for place, text in zip(places, across.labels, strict=True):
        ground[place] = mark
        first = min(max(0, margin + 1 + place - len(text) // 2), len(words) - len(text))
        if first >= free:
            words[first : first + len(text)] = text
            free = first + len(text) + 1
    return [*lines, ((" " * margin + corner + "".join(ground), ""),), (("".join(words), ""),)]


def _runs(text: str, inks: np.ndarray[tuple[int], np.dtype[np.int16]]) -> list[Piece]:
    """Return a row of cells as stretches of one ink; blanks have none."""
    blank = np.fromiter(map(ord, text), np.uint32) == 32
    inked = np.where(blank, -1, inks)
    edges = np.flatnonzero(np.diff(inked, prepend=-2, append=-2)).tolist()
    return [
        (text[first:end], code(int(inked[first])) if inked[first] >= 0 else "")
        for first, end in itertools.pairwise(edges)
    ]
