"""A page of styled text that wraps to the width and scrolls: the Job and Notes tabs, and the log of calls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rich.console import Console
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip

from arctl.tui import palette
from arctl.tui.widgets.moving import Moving


class TextPage(Moving):
    """Lines, each a `Text` without a newline; what begins with blanks goes on below them where it is wrapped."""

    DEFAULT_CSS = "TextPage { height: 1fr; background: $background; overflow-x: hidden; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._page: tuple[Text, ...] = ()
        self._lines: list[Text] = []
        self._width = 0

    @property
    def text(self) -> str:
        """The page as plain text."""
        return "\n".join(line.plain for line in self._page)

    def show(self, page: Sequence[Text], *, fresh: bool) -> None:
        """Show other lines; `fresh` begins at the top, else the place stays."""
        if tuple(page) == self._page and not fresh:
            return
        self._page = tuple(page)
        self._wrap()
        if fresh:
            self.scroll_to(0, 0, animate=False, immediate=True)

    def length(self) -> int:
        """Return the lines of the page."""
        return len(self._lines)

    def move(self, by: int) -> None:
        """Scroll."""
        self.scroll_to(y=max(0, self.scroll_offset.y + by), animate=False, immediate=True)

    def on_resize(self) -> None:
        """Wrap the page to another width."""
        if self.size.width - 1 != self._width:
            self._wrap()

    def _wrap(self) -> None:
        self._width = max(16, self.size.width - 1)  # the last column is the scrollbar's
        self._lines = [part for line in self._page for part in wrapped(line, self._width)]
        self.virtual_size = Size(self._width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        at, width, ground = self.scroll_offset.y + y, self.size.width, self.rich_style
        if at >= len(self._lines):
            return Strip.blank(width, ground)
        text = self._lines[at]
        strip = Strip(text.render(self.app.console, end="")).apply_style(ground)
        return strip.crop_extend(0, width, ground)


def wrapped(line: Text, width: int) -> list[Text]:
    """Return a line in parts of at most `width` cells; those after the first are set in as far as its label reaches."""
    if line.cell_len <= width:
        return [line]
    plain = line.plain
    indent = len(plain) - len(plain.lstrip())
    label = plain.find("  ", indent)
    if 0 < label < width // 3:
        indent = label + len(plain[label:]) - len(plain[label:].lstrip())
    first, rest = line[:indent], line[indent:]
    parts = rest.wrap(_console(), max(8, width - indent), overflow="fold")
    pad = Text(" " * indent)
    return [Text.assemble(first if place == 0 else pad, _trimmed(part)) for place, part in enumerate(parts)]


def heading(text: str) -> Text:
    """Return the title of a part of the page."""
    return Text(text, style=f"bold {palette.SECOND}")


def labelled(label: str, text: str, style: str = "", *, width: int = 11) -> Text:
    """Return `label      text`."""
    return Text.assemble((f"{label:<{width}} ", palette.MUTED), (text, style or palette.TEXT))


def _trimmed(text: Text) -> Text:
    text.rstrip()
    return text


@cache
def _console() -> Console:
    return Console(width=400, legacy_windows=False, markup=False, highlight=False)
