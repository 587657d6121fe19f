"""Tables on a terminal (by rich, imported only then) and in a pipe (plain, uncut)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from arctl.numerals import age_text, change_text, epoch_text, span_text, value_text, when_text
from arctl.sections import BETTER, NOTHING, WORSE, Cell, Column, Row, fitted
from arctl.states import State
from arctl.text import safe_line, safe_part

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = [
    "BETTER",
    "NOTHING",
    "STATE_STYLES",
    "WORSE",
    "Cell",
    "Column",
    "Row",
    "age_text",
    "ascii_only",
    "change_text",
    "coloured",
    "console",
    "epoch_text",
    "fitted",
    "heading",
    "say",
    "screen",
    "show_table",
    "span_text",
    "state_cell",
    "terminal",
    "value_text",
    "when_text",
]

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


def _styled(cell: Cell) -> Text:
    from rich.text import Text

    return Text(safe_line(cell.text), cell.style)
