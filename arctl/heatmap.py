"""Matrices of classes as coloured terminal cells: 8 classes with their numbers, 400 as blocks, never a row for each.

Two pixels share a cell
(the upper half block), which makes them square. Where there is no colour, shades of ink take its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size

from arctl.shades import Extra, Sheet
from arctl.sparse import Shares

_ANSI = re.compile(r"\x1b\[[0-9;]*m")

Order = str | NDArray[np.intp]
"""`class` (as the data set lists them), `confused` (those taken for one another side by side), `recall` (worst first),
or the very classes to draw, in their order: a block of the matrix."""


class Matrix(Protocol):
    """What is drawn: an `arctl.confusion.Confusion`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """(K,) names."""

    def shares(self, normalize: str = "true") -> Shares:
        """Return the cells as shares of their row (`true`), their column (`pred`), of `all`, or as counts (`none`)."""

    def order(self, kind: str) -> NDArray[np.intp]:
        """Return the classes (K,) in an order."""


class Pair(Protocol):
    """Two matrices over the same classes: an `arctl.confusion.Difference`."""

    @property
    def a(self) -> Matrix:
        """The first."""

    @property
    def b(self) -> Matrix:
        """The second."""

    def order(self, kind: str) -> NDArray[np.intp]:
        """Return the classes (K,) in an order."""


def confusion(
    matrix: Matrix,
    *,
    width: int,
    height: int,
    colour: bool = True,
    ascii: bool = False,
    order: Order = "class",
    normalize: str = "true",
) -> str:
    """Return a matrix as exactly `height` lines of `width` cells.

    Rows are true classes, columns predicted ones, cells what `normalize` says. Where each class has a cell of its own
    it carries its number; more classes become pixels, still more are folded into blocks of neighbours: a block on the
    diagonal shows the mean recall, any other one its worst confusion. Of a block of the matrix, what lies outside of it
    has a column of its own.
    """
    rank = matrix.order(order) if isinstance(order, str) else order
    sheet = _sheet(matrix.classes, matrix.shares(normalize), rank, signed=False, colour=colour, ascii=ascii)
    return _draw(sheet, width, height)


def difference(
    pair: Pair, *, width: int, height: int, colour: bool = True, ascii: bool = False, order: Order = "class"
) -> str:
    """Return what changed from the first matrix to the second, in percentage points, drawn like `confusion`.

    Blue is better (more right on the diagonal, less wrong beside it), orange is worse.
    """
    rank = pair.order(order) if isinstance(order, str) else order
    shares = pair.b.shares().minus(pair.a.shares())
    return _draw(_sheet(pair.a.classes, shares, rank, signed=True, colour=colour, ascii=ascii), width, height)


def room(classes: Sequence[str], width: int) -> int:
    """Return how many classes with their numbers are as wide as `width`, with a column for what is outside of them."""
    return max(2, (width - _gutter(classes, len(classes), width)) // 5 - 1)


def _sheet(
    classes: Sequence[str], shares: Shares, rank: NDArray[np.intp], *, signed: bool, colour: bool, ascii: bool
) -> Sheet:
    cells = shares.cells.taken(rank)
    extras = []
    # Shares of different columns have no sum.
    if len(rank) < len(classes) and shares.unit != "pred":
        outside = shares.cells.row_sums()[rank] - cells.row_sums()
        extras.append(Extra("else", "else", np.where(shares.rows_known[rank], outside, np.nan)))
    unread = np.where(shares.rows_known, shares.unread, np.nan)[rank]
    if np.nansum(np.abs(unread)) > 0:
        extras.append(Extra("unread", "?", unread))
    return Sheet(
        classes=tuple(classes[index] for index in rank),
        numbers=tuple(int(index) + 1 for index in rank),
        cells=cells,
        rows_known=shares.rows_known[rank],
        columns_known=shares.columns_known[rank],
        extras=tuple(extras),
        unit=shares.unit,
        signed=signed,
        colour=colour,
        ascii=ascii,
    )


def _draw(sheet: Sheet, width: int, height: int) -> str:
    count = len(sheet.classes)
    gutter = _gutter(sheet.classes, max(sheet.numbers), width)
    columns = count + len(sheet.extras)
    if width < 12 or height < 4:
        rows = [_pad("(too small to draw)", width)]
    elif count + 2 <= height and gutter + 5 * columns <= width:
        rows = _numbered(sheet, width, height, gutter)
    else:
        rows = _pixels(sheet, width, height, gutter if width >= 48 else 0)
    return "\n".join([*rows[:height], *[" " * width] * (height - len(rows))])


def _gutter(classes: Sequence[str], highest: int, width: int) -> int:
    """Return how wide labels are: the highest number, the longest name, two blanks; a quarter of the width at most."""
    longest = max(map(cell_len, classes))
    return min(longest + len(str(highest)) + 2, max(10, width // 4))


def _label(sheet: Sheet, index: int, gutter: int) -> str:
    number = f"{sheet.numbers[index]:>{len(str(max(sheet.numbers)))}}"
    label = f"{number} {sheet.classes[index]}"
    return set_cell_size(label if cell_len(label) < gutter else set_cell_size(label, gutter - 2) + "…", gutter)


def _numbered(sheet: Sheet, width: int, height: int, gutter: int) -> list[str]:
    """A header, then one row (three lines tall where there is room) for each class, with a number in each cell."""
    count = len(sheet.classes)
    values = np.column_stack([sheet.grid(), *(extra.values for extra in sheet.extras)])
    paints = sheet.paints(values, np.eye(*values.shape, dtype=np.bool_)).tolist()
    cell = min(14, (width - gutter) // values.shape[1])
    tall = 3 if 3 * count + 2 <= height else 1
    fits = all(cell_len(name) < cell for name in sheet.classes)
    heads = list(sheet.classes) if fits else [str(number) for number in sheet.numbers]
    heads += [extra.head if cell > 6 else extra.short for extra in sheet.extras]
    rows = [_pad(" " * gutter + "".join(_centre(head, cell) for head in heads), width)]
    for index, row in enumerate(values.tolist()):
        for line in range(tall):
            middle = line == tall // 2
            label = _label(sheet, index, gutter) if middle else " " * gutter
            texts = [_centre(sheet.words(value) if middle else "", cell) for value in row]
            tiles = (sheet.tile(text, ground) for text, ground in zip(texts, paints[index], strict=True))
            rows.append(label + "".join(tiles) + " " * (width - gutter - cell * len(row)))
    return [*rows, _legend(sheet, width, 1)]


def _pixels(sheet: Sheet, width: int, height: int, gutter: int) -> list[str]:
    """A header, then square pixels: two to a cell in colour, two characters for each without."""
    count, lines, room = len(sheet.classes), height - 2, width - gutter
    pitch, stack = (1, 2) if sheet.colour else (2, 1)
    across, down = room // pitch, lines * stack
    size = -(-count // max(1, min(across, down)))
    values = sheet.grid(size)
    zoom = max(1, min(across, down) // len(values))
    grid = np.repeat(np.arange(len(values), dtype=np.intp), zoom)
    draw = sheet.paints if sheet.colour else sheet.shades
    body = draw(values, np.eye(len(values), dtype=np.bool_))[np.ix_(grid, grid)].tolist()
    rows = [_pad(" " * gutter + _column_heads(sheet, grid, size, pitch), width)]
    named = -1
    for top in range(0, len(grid), stack):
        fresh = [block for block in grid[top : top + stack].tolist() if block > named]
        label = _label(sheet, fresh[0] * size, gutter) if gutter and fresh else " " * gutter
        named = max([named, *fresh])
        cells = _half_blocks(*body[top : top + 2]) if sheet.colour else "".join(2 * mark for mark in body[top])
        rows.append(label + cells + " " * (room - len(grid) * pitch))
    return [*rows, _legend(sheet, width, size)]


def _column_heads(sheet: Sheet, grid: NDArray[np.intp], size: int, pitch: int) -> str:
    """Class numbers above the columns where they begin, as many as fit."""
    text = ""
    for at in np.flatnonzero(np.diff(grid, prepend=-1)).tolist():
        if not text or at * pitch >= len(text) + 2:
            text = text.ljust(at * pitch) + str(sheet.numbers[int(grid[at]) * size])
    return text


def _half_blocks(upper: Sequence[int], lower: Sequence[int] | None = None) -> str:
    """Two rows of colours as one line; the last one may stand alone."""
    codes = [f"38;5;{ink}" for ink in upper]
    if lower is not None:
        codes = [f"{code};48;5;{ground}" for code, ground in zip(codes, lower, strict=True)]
    parts, before = [], ""
    for code in codes:
        parts.append("▀" if code == before else f"\x1b[{code}m▀")
        before = code
    return "".join(parts) + "\x1b[0m"


def _legend(sheet: Sheet, width: int, size: int) -> str:
    """What colours and blocks mean, as much as one line holds."""
    text = "  ".join(f"{word} {sheet.bar(ramp)}" for word, ramp in sheet.legend)
    notes = [f"blocks of {size} classes"] if size > 1 else []
    notes += ["rows true, columns predicted", sheet.measure]
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
