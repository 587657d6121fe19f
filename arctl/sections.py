"""A page before anybody draws it: sections of sentences and tables, the same for command line and dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from arctl.text import safe_line

NOTHING = "-"
"""Stands where there is no value."""

BETTER, WORSE = "green", "red"
"""The styles of a change."""

DIM = "bright_black"
"""The style of what matters less."""

About = tuple[int | None, int | None]
"""What a row tells of: a true class and a class that it is taken for, by number; None for any."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    title: str
    right: bool = False
    """True for numbers."""
    drop: int = 0
    """On a narrow terminal the columns with the highest number go first; 0 stays."""
    shrink: bool = False
    """Whether its text may be cut to make the table fit."""
    tail: bool = False
    """Whether the end of its text tells more than the beginning, and stays where it is cut on a screen."""


@dataclass(frozen=True)
class Cell:
    """A value in a table, with its style on a terminal."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


@dataclass(frozen=True)
class Section:
    """One part of the page: sentences, then a table, then more sentences."""

    title: str
    """`Metrics`; empty for the head of the page."""
    before: tuple[Cell, ...] = ()
    """Sentences above the table."""
    columns: tuple[Column, ...] = ()
    """Of the table."""
    rows: tuple[Row, ...] = ()
    """Of the table; none is no table."""
    after: tuple[Cell, ...] = ()
    """Sentences below it."""
    drawing: Callable[[], str] | None = None
    """What only a terminal can show: a heat map."""
    about: tuple[About, ...] = ()
    """What each row tells of, where its samples can be listed; empty where they cannot."""

    @cached_property
    def widths(self) -> list[int]:
        """How wide each column would like to be."""
        rows = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]
        return natural(self.columns, rows)


def measured(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Return sections whose columns have been measured, so that a screen need not do it."""
    return tuple(section for section in sections if section.widths is not None)


def warned(sections: Iterable[Section], unlike: str) -> Iterator[Section]:
    """Give sections whose every line says in what the runs were evaluated differently."""
    for section in sections:
        yield replace(
            section,
            before=tuple(_warned(cell, unlike) for cell in section.before),
            after=tuple(_warned(cell, unlike) for cell in section.after),
            columns=(Column("unlike"), *section.columns),
            rows=tuple((Cell(unlike, "yellow"), *row) for row in section.rows),
            drawing=None,
        )


def _warned(cell: Cell, unlike: str) -> Cell:
    return replace(cell, text=f"[unlike {unlike}] {cell.text}")


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> tuple[list[int], dict[int, int]]:
    """Return the columns that fit on `width`, and their widths.

    Empty columns that may be dropped go first, then those with the highest `drop`; text that may shrink gives way
    to 10 characters before that.
    """
    return fit(columns, natural(columns, rows), width)


def natural(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[int]:
    """Return how wide each column would like to be; 0 for an empty one that may be dropped."""
    return [_natural(column, [row[at].text for row in rows]) for at, column in enumerate(columns)]


def _natural(column: Column, texts: Sequence[str]) -> int:
    if column.drop and all(text in ("", NOTHING) for text in texts):
        return 0
    return max(_length(column.title), *map(_length, texts), 0)


def _length(text: str) -> int:
    if text.isascii() and text.isprintable() and "  " not in text:
        return len(text)
    from rich.cells import cell_len

    return cell_len(safe_line(text))


def fit(columns: Sequence[Column], wanted: Sequence[int], width: int) -> tuple[list[int], dict[int, int]]:
    """Return the columns that fit on `width`, and their widths, of what each would like: see `fitted`."""
    keep = [index for index, column in enumerate(columns) if wanted[index] or not column.drop]
    widths = {index: wanted[index] for index in keep}
    while True:
        over = sum(widths[index] + 2 for index in keep) - 2 - width
        room = {index: max(0, widths[index] - 10) for index in keep if columns[index].shrink}
        if over <= sum(room.values()):
            break
        last = max(keep, key=lambda index: (columns[index].drop, index))
        if not columns[last].drop:
            break
        keep.remove(last)
    for index in sorted(room, key=lambda index: -room[index]):
        cut = min(room[index], max(0, over))
        widths[index] -= cut
        over -= cut
    return keep, widths
