"""A table that draws only the lines on the screen; cursor and sorting belong to what lines stand for, not to places."""

from __future__ import annotations

import math

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from arctl.tui import palette
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.sheets import Row, Sheet, fit
from arctl.tui.widgets.columns import pad
from arctl.tui.widgets.moving import Moving

SORTING = (
    Key("comma", ",", "sort(-1)", "sort left", "sort by the column to the left", "sort-left"),
    Key("full_stop", ".", "sort(1)", "sort right", "sort by the column to the right", "sort-right"),
    Key("minus", "-", "reverse", "reverse", "reverse the order"),
)
"""The keys that sort a table; a view that has them calls `sort` and `reverse`."""

_GUTTER = 1


class SheetView(Moving):
    """A table with a cursor. New data move neither cursor nor the line on which it stands."""

    DEFAULT_CSS = "SheetView { height: 1fr; background: $background; overflow-x: hidden; }"

    class Opened(Message):
        """A line was clicked twice."""

        def __init__(self, sheet: SheetView) -> None:
            super().__init__()
            self.sheet = sheet

        @property
        def control(self) -> SheetView:
            """The table."""
            return self.sheet

    class Moved(Message):
        """The cursor stands on another line."""

    def __init__(self, look: Look, *, nothing: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._nothing = nothing
        self._table = Sheet()
        self._rows: list[Row] = []
        self._place: dict[str, int] = {}
        self._cursor: str | None = None
        self._layout: tuple[tuple[int, int], ...] = ()
        self._sorted: str | None = None
        self._reversed = False

    @property
    def row(self) -> Row | None:
        """The line under the cursor."""
        return None if self._cursor is None else self._rows[self._place[self._cursor]]

    @property
    def table(self) -> Sheet:
        """What is shown."""
        return self._table

    @property
    def sorted_by(self) -> str | None:
        """The title of the column that is sorted by; None for the usual order."""
        return self._sorted

    def show(self, table: Sheet, nothing: str = "") -> None:
        """Draw a table, or say that there is `nothing`; one that looks the same is left alone."""
        if table == self._table and nothing in ("", self._nothing):
            return
        self._table, self._nothing = table, nothing or self._nothing
        if self._sorted not in [column.title for column in table.columns]:
            self._sorted, self._reversed = None, False
        self._lay_out()

    def sort(self, by: int) -> None:
        """Sort by the next column to the right, or to the left; beyond the ends is the usual order."""
        titles = [None, *(self._table.columns[at].title for at, _ in self._layout)]
        at = titles.index(self._sorted) if self._sorted in titles else 0
        self._sorted = titles[(at + by) % len(titles)]
        self._reversed = False
        self._lay_out()

    def reverse(self) -> None:
        """Turn the order round."""
        self._reversed = not self._reversed
        self._lay_out()

    def choose(self, key: str) -> None:
        """Put the cursor on a line, where there is such a one."""
        if key in self._place:
            self._put(self._place[key])

    def move(self, by: int) -> None:
        """Go some lines down or up."""
        if self._rows:
            at = self._place[self._cursor] if self._cursor is not None else 0
            self._put(max(0, min(at + by, len(self._rows) - 1)))

    def length(self) -> int:
        """Return how many lines there are."""
        return len(self._rows)

    def _lay_out(self) -> None:
        """Order the lines and draw them; the cursor's line stays where it is on the screen, or at least in sight."""
        top, at = round(self.scroll_y), self._place.get(self._cursor or "", 0)
        self._rows = self._ordered()
        self._place = {row.key: place for place, row in enumerate(self._rows)}
        if self._cursor not in self._place:
            self._cursor = self._rows[min(at, len(self._rows) - 1)].key if self._rows else None
        self._layout = fit(self._table, max(1, self.size.width - _GUTTER))
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        if self._cursor is not None:
            now, lines = self._place[self._cursor], max(1, self.size.height - 1)
            lost = top <= at < top + lines and not top <= now < top + lines
            if top or lost:
                self.scroll_to(y=max(0, top + now - at), animate=False, immediate=True)
        self.refresh()

    def _ordered(self) -> list[Row]:
        rows = list(self._table.rows)
        titles = [column.title for column in self._table.columns]
        if self._sorted in titles:
            at = titles.index(self._sorted)
            full = [row for row in rows if not _is_empty(row.cells[at].order)]
            full.sort(key=lambda row: _rank(row.cells[at].order), reverse=self._reversed)
            return [*full, *(row for row in rows if _is_empty(row.cells[at].order))]
        return rows[::-1] if self._reversed else rows

    def _put(self, place: int) -> None:
        old = self._cursor
        self._cursor = self._rows[place].key
        top, lines = round(self.scroll_y), max(1, self.size.height - 1)
        if place < top or place >= top + lines:
            at = place if place < top else place - lines + 1
            self.scroll_to(y=at, animate=False, immediate=True)
        if old != self._cursor:
            for key in (old, self._cursor):
                if key in self._place:
                    self.refresh_line(self._place[key] + 1)
            self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse was clicked; a double click opens."""
        place = event.y - 1 + round(self.scroll_y)
        if event.y > 0 and place < len(self._rows):
            self._put(place)
            if event.chain == 2:
                self.post_message(self.Opened(self))

    def on_resize(self) -> None:
        """Choose the columns again and keep the cursor in sight."""
        self._lay_out()
        if self._cursor is not None:
            self._put(self._place[self._cursor])

    def on_focus(self) -> None:
        """Show the cursor bright."""
        self.refresh()

    def on_blur(self) -> None:
        """Show the cursor dim."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw a line of the screen: the heading, or a row."""
        ground = self.rich_style
        if y == 0:
            return self._heading(ground)
        place = y - 1 + round(self.scroll_y)
        if place >= len(self._rows):
            text = self._nothing if y == 1 and not self._rows else ""
            segment = Segment(f" {text}", ground + Style(color=palette.MUTED))
            return Strip([segment]).adjust_cell_length(self.size.width, ground)
        row = self._rows[place]
        here = row.key == self._cursor
        if here:
            ground += Style(bgcolor=palette.CURSOR if self.has_focus else palette.RAISED)
        mark = (">" if self._look.ascii else "▌") if here else " "
        segments = [Segment(mark, ground + Style(color=palette.ACCENT))]
        for at, width in self._layout:
            one = row.cells[at]
            text = pad(one.text, width, "right" if self._table.columns[at].right else "left")
            segments += [Segment(text, ground + Style.parse(one.style)), Segment(" ", ground)]
        return Strip(segments).adjust_cell_length(self.size.width, ground)

    def _heading(self, ground: Style) -> Strip:
        plain = ground + Style(color=palette.MUTED, bold=True)
        segments = [Segment(" ", plain)]
        for at, width in self._layout:
            column = self._table.columns[at]
            style, title = plain, column.title
            if title == self._sorted:
                style = ground + Style(color=palette.ACCENT, bold=True)
                sign = "^v" if self._look.ascii else "↑↓"
                title = f"{title[: max(1, width - 1)]}{sign[self._reversed]}"
            segments += [Segment(pad(title, width, "right" if column.right else "left"), style), Segment(" ", plain)]
        return Strip(segments).adjust_cell_length(self.size.width, ground)


def _is_empty(order: float | str) -> bool:
    return order == "" or (isinstance(order, float) and math.isnan(order))


def _rank(order: float | str) -> tuple[int, float, str]:
    return (1, 0.0, order) if isinstance(order, str) else (0, order, "")
