"""How the run table looks: its heading, its runs and its folded lines, drawn as they come into sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from arctl.arranging import HeadLine, Line
from arctl.tui import palette
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets import columns, heads
from arctl.tui.widgets.columns import Cell, Column
from arctl.tui.widgets.columns import Line as Drawn
from arctl.tui.widgets.moving import Moving
from arctl.tui.widgets.order import Order


class DrawnTable(Moving):
    """The lines of the table as they stand; what moves and changes them is the table's."""

    def __init__(self, *, ascii: bool = False) -> None:
        super().__init__()
        self.marks: tuple[int, ...] = ()
        """Marked runs, in the order in which they were marked."""
        self.order = Order()
        """How runs are sorted and folded, and which pass the filter."""
        self.chosen: Sequence[Column] = columns.COLUMNS
        """The columns, of which those are seen that fit."""
        self._cursor: str | None = None
        self._snapshot = Snapshot()
        self._lines: Sequence[Line] = ()
        self._keys: list[str] = []
        self._place: dict[str, int] = {}
        self._layout: tuple[tuple[Column, int], ...] = ()
        self._drawn: dict[int, list[Cell]] = {}
        self._configs: Mapping[int, Mapping[str, object]] = {}
        self._ascii = ascii

    def _cells(self, place: int) -> list[Cell]:
        line, found = self._lines[place], self._snapshot
        if isinstance(line, HeadLine):
            return heads.cells(line, self._layout, ascii=self._ascii, hours=found.hours, now=found.at)
        number = line.row.number
        return columns.cells(
            Drawn(
                line.row,
                found.trends.get(number, ()),
                found.at,
                self._ascii,
                found.outlooks.get(number),
                found.hours.get(number),
                self._configs.get(number),
                depth=line.depth,
            ),
            self._layout,
        )

    def render_line(self, y: int) -> Strip:
        """Draw a line of the screen: the heading, a run, or a folded line."""
        place = y - 1 + round(self.scroll_y)
        if y == 0:
            return self._heading()
        if place >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        found = self._drawn.setdefault(place, self._cells(place))
        here = self._keys[place] == self._cursor
        marked = bool(self.marks) and set(heads.members(self._lines[place])) <= set(self.marks)
        ground = self.rich_style
        if here:
            ground += Style(bgcolor=palette.CURSOR if self.has_focus else palette.RAISED)
        segments = [
            Segment((">" if self._ascii else "▌") if here else " ", ground + Style(color=palette.ACCENT)),
            Segment(("*" if self._ascii else "●") if marked else " ", ground + Style(color=palette.WAIT)),
        ]
        for text, style in found:
            segments += [Segment(text, ground + Style.parse(style)), Segment(" ", ground)]
        return Strip(segments).adjust_cell_length(self.size.width, ground)

    def _heading(self) -> Strip:
        ground = self.rich_style + Style(color=palette.MUTED, bold=True)
        segments = [Segment("  ", ground)]
        for column, width in self._layout:
            title, style = column.title, ground
            if column.key == self.order.column:
                rising = self.order.reverse == column.falling
                title = f"{title}{('^' if rising else 'v') if self._ascii else ('↑' if rising else '↓')}"
                style = self.rich_style + Style(color=palette.ACCENT, bold=True)
            segments += [Segment(columns.pad(title, width, column.align), style), Segment(" ", ground)]
        return Strip(segments).adjust_cell_length(self.size.width, ground)

    def on_focus(self) -> None:
        """Show the cursor bright."""
        self._refresh_cursor()

    def on_blur(self) -> None:
        """Show the cursor dim."""
        self._refresh_cursor()

    def _refresh_cursor(self) -> None:
        if self._cursor is not None:
            self.refresh_line(self._place[self._cursor] + 1)
