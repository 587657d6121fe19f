"""The run table: draws only the lines on the screen, so that ten thousand runs cost what thirty do.

Cursor, marks and scroll belong to run numbers and not to lines: new data never moves them.
"""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from arctl.registry.rows import RunRow
from arctl.tui import keys, palette
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets.columns import Cell, Column, Line, cells, fit, pad


class RunTable(ScrollView, can_focus=True):
    """The runs of a snapshot that pass the filter, newest first."""

    BINDINGS = keys.bindings(keys.MOVE)

    class Moved(Message):
        """The cursor stands on another run, or on none."""

        def __init__(self, number: int | None) -> None:
            super().__init__()
            self.number = number

    class Opened(Message):
        """A run was clicked twice."""

    def __init__(self, *, ascii: bool = False) -> None:
        super().__init__()
        self.marks: tuple[int, ...] = ()
        """Marked runs, in the order in which they were marked."""
        self.cursor: int | None = None
        """The number of the run under the cursor."""
        self._snapshot = Snapshot()
        self._words: tuple[str, ...] = ()
        self._rows: list[RunRow] = []
        self._place: dict[int, int] = {}
        self._layout: tuple[tuple[Column, int], ...] = ()
        self._drawn: dict[int, list[Cell]] = {}
        self._ascii = ascii

    @property
    def row(self) -> RunRow | None:
        """The run under the cursor."""
        return None if self.cursor is None else self._rows[self._place[self.cursor]]

    @property
    def shown(self) -> int:
        """How many runs pass the filter."""
        return len(self._rows)

    def show(self, snapshot: Snapshot) -> None:
        """Draw a new snapshot: lines that look the same are left alone."""
        self._snapshot = snapshot
        self._arrange()

    def filter(self, text: str) -> None:
        """Show the runs in which every word of `text` occurs."""
        self._words = tuple(text.lower().split())
        self._arrange()

    def toggle_mark(self) -> None:
        """Mark the run under the cursor, or take its mark away; step down while the list has the focus."""
        if self.cursor is None:
            return
        if self.cursor in self.marks:
            self.marks = tuple(number for number in self.marks if number != self.cursor)
        else:
            self.marks = (*self.marks, self.cursor)
        self._redraw(self._place[self.cursor])
        if self.has_focus:
            self.action_line_down()

    def _arrange(self) -> None:
        before = [row.number for row in self._rows]
        at = self._place.get(self.cursor, 0) if self.cursor is not None else 0
        self._rows = [row for row in self._snapshot.runs if self._passes(row)]
        self._place = {row.number: place for place, row in enumerate(self._rows)}
        known = {row.number for row in self._snapshot.runs}
        self.marks = tuple(number for number in self.marks if number in known)
        if [row.number for row in self._rows] == before:
            self._redraw_changed()
        else:
            self._shift(before)
        self._put_cursor(at if self.cursor is None else self._place.get(self.cursor, at), scroll=False)

    def _shift(self, before: list[int]) -> None:
        """Redraw all; keep the first visible run at its line when runs came in above it."""
        top = round(self.scroll_y)
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        if top and top < len(before) and before[top] in self._place:
            self.scroll_to(y=self._place[before[top]], animate=False, immediate=True)
        self._drawn.clear()
        self.refresh()

    def _passes(self, row: RunRow) -> bool:
        if not self._words:
            return True
        state = palette.state_word(row.state)[0]
        parts = (f"run{row.number}", row.name, row.model or "", row.data or "", row.state, state, *row.tags)
        text = "\n".join(parts).lower()
        return all(word in text for word in self._words)

    def _redraw_changed(self) -> None:
        top = round(self.scroll_y)
        for place, old in list(self._drawn.items()):
            if not top <= place < top + self.size.height:
                del self._drawn[place]
            elif self._cells(place) != old:
                self._redraw(place)

    def _redraw(self, place: int) -> None:
        self._drawn.pop(place, None)
        self.refresh_line(place + 1)

    def _put_cursor(self, place: int, *, scroll: bool = True) -> None:
        """Move the cursor to a place in the list, kept inside it."""
        old = self.cursor
        if not self._rows:
            self.cursor = None
        else:
            place = max(0, min(place, len(self._rows) - 1))
            self.cursor = self._rows[place].number
            if scroll:
                self._scroll_into_view(place)
        if old != self.cursor:
            for number in (old, self.cursor):
                if number in self._place:
                    self.refresh_line(self._place[number] + 1)
            self.post_message(self.Moved(self.cursor))

    def _scroll_into_view(self, place: int) -> None:
        top, lines = round(self.scroll_y), self.size.height - 1
        if place < top:
            self.scroll_to(y=place, animate=False, immediate=True)
        elif place >= top + lines:
            self.scroll_to(y=place - lines + 1, animate=False, immediate=True)

    def _move(self, by: int) -> None:
        self._put_cursor((self._place[self.cursor] if self.cursor is not None else 0) + by)

    def action_line_down(self) -> None:
        """Step down."""
        self._move(1)

    def action_line_up(self) -> None:
        """Step up."""
        self._move(-1)

    def action_to_top(self) -> None:
        """Go to the first run."""
        self._put_cursor(0)

    def action_to_bottom(self) -> None:
        """Go to the last run."""
        self._put_cursor(len(self._rows) - 1)

    def action_half_down(self) -> None:
        """Go half a page down."""
        self._move(max(1, self.size.height // 2))

    def action_half_up(self) -> None:
        """Go half a page up."""
        self._move(-max(1, self.size.height // 2))

    def action_page_down(self) -> None:
        """Go a page down."""
        self._move(max(1, self.size.height - 2))

    def action_page_up(self) -> None:
        """Go a page up."""
        self._move(-max(1, self.size.height - 2))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse was clicked; a double click opens."""
        place = event.y - 1 + round(self.scroll_y)
        if event.y > 0 and place < len(self._rows):
            self._put_cursor(place)
            if event.chain == 2:
                self.post_message(self.Opened())

    def on_resize(self) -> None:
        """Choose the columns again and keep the cursor in sight."""
        self._layout = fit(self.size.width)
        self._drawn.clear()
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        if self.cursor is not None:
            self._scroll_into_view(self._place[self.cursor])
        self.refresh()

    def _cells(self, place: int) -> list[Cell]:
        row = self._rows[place]
        trend = self._snapshot.trends.get(row.number, ())
        return cells(Line(row, trend, self._snapshot.at, self._ascii), self._layout)

    def render_line(self, y: int) -> Strip:
        """Draw a line of the screen: the heading, or a run."""
        place = y - 1 + round(self.scroll_y)
        if y == 0:
            return self._heading()
        if place >= len(self._rows):
            return Strip.blank(self.size.width, self.rich_style)
        found = self._drawn.setdefault(place, self._cells(place))
        number = self._rows[place].number
        here, marked = number == self.cursor, number in self.marks
        ground = self.rich_style
        if here:
            ground += Style(bgcolor="#24405e" if self.has_focus else palette.RAISED)
        segments = [
            Segment("▌" if here and not self._ascii else ">" if here else " ", ground + Style(color=palette.ACCENT)),
            Segment(("●" if not self._ascii else "*") if marked else " ", ground + Style(color=palette.WAIT)),
        ]
        for text, style in found:
            segments += [Segment(text, ground + Style.parse(style)), Segment(" ", ground)]
        return Strip(segments).adjust_cell_length(self.size.width, ground)

    def _heading(self) -> Strip:
        ground = self.rich_style + Style(color=palette.MUTED, bold=True)
        titles = " ".join(pad(column.title, width, column.align) for column, width in self._layout)
        return Strip([Segment(f"  {titles}", ground)]).adjust_cell_length(self.size.width, ground)

    def on_focus(self) -> None:
        """Show the cursor bright."""
        self._refresh_cursor()

    def on_blur(self) -> None:
        """Show the cursor dim."""
        self._refresh_cursor()

    def _refresh_cursor(self) -> None:
        if self.cursor is not None:
            self.refresh_line(self._place[self.cursor] + 1)
