"""Tables on a terminal (by rich, imported only then) and in a pipe (plain, uncut); numbers as people read them."""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from arctl.states import State
from arctl.text import safe_line, safe_part

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

NOTHING = "-"
"""Stands where there is no value."""

STATE_STYLES: Mapping[State, str] = {
    State.RUNNING: "bold cyan",
    State.COMPLETED: "green",
    State.FAILED: "bold red",
    State.OUT_OF_MEMORY: "bold red",
    State.TIMEOUT: "bold red",
    State.NODE_FAIL: "bold red",
    State.REFUSED: "bold red",
    State.PREEMPTED: "magenta",
    State.CANCELLED: "bright_black",
    State.UNKNOWN: "bright_black",
}
"""The colours of states beside their words; every other one waits, in yellow."""

BETTER, WORSE = "green", "red"

_PERCENT = ("top1", "top5", "recall", "data_wait")


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


@dataclass(frozen=True)
class Cell:
    """A value in a table, with its style on a terminal."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


def terminal() -> bool:
    """Tell whether stdout is a terminal."""
    return sys.stdout.isatty()


def coloured() -> bool:
    """Tell whether stdout shows colours: a terminal that is not dumb, without NO_COLOR."""
    return terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def ascii_only() -> bool:
    """Tell whether stdout's encoding lacks more than ASCII, so that blocks and lines would not arrive."""
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "").replace("_", "")
    return not encoding.startswith("utf")


def screen(*, width: int | None = None, height: int | None = None) -> tuple[int, int]:
    """Return columns and lines to draw on: what was asked for, else the terminal's, else 80 by 24."""
    size = shutil.get_terminal_size((80, 24))
    return width or size.columns, height or size.lines


def show_table(columns: Sequence[Column], rows: Sequence[Row], *, title: str | None = None) -> None:
    """Print a table: in colour and as wide as the screen on a terminal, else plain and uncut."""
    if title is not None:
        heading(title)
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    columns = [replace(column, title=safe_line(column.title)) for column in columns]
    if terminal():
        _rich_table(columns, cells)
    else:
        _plain_table(columns, cells)


def heading(text: str) -> None:
    """Print a heading, a blank line before it."""
    print()
    say(Cell(text, "bold"))


def say(*cells: Cell | str) -> None:
    """Print one line of styled text, whatever it holds."""
    given = [cell if isinstance(cell, Cell) else Cell(cell) for cell in cells]
    words = [Cell(safe_part(cell.text), cell.style) for cell in given]
    if not coloured():
        print("".join(cell.text for cell in words))
        return
    from rich.text import Text

    line = Text()
    for cell in words:
        line.append(cell.text, cell.style or None)
    console().print(line, soft_wrap=True)


def console() -> Console:
    """Return a rich console on stdout; it neither highlights nor obeys markup."""
    from rich.console import Console

    width, _ = screen()
    return Console(width=width, highlight=False, markup=False, emoji=False, no_color=not coloured())


def state_cell(state: State) -> Cell:
    """Return a state as a word with its colour."""
    return Cell(state.value.replace("_", " "), STATE_STYLES.get(state, "yellow"))


def value_text(name: str, value: float | None) -> str:
    """Return a metric's value: shares in percent, bytes in GiB, the rest with four digits."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if _is_share(name):
        return f"{100 * value:.1f}%"
    if name.startswith("sys/"):
        return f"{value / 2**30:.2f} GiB"
    return _decimal(value)


def change_text(name: str, change: float | None) -> str:
    """Return a difference of a metric with its sign: shares in points."""
    if change is None or math.isnan(change):
        return NOTHING
    if change == 0:
        return "0"
    sign = "+" if change > 0 else "-"
    if _is_share(name):
        return f"{sign}{100 * abs(change):.1f}"
    if name.startswith("sys/"):
        return f"{sign}{abs(change) / 2**30:.2f} GiB"
    return f"{sign}{_decimal(abs(change))}"


def epoch_text(epoch: float | None, epochs: int | None) -> str:
    """Return the epoch of those planned: `12/50`."""
    if epoch is None and epochs is None:
        return NOTHING
    done = 0 if epoch is None or not math.isfinite(epoch) else int(epoch)
    return str(done) if epochs is None else f"{done}/{epochs}"


def age_text(since: float | None, *, now: float | None = None) -> str:
    """Return how long ago something was, in one unit: `45s`, `12m`, `3h`, `2d`."""
    if since is None or not math.isfinite(since):
        return NOTHING
    gone = max(0.0, (time.time() if now is None else now) - since)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if gone >= size:
            return f"{int(gone // size)}{unit}"
    return f"{int(gone)}s"


def span_text(seconds: float | None) -> str:
    """Return a duration in two units: `45s`, `12m 05s`, `3h 05m`, `2d 04h`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    for big, small, size, part in (("m", "s", 60, 1), ("h", "m", 3600, 60), ("d", "h", 86400, 3600)):
        if whole < size * 60 or big == "d" or (big == "h" and whole < 86400):
            return f"{whole // size}{big} {whole % size // part:02d}{small}"
    return NOTHING


def when_text(at: float | None) -> str:
    """Return a moment in local time: `2026-11-21 14:02:33`."""
    try:
        return NOTHING if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return NOTHING


def _decimal(value: float) -> str:
    """Return a number with about four digits, and as many decimals as its neighbours in a column have."""
    size = abs(value)
    if size == 0 or 0.001 <= size < 10:
        return f"{value:.3f}"
    if size < 0.001:
        return f"{value:.3g}"
    return f"{value:.1f}" if size < 1000 else f"{value:.0f}" if size < 1e7 else f"{value:.4g}"


def _is_share(name: str) -> bool:
    leaf = name.rpartition("/")[2].partition("@")[0]  # val@10x3/top1 has its views before the slash
    return leaf.endswith(_PERCENT) or name.partition("@")[0].endswith(_PERCENT)


def _plain_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    from rich.cells import cell_len

    lines = [[column.title for column in columns], *([safe_line(cell.text) for cell in row] for row in rows)]
    widths = [max(cell_len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        parts = []
        for text, column, width in zip(line, columns, widths, strict=True):
            blank = " " * (width - cell_len(text))
            parts.append(blank + text if column.right else text + blank)
        print("  ".join(parts).rstrip())


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    from rich.table import Table

    out = console()
    keep, widths = fitted(columns, rows, out.width)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for index in keep:
        column = columns[index]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=widths[index],
        )
    for row in rows:
        table.add_row(*(_styled(row[index]) for index in keep))
    out.print(table)


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> tuple[list[int], dict[int, int]]:
    """Return the columns that fit on `width`, and their widths.

    Empty columns that may be dropped go first, then those with the highest `drop`; text that may shrink gives way
    to 10 characters before that.
    """
    from rich.cells import cell_len

    keep = [
        index
        for index, column in enumerate(columns)
        if not column.drop or any(row[index].text not in ("", NOTHING) for row in rows)
    ]
    widths = {
        index: max([cell_len(columns[index].title), *(cell_len(safe_line(row[index].text)) for row in rows)])
        for index in keep
    }
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


def _styled(cell: Cell) -> Text:
    from rich.text import Text

    return Text(safe_line(cell.text), cell.style)
