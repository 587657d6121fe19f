"""Tables as frozen values: made on a reading thread, drawn by `widgets.sheet`; long ones cost the screen nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from arctl.text import safe_line
from arctl.tui import palette

WIDEST = 60
"""Cells that a column takes at most, however long its texts."""

SHORTEST = 8
"""Cells that a column which may shrink keeps."""


@dataclass(frozen=True)
class Cell:
    """A value in a table."""

    text: str
    """What is shown, safe."""
    style: str = palette.TEXT
    """Its Rich style."""
    order: float | str = ""
    """What it is sorted by; NaN and "" come last."""


def cell(text: object, style: str = palette.TEXT, order: float | str | None = None) -> Cell:
    """Return a cell with a text made safe; it is sorted by `order`, or by its text."""
    shown = safe_line(str(text), limit=400)
    return Cell(shown, style, shown.lower() if order is None else order)


@dataclass(frozen=True)
class Column:
    """One column."""

    title: str
    """Its heading."""
    right: bool = False
    """Whether it holds numbers, which stand at its right end."""
    drop: int = 0
    """Where there is little room the columns with the highest number go first; 0 stays."""
    shrink: bool = False
    """Whether its texts may be cut."""
    least: int = SHORTEST
    """Cells that it keeps all the same."""


@dataclass(frozen=True)
class Row:
    """One line."""

    key: str
    """What it stands for, whatever its place."""
    cells: tuple[Cell, ...]
    """One for each column."""
    run: int | None = None
    """The run that it opens."""


@dataclass(frozen=True)
class Sheet:
    """A table."""

    columns: tuple[Column, ...] = ()
    """From left to right."""
    rows: tuple[Row, ...] = ()
    """In their usual order."""
    widths: tuple[int, ...] = ()
    """The cells that each column would like to have."""


def sheet(columns: Sequence[Column], rows: Sequence[Row]) -> Sheet:
    """Return a table; columns without any text that may be dropped are left out."""
    natural = [max([0, *(cell_len(row.cells[at].text) for row in rows)]) for at in range(len(columns))]
    keep = [at for at, column in enumerate(columns) if natural[at] or not column.drop]
    kept = tuple(Row(row.key, tuple(row.cells[at] for at in keep), row.run) for row in rows)
    widths = tuple(min(WIDEST, max(natural[at], cell_len(columns[at].title))) for at in keep)
    return Sheet(tuple(columns[at] for at in keep), kept, widths)


def fit(table: Sheet, width: int) -> tuple[tuple[int, int], ...]:
    """Return (column, cells) of those that fit on `width` cells, one blank between two; the last may grow.

    Texts that may be cut give way first, then the columns that may be dropped.
    """
    keep = list(range(len(table.columns)))
    widths = list(table.widths)
    while keep:
        over = sum(widths[at] + 1 for at in keep) - 1 - width
        room = sum(max(0, widths[at] - table.columns[at].least) for at in keep if table.columns[at].shrink)
        droppable = [at for at in keep if table.columns[at].drop]
        if over <= room or not droppable:
            break
        keep.remove(max(droppable, key=lambda at: (table.columns[at].drop, at)))
    over = sum(widths[at] + 1 for at in keep) - 1 - width
    for at in sorted((at for at in keep if table.columns[at].shrink), key=lambda at: -widths[at]):
        cut = min(max(0, widths[at] - table.columns[at].least), max(0, over))
        widths[at] -= cut
        over -= cut
    return tuple((at, widths[at]) for at in keep)
