"""Matrices of classes as coloured terminal cells: 8 classes with their numbers, 400 as blocks, never a row for each.

plotext's heat map paints only whole cells and knows no labels, so this one is our own. Two pixels share a cell
(the upper half block), which makes them square. Where there is no colour, shades of ink take its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size

from arctl.raster import Floats, fold, similar_order
from arctl.shades import Sheet

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Matrix(Protocol):
    """What is drawn: an `arctl.confusion.Confusion`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """(K,) names."""

    @property
    def rates(self) -> Floats:
        """(K, K + 1) share of a true class's samples by predicted class, the unreadable last; NaN without samples."""


class Pair(Protocol):
    """Two matrices over the same classes: an `arctl.confusion.Difference`."""

    @property
    def a(self) -> Matrix:
        """The first."""

    @property
    def b(self) -> Matrix:
        """The second."""


def confusion(
    matrix: Matrix, *, width: int, height: int, colour: bool = True, ascii: bool = False, order: str = "class"
) -> str:
    """Return the row-normalised matrix as exactly `height` lines of `width` cells.

    Rows are true classes, columns predicted ones. Where each class has a cell of its own it carries its
    percentage; more classes become pixels, still more are folded into blocks of neighbours: a block on
    the diagonal shows the mean recall, any other one its worst confusion. `order` is `class` (as the data set
    lists them) or `confused` (classes that are taken for one another side by side).
    """
    rank = _rank(matrix.rates[:, :-1], order)
    return _draw(_sheet(matrix.classes, matrix.rates, rank, signed=False, colour=colour, ascii=ascii), width, height)


def difference(
    pair: Pair, *, width: int, height: int, colour: bool = True, ascii: bool = False, order: str = "class"
) -> str:
    """Return what changed from the first matrix to the second, in percentage points, drawn like `confusion`.

    Blue is better (more right on the diagonal, less wrong beside it), orange is worse.
    """
    before, after = pair.a.rates, pair.b.rates
    rank = _rank(np.nan_to_num(np.maximum(before, after))[:, :-1], order)
    sheet = _sheet(pair.a.classes, after - before, rank, signed=True, colour=colour, ascii=ascii)
    return _draw(sheet, width, height)


def _rank(rates: Floats, order: str) -> NDArray[np.intp]:
    return similar_order(rates) if order == "confused" else np.arange(len(rates), dtype=np.intp)


def _sheet(
    classes: Sequence[str], values: Floats, rank: NDArray[np.intp], *, signed: bool, colour: bool, ascii: bool
) -> Sheet:
    unread = values[rank, -1]
    return Sheet(
        classes=tuple(classes[index] for index in rank),
        numbers=tuple(int(index) + 1 for index in rank),
        values=values[np.ix_(rank, rank)],
        unread=unread if np.nansum(np.abs(unread)) > 0 else None,
        signed=signed,
        colour=colour,
        ascii=ascii,
    )


def _draw(sheet: Sheet, width: int, height: int) -> str:
    count = len(sheet.classes)
    gutter = _gutter(sheet, width)
    columns = count + (sheet.unread is not None)
    if width < 12 or height < 4:
        rows = [_pad("(too small to draw)", width)]
    elif count + 2 <= height and gutter + 5 * columns <= width:
        rows = _numbered(sheet, width, height, gutter)
    else:
        rows = _pixels(sheet, width, height, gutter if width >= 48 else 0)
    return "\n".join([*rows[:height], *[" " * width] * (height - len(rows))])


def _gutter(sheet: Sheet, width: int) -> int:
    longest = max(cell_len(name) for name in sheet.classes)
    return min(longest + len(str(len(sheet.classes))) + 2, max(10, width // 4))


def _label(sheet: Sheet, index: int, gutter: int) -> str:
    number = f"{sheet.numbers[index]:>{len(str(len(sheet.classes)))}}"
    label = f"{number} {sheet.classes[index]}"
    return set_cell_size(label if cell_len(label) < gutter else set_cell_size(label, gutter - 2) + "…", gutter)


def _numbered(sheet: Sheet, width: int, height: int, gutter: int) -> list[str]:
    """A header, then one row (three lines tall where there is room) for each class, with a number in each cell."""
    count = len(sheet.classes)
    values = sheet.values if sheet.unread is None else np.column_stack([sheet.values, sheet.unread])
    cell = min(14, (width - gutter) // values.shape[1])
    tall = 3 if 3 * count + 2 <= height else 1
    fits = all(cell_len(name) < cell for name in sheet.classes)
    heads = list(sheet.classes) if fits else [str(number) for number in sheet.numbers]
    heads += ["unread" if cell > 6 else "?"] if sheet.unread is not None else []
    rows = [_pad(" " * gutter + "".join(_centre(head, cell) for head in heads), width)]
    for index, row in enumerate(values):
        for line in range(tall):
            middle = line == tall // 2
            label = _label(sheet, index, gutter) if middle else " " * gutter
            texts = [_centre(sheet.words(value) if middle else "", cell) for value in row]
            tiles = (sheet.tile(row[at], texts[at], diagonal=at == index) for at in range(len(row)))
            rows.append(label + "".join(tiles) + " " * (width - gutter - cell * len(row)))
    return [*rows, _legend(sheet, width, 1)]


def _pixels(sheet: Sheet, width: int, height: int, gutter: int) -> list[str]:
    """A header, then square pixels: two to a cell in colour, two characters for each without."""
    count, lines, room = len(sheet.classes), height - 2, width - gutter
    pitch, stack = (1, 2) if sheet.colour else (2, 1)
    across, down = room // pitch, lines * stack
    size = -(-count // max(1, min(across, down)))
    values = fold(sheet.values, size) if size > 1 else sheet.values
    zoom = max(1, min(across, down) // len(values))
    grid = np.repeat(np.arange(len(values), dtype=np.intp), zoom)
    rows = [_pad(" " * gutter + _column_heads(sheet, grid, size, pitch), width)]
    named = -1
    for top in range(0, len(grid), stack):
        fresh = [block for block in grid[top : top + stack].tolist() if block > named]
        label = _label(sheet, fresh[0] * size, gutter) if gutter and fresh else " " * gutter
        named = max([named, *fresh])
        body = _half_blocks(sheet, values, grid, top) if sheet.colour else _marks(sheet, values, grid, top)
        rows.append(label + body + " " * (room - len(grid) * pitch))
    return [*rows, _legend(sheet, width, size)]


def _column_heads(sheet: Sheet, grid: NDArray[np.intp], size: int, pitch: int) -> str:
    """Class numbers above the columns where they begin, as many as fit."""
    text = ""
    for at in np.flatnonzero(np.diff(grid, prepend=-1)).tolist():
        if not text or at * pitch >= len(text) + 2:
            text = text.ljust(at * pitch) + str(sheet.numbers[int(grid[at]) * size])
    return text


def _half_blocks(sheet: Sheet, values: Floats, grid: NDArray[np.intp], top: int) -> str:
    upper = grid[top]
    lower = grid[top + 1] if top + 1 < len(grid) else None
    parts, before = [], ""
    for column in grid:
        code = f"38;5;{sheet.paint(values[upper, column], diagonal=bool(upper == column))}"
        if lower is not None:
            code += f";48;5;{sheet.paint(values[lower, column], diagonal=bool(lower == column))}"
        parts.append("▀" if code == before else f"\x1b[{code}m▀")
        before = code
    return "".join(parts) + "\x1b[0m"


def _marks(sheet: Sheet, values: Floats, grid: NDArray[np.intp], top: int) -> str:
    row = grid[top]
    return "".join(2 * sheet.shade(values[row, column], diagonal=bool(row == column)) for column in grid)


def _legend(sheet: Sheet, width: int, size: int) -> str:
    """What colours and blocks mean, as much as one line holds."""
    text = "  ".join(f"{word} {sheet.bar(ramp)}" for word, ramp in sheet.legend)
    notes = [f"blocks of {size} classes"] if size > 1 else []
    notes += ["rows true, columns predicted", "in points" if sheet.signed else "in % of the row"]
    for at, note in enumerate(notes):
        longer = text + ("  " if at == 0 else ", ") + note
        if _length(longer) <= width:
            text = longer
    return _pad(text, width)


def _length(text: str) -> int:
    return cell_len(_ANSI.sub("", text))


def _centre(text: str, cell: int) -> str:
    return _pad(" " * (max(0, cell - cell_len(text)) // 2) + text, cell)


def _pad(text: str, width: int) -> str:
    """Fill to exactly `width` cells; text that is too long is cut, and loses its colours."""
    missing = width - _length(text)
    return text + " " * missing if missing >= 0 else set_cell_size(_ANSI.sub("", text), width)
