"""The lines of a log as they are seen: draws some hundred lines around the view, of a log of any size."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from arctl.longlog import Line
from arctl.tui import palette
from arctl.tui.look import Look
from arctl.tui.reading.log import LogLinesRead
from arctl.tui.widgets import styles

Spans = Callable[[str], list[tuple[int, int]]]
"""Begins and ends of what is to be marked in a line."""

_MARK = Style.parse(f"{palette.GROUND} on {palette.ACCENT}")
_HIT = Style.parse(f"bold {palette.GROUND} on {palette.WAIT}")
_PLAIN_MARK = Style.parse("underline")
_PLAIN_HIT = Style.parse("reverse")
_WHEEL = 3


class LogLines(Widget, can_focus=True):
    """A view on lines; moves within those that it holds and tells when it was moved."""

    class Moved(Message):
        """The mouse wheel moved the view, or its size changed."""

        def __init__(self, *, up: bool) -> None:
            super().__init__()
            self.up = up

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.read = LogLinesRead()
        """What it holds."""
        self.wrap = False
        self.hit: int | None = None
        """Byte offset of the line that was found."""
        self._look = look
        self._spans: Spans | None = None
        self._word = ""
        self._top = self._skip = self._left = 0
        self._drawn: list[Strip] | None = None

    @property
    def rows(self) -> int:
        """Rows of the screen."""
        return max(1, self.size.height)

    @property
    def columns(self) -> int:
        """Columns for text; the last one shows the place in the log."""
        return max(1, self.size.width - 1)

    @property
    def top(self) -> int:
        """Index of the line at the top of the view."""
        return self._top

    @property
    def top_at(self) -> int:
        """Byte offset of the line at the top of the view."""
        return self.read.lines[self._top].at if self.read.lines else 0

    @property
    def below(self) -> int:
        """How many lines it holds below the view."""
        return max(0, len(self.read.lines) - self._top - self.rows)

    @property
    def at_bottom(self) -> bool:
        """Whether the last line of the log is seen."""
        return self.read.at_end and (self._top, self._skip) >= self._lowest()

    def say(self, word: str) -> None:
        """Say something in place of lines."""
        self._word, self.read = word, LogLinesRead()
        self._top = self._skip = self._left = 0
        self._again()

    def show(self, read: LogLinesRead, at: int | None, *, above: int = 0) -> None:
        """Hold other lines, that at byte offset `at` in the top row or `above` rows below it; None shows the end."""
        same = bool(self.read.lines) and at == self.top_at and not above
        self.read, self._word = read, "" if read.lines else "the log is empty"
        self._skip = self._skip if same else 0
        if at is None:
            self._top, self._skip = self._lowest()
        else:
            below = (index for index, line in enumerate(read.lines) if line.end > at)
            self._top = next(below, max(0, len(read.lines) - 1))
            self.move(-above)
        self._settle()

    def mark(self, spans: Spans | None, hit: int | None) -> None:
        """Mark what matches in every line, and the line that was found."""
        self._spans, self.hit = spans, hit
        self._again()

    def move(self, by: int) -> None:
        """Move the view by rows, as far as lines are held."""
        lines = self.read.lines
        self._skip += by
        while self._skip < 0 and self._top > 0:
            self._top -= 1
            self._skip += self._height(self._top)
        while self._top < len(lines) - 1 and self._skip >= (height := self._height(self._top)):
            self._skip -= height
            self._top += 1
        self._settle()

    def sideways(self, by: int) -> None:
        """Move to the right or to the left in long lines."""
        seen = self.read.lines[self._top : self._top + self.rows]
        longest = max((cell_len(line.text) for line in seen), default=0)
        self._left = 0 if self.wrap else max(0, min(self._left + by, longest - self.columns))
        self._again()

    def toggle_wrap(self) -> None:
        """Break long lines, or cut them at the edge."""
        self.wrap, self._left, self._skip = not self.wrap, 0, 0
        self._settle()

    def text_at(self, at: int) -> str | None:
        """Return the line at a byte offset if it is held."""
        return next((line.text for line in self.read.lines if line.at == at), None)

    def sees(self, at: int | None) -> bool:
        """Tell whether the line at a byte offset is in view."""
        seen = self.read.lines[self._top : self._top + self.rows]
        return at is not None and any(line.at == at for line in seen)

    def on_resize(self) -> None:
        """Tell the tab, which knows whether to stay at the end."""
        self._settle()
        self.post_message(self.Moved(up=False))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Turn the wheel up."""
        event.stop()
        self.move(-_WHEEL)
        self.post_message(self.Moved(up=True))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Turn the wheel down."""
        event.stop()
        self.move(_WHEEL)
        self.post_message(self.Moved(up=False))

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        if self._drawn is None:
            self._drawn = self._draw()
        return self._drawn[y] if y < len(self._drawn) else Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> list[Strip]:
        """Draw all rows: a key that is held down asks for this thirty times a second."""
        base, columns, height = self.rich_style, self.columns, self.rows
        rows = self._rows(base)
        bar = self._bar()
        edge = {
            False: Segment(" ", base),
            True: Segment("|" if self._look.ascii else "┃", base + Style.parse(palette.MUTED)),
        }
        drawn = []
        for y in range(height):
            row = rows[y] if y < len(rows) else Strip([], 0)
            pad = Segment(" " * (columns - row.cell_length), base)
            drawn.append(Strip([*row, pad, edge[y == bar]], columns + 1))
        return drawn

    def _rows(self, base: Style) -> list[Strip]:
        if self._word:
            return [Strip([Segment(self._word, base + Style.parse(palette.MUTED))]).crop(0, self.columns)]
        rows: list[Strip] = []
        wanted, columns = self.rows + self._skip, self.columns
        for index in range(self._top, len(self.read.lines)):
            if len(rows) >= wanted:
                break
            line = self.read.lines[index]
            spans = self._spans(line.text) if self._spans else []
            if line.at == self.hit and not spans:
                spans = [(0, len(line.text))]
            strip = self._strip(line, spans, base)
            if self.wrap:
                cuts = range(0, max(1, strip.cell_length), columns)
                rows += [strip.crop(cut, cut + columns) for cut in cuts]
            else:
                rows.append(strip.crop(self._left, self._left + columns))
        return rows[self._skip :]

    def _strip(self, line: Line, spans: list[tuple[int, int]], base: Style) -> Strip:
        text, style = line.text, base + Style.parse(styles.log_style(line.text))
        mark, hit = (_MARK, _HIT) if self._look.colour else (_PLAIN_MARK, _PLAIN_HIT)
        marked = style + (hit if line.at == self.hit else mark)
        segments, at = [], 0
        for begin, end in spans:
            segments += [Segment(text[at:begin], style), Segment(text[begin:end], marked)]
            at = end
        segments.append(Segment(text[at:], style))
        return Strip([segment for segment in segments if segment.text])

    def _bar(self) -> int | None:
        """Return the row whose last column shows where in the log the view is; None where all of it is seen."""
        size = self.read.stamp.size if self.read.stamp else 0
        if not size or (self.read.at_top and self.read.at_end and len(self.read.lines) <= self.rows):
            return None
        return self.rows - 1 if self.at_bottom else round(self.top_at / size * (self.rows - 1))

    def _height(self, index: int) -> int:
        return max(1, -(-cell_len(self.read.lines[index].text) // self.columns)) if self.wrap else 1

    def _lowest(self) -> tuple[int, int]:
        """Return top line and rows of it to leave out when the last line held stands in the last row."""
        left, index = self.rows, len(self.read.lines)
        while index > 0 and left > 0:
            index -= 1
            left -= self._height(index)
        return index, max(0, -left)

    def _settle(self) -> None:
        """Keep the view within the lines that are held."""
        self._top, self._skip = max((0, 0), min((self._top, max(0, self._skip)), self._lowest()))
        self._again()

    def _again(self) -> None:
        self._drawn = None
        self.refresh()
