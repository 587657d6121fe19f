"""`arctl sweep show NAME --plot KEY`: a sweep's results against one of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arctl.cli.context import narrate
from arctl.cli.tables import Cell, ascii_only, say, screen, value_text
from arctl.errors import NotFoundError, nearest
from arctl.sweeps.scatter import ASCII_MARKS, MARKS, Kind, axis, rows, scatter

if TYPE_CHECKING:
    from arctl.sweeps.board import Board

LINES = 12
"""Lines of the plot."""

WIDEST = 100
"""Columns of the plot at the most."""

STYLES = {Kind.BEST: "bold green", Kind.LIVE: "cyan", Kind.DONE: ""}
"""Colours beside the marks."""


def show_plot(board: Board, word: str) -> None:
    """Print the plot. Raises NotFoundError for a key that the sweep does not vary, naming the nearest."""
    key = _key(board, word)
    points = scatter(board, key)
    if not points.dots:
        narrate(f"no element has a value of {board.metric} yet")
        return
    marks = ASCII_MARKS if ascii_only() else MARKS
    low, high = points.y_range
    titles = {0: value_text(board.metric, high), LINES - 1: value_text(board.metric, low)}
    side = max(len(text) for text in titles.values())
    width = max(20, min(WIDEST, screen()[0]) - side - 3)
    say(Cell(board.metric, "bold"), f" against {key}{' (log)' if points.log else ''}")
    for at, row in enumerate(rows(points, width, LINES)):
        cells = [Cell(" ") if kind is None else Cell(marks[kind], STYLES[kind]) for kind in row]
        say(Cell(f"{titles.get(at, ''):>{side}} | ", "dim"), *cells)
    say(Cell(f"{'':>{side}} | {axis(points, width)}", "dim"))
    told = {dot.kind for dot in points.dots}
    narrate(", ".join(f"{marks[kind]} {kind}" for kind in Kind if kind in told))


def _key(board: Board, word: str) -> str:
    known = board.varied
    ends = [key for key in known if key == word or key.endswith(f".{word}")]
    if len(ends) != 1:
        what = f"the sweep varies no {word!r}" if not ends else f"{word!r} is the end of several parameters"
        raise NotFoundError(what, where="--plot", cure=nearest(word, ends or known))
    return ends[0]
