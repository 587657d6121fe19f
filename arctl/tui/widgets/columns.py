"""The columns of the run table: what each shows, how wide it is, and which ones fit a width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size

from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.spark import sparkline
from arctl.text import safe_line
from arctl.tui import palette, wording

Side = Literal["left", "right"]
"""Where a text stands in its column."""


@dataclass(frozen=True)
class Line:
    """What a row is drawn from."""

    row: RunRow
    trend: tuple[float, ...]
    now: float
    ascii: bool = False


Cell = tuple[str, str]
"""A text and its Rich style."""


@dataclass(frozen=True)
class Column:
    """One column."""

    title: str
    width: int
    """Least width in cells."""
    draw: Callable[[Line, int], Cell]
    """Text and style for a row at a width."""
    rank: int
    """Columns of low rank stay when there is little room."""
    align: Side = "left"
    most: int = 0
    """Greatest width; 0 for a fixed one."""


def _name(line: Line, _: int) -> Cell:
    return safe_line(line.row.name, limit=120), palette.TEXT


def _state(line: Line, _: int) -> Cell:
    word, style = palette.state_word(line.row.state)
    return (f"{word} !" if line.row.damaged else word), style


def _epochs(line: Line, _: int) -> Cell:
    return wording.epochs(line.row), palette.TEXT


def _best(line: Line, _: int) -> Cell:
    value, _epoch = wording.best(line.row.metrics, "val/top1")
    return wording.percent(value), f"bold {palette.TEXT}" if value is not None else palette.FAINT


def _trend(line: Line, width: int) -> Cell:
    # The full block would grow together with the row above.
    drawn = sparkline(line.trend, width, ascii=line.ascii).replace("█", "▇")
    return drawn, palette.QUIET


def _age(line: Line, _: int) -> Cell:
    return wording.age(line.row.created, line.now), palette.MUTED


def _latest(metric: str) -> Callable[[Line, int], Cell]:
    def draw(line: Line, _: int) -> Cell:
        return wording.fixed(wording.last(line.row.metrics, metric)), palette.MUTED

    return draw


def _gap(line: Line, _: int) -> Cell:
    value = wording.last(line.row.metrics, "gap/top1")
    wide = value is not None and value > 0.1
    return wording.percent(value), palette.WAIT if wide else palette.MUTED


def _model(line: Line, _: int) -> Cell:
    return safe_line(line.row.model or wording.NOTHING, limit=60), palette.MUTED


def _tags(line: Line, _: int) -> Cell:
    return safe_line(" ".join(line.row.tags), limit=120), palette.SECOND


def _why(line: Line, _: int) -> Cell:
    return safe_line(line.row.message or line.row.reason or "", limit=120), palette.MUTED


COLUMNS = (
    Column("run", 6, lambda line, _: (run_name(line.row.number), palette.ACCENT), 0),
    Column("name", 14, _name, 0, most=24),
    Column("model", 11, _model, 9),
    Column("state", 11, _state, 0),
    Column("epoch", 7, _epochs, 1, "right"),
    Column("top-1", 6, _best, 0, "right"),
    Column("trend", 8, _trend, 2, most=16),
    Column("gap", 6, _gap, 6, "right"),
    Column("loss", 7, _latest("val/loss"), 7, "right"),
    Column("age", 4, _age, 3, "right"),
    Column("tags", 8, _tags, 8, most=20),
    Column("why", 12, _why, 10, most=60),
)
"""All columns, as they stand from left to right."""

GUTTER = 2
"""Cells in front of the first column: the cursor's mark and the user's mark."""


def fit(width: int) -> tuple[tuple[Column, int], ...]:
    """Choose the columns that fit `width` cells and share out what is left to those that can grow."""
    room = width - GUTTER
    chosen: list[Column] = []
    for column in sorted(COLUMNS, key=lambda column: column.rank):
        if column.width + 1 <= room or column.rank == 0:
            chosen.append(column)
            room -= column.width + 1
    widths = {column.title: column.width for column in chosen}
    for column in sorted(chosen, key=lambda column: column.rank):
        grow = max(0, min(room, column.most - column.width))
        widths[column.title] += grow
        room -= grow
    return tuple((column, widths[column.title]) for column in COLUMNS if column in chosen)


def cells(line: Line, layout: Sequence[tuple[Column, int]]) -> list[Cell]:
    """Return the padded cells of a row."""
    found = []
    for column, width in layout:
        text, style = column.draw(line, width)
        found.append((pad(text, width, column.align), style))
    return found


def pad(text: str, width: int, align: Side = "left") -> str:
    """Return `text` in exactly `width` terminal cells, cut with an ellipsis where it is longer."""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, width)
    blanks = " " * (width - size)
    return blanks + text if align == "right" else text + blanks
