"""The run table: draws only the lines on the screen, so that ten thousand runs cost what thirty do.

Cursor, marks and scroll belong to runs and folded lines and not to places: new data never moves them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from textual import events
from textual.geometry import Size
from textual.message import Message

from arctl.arranging import HeadLine, Line
from arctl.registry.rows import RunRow
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets import columns, heads
from arctl.tui.widgets.columns import Column
from arctl.tui.widgets.table_lines import DrawnTable


class RunTable(DrawnTable):
    """The runs of a snapshot that pass the filter, in the user's order, sweeps and arrays folded."""

    class Moved(Message):
        """The cursor stands on another line, or on none."""

    class Opened(Message):
        """A line was clicked twice."""

    class Sorted(Message):
        """A heading was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    @property
    def line(self) -> Line | None:
        """The line under the cursor."""
        return None if self._cursor is None else self._lines[self._place[self._cursor]]

    @property
    def row(self) -> RunRow | None:
        """The run under the cursor; None on a folded line."""
        line = self.line
        return None if line is None or isinstance(line, HeadLine) else line.row

    @property
    def cursor(self) -> int | None:
        """The number of the run under the cursor."""
        return None if self.row is None else self.row.number

    @property
    def shown(self) -> list[int]:
        """The runs that pass the filter, folded ones too, in the order of the table."""
        return self.order.passed

    def show(self, snapshot: Snapshot) -> None:
        """Draw a new snapshot: lines that look the same are left alone."""
        same = snapshot.runs is self._snapshot.runs
        self._snapshot = snapshot
        if same or (snapshot.changed is not None and not snapshot.changed):
            self._redraw_changed()
        else:
            self.rearrange()

    def show_configs(self, configs: Mapping[int, Mapping[str, object]]) -> None:
        """Take the settings that columns, order or filter ask for."""
        self._configs = configs
        self.rearrange()

    def show_columns(self, chosen: Sequence[Column]) -> None:
        """Show other columns."""
        self.chosen = chosen
        self._layout = columns.fit(self.size.width, chosen)
        self._redraw_all()

    def toggle_mark(self) -> None:
        """Mark the run under the cursor or those of the folded line, or take their marks away; step down."""
        line = self.line
        if line is None:
            return
        numbers = heads.members(line)
        if set(numbers) <= set(self.marks):
            self.marks = tuple(number for number in self.marks if number not in set(numbers))
        else:
            self.mark(numbers)
        self._redraw(self._place[self._cursor or ""])
        if self.has_focus:
            self.move(1)

    def mark(self, numbers: Collection[int]) -> None:
        """Mark runs besides those that are marked."""
        self.marks = tuple(dict.fromkeys((*self.marks, *numbers)))
        self.refresh()

    def unmark(self) -> None:
        """Take all marks away."""
        self.marks = ()
        self.refresh()

    def mark_to(self) -> None:
        """Mark all lines from the last mark to the cursor."""
        if self._cursor is None:
            return
        here = self._place[self._cursor]
        last = self._place.get(f"run{self.marks[-1]}", here) if self.marks else here
        between = self._lines[min(here, last) : max(here, last) + 1]
        self.mark([number for line in between for number in heads.members(line)])

    def go_to(self, number: int) -> bool:
        """Put the cursor on a run, unfolding its line; False where the filter does not show it."""
        if f"run{number}" not in self._place and self.order.reveal(number, self._snapshot.runs):
            self.rearrange()
        place = self._place.get(f"run{number}")
        if place is None:
            return False
        self._put_cursor(place)
        return True

    def set_fold(self, is_open: bool) -> None:
        """Open the folded line under the cursor; or close it, from the line or one of its runs."""
        line = self.line
        key = None if line is None else heads.head_of(line, self._lines, self._place.get(self._cursor or "", 0))
        if key is None or not self.order.fold(key, is_open):
            return
        if not is_open:
            self._cursor = key
        self.rearrange()

    def fold_all(self) -> None:
        """Close all folded lines, or open them all where none is open."""
        self.order.fold_all([line for line in self._lines if isinstance(line, HeadLine)])
        self.rearrange()

    def rearrange(self) -> None:
        """Filter, sort and fold again."""
        before, at = self._keys, self._place.get(self._cursor or "", 0)
        self._lines = self.order.arrange(self._snapshot, self._configs)
        self._keys = [heads.key_of(line) for line in self._lines]
        self._place = {key: place for place, key in enumerate(self._keys)}
        if self.marks and (self._snapshot.changed is None or self._snapshot.changed):
            known = {row.number for row in self._snapshot.runs}
            self.marks = tuple(number for number in self.marks if number in known)
        if self._keys == before:
            self._redraw_changed()
        else:
            self._shift(before)
        self._put_cursor(self._place.get(self._cursor or "", at), scroll=False)

    def _shift(self, before: list[str]) -> None:
        """Redraw all; keep the first visible line in its place when lines came in above it."""
        top = round(self.scroll_y)
        self.virtual_size = Size(self.size.width, len(self._lines) + 1)
        if top and top < len(before) and before[top] in self._place:
            self.scroll_to(y=self._place[before[top]], animate=False, immediate=True)
        self._redraw_all()

    def _redraw_all(self) -> None:
        self._drawn.clear()
        self.refresh()

    def _redraw_changed(self) -> None:
        top = round(self.scroll_y)
        for place, old in list(self._drawn.items()):
            if not top <= place < min(top + self.size.height, len(self._lines)):
                del self._drawn[place]
            elif self._cells(place) != old:
                self._redraw(place)

    def _redraw(self, place: int) -> None:
        self._drawn.pop(place, None)
        self.refresh_line(place + 1)

    def _put_cursor(self, place: int, *, scroll: bool = True) -> None:
        """Move the cursor to a place in the list, kept inside it."""
        old = self._cursor
        if not self._lines:
            self._cursor = None
        else:
            place = max(0, min(place, len(self._lines) - 1))
            self._cursor = self._keys[place]
            if scroll:
                self._scroll_into_view(place)
        if old != self._cursor:
            for key in (old, self._cursor):
                if key in self._place:
                    self.refresh_line(self._place[key] + 1)
            self.post_message(self.Moved())

    def _scroll_into_view(self, place: int) -> None:
        top, lines = round(self.scroll_y), self.size.height - 1
        if place < top:
            self.scroll_to(y=place, animate=False, immediate=True)
        elif place >= top + lines:
            self.scroll_to(y=place - lines + 1, animate=False, immediate=True)

    def move(self, by: int) -> None:
        """Move the cursor by some lines."""
        self._put_cursor(self._place.get(self._cursor or "", 0) + by)

    def length(self) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse was clicked; a double click opens; on a heading, sort by it."""
        place = event.y - 1 + round(self.scroll_y)
        if event.y == 0:
            column = columns.at(event.x, self._layout)
            if column is not None:
                self.post_message(self.Sorted(column.key))
        elif place < len(self._lines):
            self._put_cursor(place)
            if event.chain == 2:
                self.post_message(self.Opened())

    def on_resize(self) -> None:
        """Choose the columns again and keep the cursor in sight."""
        self._layout = columns.fit(self.size.width, self.chosen)
        self.virtual_size = Size(self.size.width, len(self._lines) + 1)
        if self._cursor is not None:
            self._scroll_into_view(self._place[self._cursor])
        self._redraw_all()
