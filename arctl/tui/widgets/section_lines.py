"""How a section reads on the screen: its styles, its sentences in lines, its widths and words."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from arctl.sections import BETTER, DIM, WORSE, Cell, Column, Section
from arctl.text import safe_line
from arctl.tui import palette

STYLES = {
    BETTER: palette.GOOD,
    WORSE: palette.BAD,
    DIM: palette.MUTED,
    "dim": palette.MUTED,
    "yellow": palette.WAIT,
    "bold": f"bold {palette.TEXT}",
}
"""The styles of cells in the dashboard's colours."""

_WORDS = {BETTER: "better", WORSE: "worse"}


def widths_of(section: Section) -> list[int]:
    """Return how wide the columns would like to be, with room for a word where a difference has one."""
    widths = list(section.widths)
    for at, column in enumerate(section.columns):
        if column.title == "difference":
            cells = [row[at] for row in section.rows]
            said = [worded(cell, column).text for cell in cells if isinstance(cell, Cell)]
            widths[at] = max([widths[at], *map(len, said)])
    return widths


def worded(cell: Cell, column: Column) -> Cell:
    """Say in a word too whether a difference is better or worse."""
    word = _WORDS.get(cell.style) if column.title == "difference" else None
    return cell if word is None else Cell(f"{cell.text} {word}", cell.style)


def end(text: str, width: int) -> str:
    """Return the end of a text that is too wide."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return f"…{text}"


def sentences(cells: Sequence[Cell], width: int) -> list[Text]:
    """Return sentences in lines of a width."""
    return [Text(line, STYLES.get(cell.style, palette.TEXT)) for cell in cells for line in wrapped(cell.text, width)]


def wrapped(text: str, width: int) -> list[str]:
    """Return a sentence in lines of a width; a line of code stays as it is."""
    if text[:1] in ("+", "-", " "):
        return [safe_line(text)]
    return textwrap.wrap(safe_line(text, limit=4096), width, subsequent_indent="  ", break_on_hyphens=False) or [""]
