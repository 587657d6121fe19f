"""The columns of the run table: what each shows, how wide it is, and which ones fit a width."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len, set_cell_size

from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.spark import sparkline
from arctl.states import State
from arctl.text import safe_line
from arctl.tui import palette, wording

if TYPE_CHECKING:
    from arctl.forecast import Outlook

Side = Literal["left", "right"]
"""Where a text stands in its column."""


@dataclass(frozen=True)
class Line:
    """What a row is drawn from."""

    row: RunRow
    trend: tuple[float, ...] = ()
    now: float = 0.0
    ascii: bool = False
    outlook: Outlook | None = None
    hours: float | None = None
    config: Mapping[str, object] | None = None
    """Its configuration by dotted key, where a column asks for it."""
    depth: int = 0
    """1 for a run under an open folded line."""


Cell = tuple[str, str]
"""A text and its Rich style."""


@dataclass(frozen=True)
class Column:
    """One column."""

    title: str
    """Its heading."""
    width: int
    """Least width in cells."""
    draw: Callable[[Line, int], Cell]
    """Text and style for a row at a width."""
    rank: int
    """Columns of low rank stay when there is little room."""
    align: Side = "left"
    most: int = 0
    """Greatest width; 0 for a fixed one."""
    name: str = ""
    """What it is called in arctl.yaml, in `arctl ls --columns` and by the sort; empty is the title."""
    falling: bool = False
    """Whether the greatest stands first when it is sorted by."""

    @property
    def key(self) -> str:
        """Its name."""
        return self.name or self.title


def _name(line: Line, _: int) -> Cell:
    return " " * line.depth + safe_line(line.row.name, limit=120), palette.TEXT


def _state(line: Line, _: int) -> Cell:
    word, style = palette.state_word(line.row.state)
    return (f"{word} !" if line.row.damaged else word), style


def _epochs(line: Line, width: int) -> Cell:
    text = wording.epochs(line.row)
    room = width - 8
    if room < 4 or line.row.state is not State.RUNNING or not line.row.epochs:
        return text.rjust(min(width, 7)), palette.TEXT
    part = min(1.0, max(0.0, (line.row.epoch or 0.0) / line.row.epochs))
    return f"{text:>7} {wording.bar(part, room, ascii=line.ascii)}", palette.TEXT


def _eta(line: Line, width: int) -> Cell:
    outlook = line.outlook
    if outlook is None or outlook.eta_s is None:
        return wording.NOTHING, palette.FAINT
    text = wording.span(outlook.eta_s)
    if outlook.fits is False:
        reached = f">{outlook.reached}" if outlook.reached is not None and width >= 10 else ""
        return f"{text} late{reached}", palette.BAD
    return f"{text} ok" if outlook.fits and width >= 8 else text, palette.TEXT


def _best(line: Line, width: int) -> Cell:
    value, epoch = wording.best(line.row.metrics, "val/top1")
    at = f" @{epoch:.0f}" if epoch is not None and width >= 10 else ""
    return wording.percent(value) + at, f"bold {palette.TEXT}" if value is not None else palette.FAINT


def _last(line: Line, _: int) -> Cell:
    value = wording.last(line.row.metrics, "val/top1")
    return wording.percent(value), palette.MUTED if value is not None else palette.FAINT


def _trend(line: Line, width: int) -> Cell:
    # The full block would grow together with the row above.
    drawn = sparkline(line.trend, width, ascii=line.ascii).replace("█", "▇")
    return drawn, palette.QUIET


def _age(line: Line, _: int) -> Cell:
    return wording.age(line.row.created, line.now), palette.MUTED


def _gap(line: Line, _: int) -> Cell:
    value = wording.last(line.row.metrics, "gap/top1")
    wide = value is not None and value > 0.1
    return wording.percent(value), palette.WAIT if wide else palette.MUTED


def _hours(line: Line, _: int) -> Cell:
    return wording.hours(line.hours), palette.MUTED


def _word(find: Callable[[RunRow], str | None], style: Callable[[], str]) -> Callable[[Line, int], Cell]:
    def draw(line: Line, _: int) -> Cell:
        return safe_line(find(line.row) or "", limit=120), style()

    return draw


def _muted() -> str:
    return palette.MUTED


def _second() -> str:
    return palette.SECOND


COLUMNS = (
    Column("run", 6, lambda line, _: (run_name(line.row.number), palette.ACCENT), 0, falling=True),
    Column("name", 13, _name, 0, most=26),
    Column("model", 11, _word(lambda row: row.model, _muted), 9),
    Column("state", 11, _state, 0),
    Column("epoch", 7, _epochs, 1, most=16),
    Column("eta", 5, _eta, 4, "right", most=13),
    Column("top-1", 6, _best, 0, "right", most=11, name="best", falling=True),
    Column("last", 6, _last, 8, "right", falling=True),
    Column("trend", 8, _trend, 3, most=16),
    Column("gap", 6, _gap, 6, "right", falling=True),
    Column("GPU-h", 6, _hours, 7, "right", name="hours", falling=True),
    Column("age", 4, _age, 2, "right"),
    Column("tags", 8, _word(lambda row: " ".join(row.tags), _second), 10, most=20),
    Column("why", 12, _word(lambda row: row.message or row.reason, _muted), 11, most=60),
)
"""The usual columns, as they stand from left to right."""

MORE = (
    Column("data", 9, _word(lambda row: row.data, _muted), 20, most=16),
    Column("preset", 9, _word(lambda row: row.preset, _muted), 20, most=16),
    Column("sweep", 9, _word(lambda row: row.sweep, _muted), 20, most=20),
    Column("group", 9, _word(lambda row: row.group, _muted), 20, most=20),
    Column("node", 8, _word(lambda row: row.node, _muted), 20, most=14),
    Column("job", 8, _word(lambda row: row.job_id, _muted), 20, "right"),
    Column("note", 12, _word(lambda row: row.note, _muted), 20, most=40),
    Column("gpus", 4, lambda line, _: (wording.count(line.row.gpus), palette.MUTED), 20, "right", falling=True),
    Column("tries", 5, lambda line, _: (wording.count(line.row.attempts), palette.MUTED), 20, "right", name="attempts"),
)
"""Columns that can be chosen as well; so can any metric (`val/loss`) and any setting (`cfg.optim.lr`)."""

NAMED: Mapping[str, Column] = {column.key: column for column in (*COLUMNS, *MORE)}
"""All columns by name."""

GUTTER = 2
"""Cells in front of the first column: the cursor's mark and the user's mark."""


def named(name: str) -> Column | None:
    """Return the column of a name: a usual one, a metric's or a setting's; None where there is no such column."""
    if name in NAMED:
        return NAMED[name]
    if name.startswith("cfg.") and len(name) > 4:
        key = name.removeprefix("cfg.")
        return Column(safe_line(key.rpartition(".")[2], limit=20), 7, _setting(key), 5, "right", most=14, name=name)
    if "/" in name:
        return Column(safe_line(name, limit=24), min(24, max(7, cell_len(name))), _metric(name), 5, "right", name=name)
    return None


def _metric(name: str) -> Callable[[Line, int], Cell]:
    def draw(line: Line, _: int) -> Cell:
        value = wording.last(line.row.metrics, name)
        share = name.rpartition("/")[2].startswith("top")
        return (wording.percent(value) if share else wording.fixed(value)), palette.MUTED

    return draw


def _setting(key: str) -> Callable[[Line, int], Cell]:
    def draw(line: Line, _: int) -> Cell:
        value = (line.config or {}).get(key)
        if value is None:
            return wording.NOTHING, palette.FAINT
        if isinstance(value, float) and math.isfinite(value):
            return f"{value:g}", palette.MUTED
        return safe_line(str(value), limit=40), palette.MUTED

    return draw


def fit(width: int, columns: Sequence[Column] = COLUMNS) -> tuple[tuple[Column, int], ...]:
    """Choose the columns that fit `width` cells and share out what is left to those that can grow."""
    room = width - GUTTER
    chosen: list[Column] = []
    for column in sorted(columns, key=lambda column: column.rank):
        if column.width + 1 <= room or column.rank == 0:
            chosen.append(column)
            room -= column.width + 1
    widths = {column.key: column.width for column in chosen}
    for column in sorted(chosen, key=lambda column: column.rank):
        grow = max(0, min(room, column.most - column.width))
        widths[column.key] += grow
        room -= grow
    return tuple((column, widths[column.key]) for column in columns if column in chosen)


def at(x: int, layout: Sequence[tuple[Column, int]]) -> Column | None:
    """Return the column at a cell of a line; None between and behind them."""
    left = GUTTER
    for column, width in layout:
        if left <= x < left + width:
            return column
        left += width + 1
    return None


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
