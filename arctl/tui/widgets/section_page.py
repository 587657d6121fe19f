"""A page of `arctl.sections` on the screen: sentences wrap, tables fit, rows that tell of classes can be opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from arctl.sections import About, Cell, Section, fit
from arctl.text import safe_line
from arctl.tui import keys, palette
from arctl.tui.keys import Key
from arctl.tui.widgets.columns import pad
from arctl.tui.widgets.moving import Moving
from arctl.tui.widgets.section_lines import STYLES, end, sentences, widths_of, worded, wrapped

OPEN = (Key("enter", "enter", "open", "open", "list the clips of the class or pair under the cursor", "open-clips"),)
"""What can be done with a row."""


@dataclass(frozen=True)
class _Line:
    """One line of the page, drawn when it is seen."""

    text: Text | None
    """A sentence or a head; None for a row of a table."""
    section: int = 0
    row: int = 0
    about: About | None = None


class SectionPage(Moving):
    """Sections above each other. The cursor goes through rows that can be opened, where there are any."""

    KEYS = OPEN
    BINDINGS = keys.bindings(OPEN)
    DEFAULT_CSS = "SectionPage { height: 1fr; background: $background; overflow-x: hidden; }"

    class Opened(Message):
        """A row was chosen with enter."""

        def __init__(self, page: SectionPage, about: About) -> None:
            super().__init__()
            self.page = page
            self.about = about

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, page: SectionPage, about: About | None) -> None:
            super().__init__()
            self.page = page
            self.about = about

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.sections: tuple[Section, ...] = ()
        """What is shown."""
        self.cursor: int | None = None
        """The line that can be opened; None where none can."""
        self._lines: list[_Line] = []
        self._fits: list[tuple[list[int], dict[int, int]]] = []
        self._found: str = ""
        self._hit = -1
        self._width = 0

    def show(self, sections: Sequence[Section], *, fresh: bool = True) -> None:
        """Show other sections; `fresh` begins at the top, else cursor and scroll position stay."""
        self.sections = tuple(sections)
        self._lay_out()
        if fresh:
            self.cursor = None
            self.scroll_to(0, 0, animate=False, immediate=True)
        if self.cursor is None:
            self.cursor = next(iter(self._places()), None)

    @property
    def about(self) -> About | None:
        """What the row under the cursor tells of."""
        return None if self.cursor is None else self._lines[self.cursor].about

    @property
    def text(self) -> str:
        """The page as plain text."""
        return "\n".join(self._drawn(line).plain.rstrip() for line in self._lines)

    def length(self) -> int:
        """Return the lines of the page."""
        return len(self._lines)

    def move(self, by: int) -> None:
        """Go to another row, or scroll where there is nothing to choose."""
        places = self._places()
        if not places or self.cursor is None:
            self.scroll_to(y=max(0, self.scroll_offset.y + by), animate=False, immediate=True)
            return
        at = places.index(self.cursor)
        goal = at + (by if abs(by) == 1 else 0)
        if abs(by) > 1:
            want = self.cursor + by
            goal = min(range(len(places)), key=lambda place: abs(places[place] - want))
        if not 0 <= goal < len(places):  # what stands above the first row, and below the last, is to be seen too
            self.scroll_to(y=0 if by < 0 else len(self._lines), animate=False, immediate=True)
            return
        self._go(places[goal])

    def find(self, word: str, step: int = 1) -> bool:
        """Go to the next line that holds a word, whatever its case; with a step of 0 this one may be it.

        False where none does.
        """
        self._found = word.casefold()
        hits = [at for at, line in enumerate(self._lines) if self._found in self._drawn(line).plain.casefold()]
        if not word or not hits:
            self.refresh()
            return False
        here = self.cursor if self.cursor is not None else self._hit
        after = [at for at in reversed(hits) if at < here] if step < 0 else [at for at in hits if at >= here + step]
        self._hit = after[0] if after else hits[-1 if step < 0 else 0]
        if self._hit in self._places():
            self._go(self._hit)
        else:
            self.scroll_to(y=max(0, self._hit - self.size.height // 2), animate=False, immediate=True)
        self.refresh()
        return True

    def _go(self, line: int) -> None:
        self.cursor = line
        top, height = self.scroll_offset.y, max(1, self.size.height)
        first = line if line != self._places()[0] else 0
        if first < top or line >= top + height:
            self.scroll_to(y=first if first < top else line - height + 1, animate=False, immediate=True)
        self.refresh()
        self.post_message(self.Moved(self, self.about))

    def _places(self) -> list[int]:
        return [at for at, line in enumerate(self._lines) if line.about is not None]

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.about is not None:
            self.post_message(self.Opened(self, self.about))

    def on_click(self, event: events.Click) -> None:
        """Go to the row under the mouse; a second click opens it."""
        line = event.y + self.scroll_offset.y
        if line in self._places():
            again = line == self.cursor
            self._go(line)
            if again:
                self.action_open()

    def on_resize(self) -> None:
        """Fit the page to another width."""
        if self._room() != self._width or not self._lines:
            self._lay_out()
            if self.cursor is None:
                self.cursor = next(iter(self._places()), None)

    def _room(self) -> int:
        """Return the columns there are beside the scrollbar, whether it is there now or not."""
        return max(20, self.size.width - 1)

    def _lay_out(self) -> None:
        self._width = self._room()
        at = None if self.cursor is None else self._lines[self.cursor]
        self._lines, self._fits = [], []
        if not self.size.width:  # it was never seen: its width is not known yet
            return
        for number, section in enumerate(self.sections):
            self._add(number, section)
        same = (
            place
            for place, line in enumerate(self._lines)
            if at is not None and line.about == at.about and (line.section, line.row) == (at.section, at.row)
        )
        self.cursor = next(same, None) if at is not None else None
        self.virtual_size = Size(self._width, len(self._lines))
        self.refresh()

    def _add(self, number: int, section: Section) -> None:
        width = self._width
        if section.title:
            if self._lines:
                self._lines.append(_Line(Text()))
            self._lines += [_Line(Text(line, f"bold {palette.SECOND}")) for line in wrapped(section.title, width)]
        self._lines += map(_Line, sentences(section.before, width))
        self._fits.append(fit(section.columns, widths_of(section), width - 2) if section.rows else ([], {}))
        if section.rows and any(column.title for column in section.columns):
            self._lines.append(_Line(self._head(number)))
        for place in range(len(section.rows)):
            about = section.about[place] if section.about else None
            self._lines.append(_Line(None, number, place, about))
        self._lines += map(_Line, sentences(section.after, width))

    def _head(self, number: int) -> Text:
        columns = self.sections[number].columns
        keep, widths = self._fits[number]
        cells = (pad(safe_line(columns[at].title), widths[at], "right" if columns[at].right else "left") for at in keep)
        return Text("  " + "  ".join(cells), palette.MUTED)

    def _drawn(self, line: _Line) -> Text:
        if line.text is not None:
            return line.text.copy()
        return Text.assemble("  ", *self._row(line))

    def _row(self, line: _Line) -> list[tuple[str, str]]:
        """Return the padded cells of a row with their styles."""
        section = self.sections[line.section]
        row = section.rows[line.row]
        keep, widths = self._fits[line.section]
        parts = []
        for at in keep:
            column, given = section.columns[at], row[at]
            cell = worded(given if isinstance(given, Cell) else Cell(given), column)
            words = safe_line(cell.text)
            words = end(words, widths[at]) if column.tail else words
            style = STYLES.get(cell.style, palette.TEXT if at else palette.ACCENT)
            parts.append((pad(words, widths[at], "right" if column.right else "left") + "  ", style))
        return parts

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        at, width = self.scroll_offset.y + y, self.size.width
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[at]
        if line.text is not None or self._found:
            strip = Strip(self._marked(line).render(self.app.console))
        else:
            strip = Strip([Segment("  "), *(Segment(text, Style.parse(style)) for text, style in self._row(line))])
        if at == self.cursor:
            strip = Strip([Segment("> ", Style.parse(f"bold {palette.ACCENT}")), *strip.crop(2)])
            strip = strip.apply_style(Style.parse(f"on {palette.RAISED}")) if self.has_focus else strip
        return strip.apply_style(self.rich_style).crop_extend(0, width, self.rich_style)

    def _marked(self, line: _Line) -> Text:
        """Return a line in which what was looked for is marked."""
        text = self._drawn(line)
        if self._found and self._found in text.plain.casefold():
            text.highlight_words([self._found], f"reverse {palette.WAIT}", case_sensitive=False)
        text.end = ""
        return text
