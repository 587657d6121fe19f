"""Draws what `arctl.plots` made: lines of coloured pieces, a cursor on them, and a message where the mouse pointed."""

from __future__ import annotations

from functools import lru_cache
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from arctl.tui import palette
from arctl.tui.look import Look

if TYPE_CHECKING:
    from arctl.plots import Drawing


class CurveCanvas(Widget, can_focus=True):
    """A drawing of curves, as large as it was made."""

    class Pointed(Message):
        """The mouse was clicked at a place on the horizontal axis."""

        def __init__(self, x: float) -> None:
            super().__init__()
            self.x = x

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look = look
        self._plain: Drawing | None = None
        self._shown: Drawing | None = None
        self._cursor: float | None = None
        self._word = ""

    def say(self, word: str) -> None:
        """Show a text instead of a drawing."""
        self._plain = self._shown = None
        self._word = word
        self.refresh()

    def show(self, drawing: Drawing, cursor: float | None) -> None:
        """Show a drawing, with a vertical line at `cursor`; what is the same is not drawn again."""
        if drawing == self._plain and cursor == self._cursor:
            return
        self._plain, self._cursor = drawing, cursor
        before = self._shown
        self._shown = drawing if cursor is None else drawing.with_cursor(cursor, ascii=self._look.ascii)
        if before != self._shown:
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width = self.size.width
        lines = () if self._shown is None else self._shown.lines
        if self._shown is None:
            said = wrap(self._word, max(10, width))
            word = Segment(said[y] if y < len(said) else "", Style(color=palette.MUTED if self._look.colour else None))
            return Strip([word]).apply_style(self.rich_style).crop_extend(0, width, self.rich_style)
        if y >= len(lines):
            return Strip.blank(width, self.rich_style)
        pieces = [Segment(text, _style(codes, self._look.colour)) for text, codes in lines[y]]
        return Strip(pieces).apply_style(self.rich_style).crop_extend(0, width, self.rich_style)

    def on_click(self, event: Click) -> None:
        """Tell where on the horizontal axis the mouse is."""
        frames = () if self._plain is None else self._plain.frames
        for frame in frames:
            if frame is None or not frame.top <= event.y < frame.top + frame.rows:
                continue
            column = event.x - frame.left
            if 0 <= column < frame.columns:
                self.post_message(self.Pointed(frame.at(column)))


@lru_cache(256)
def _style(codes: str, colour: bool) -> Style | None:
    """Return the style of SGR codes as `arctl.plots` writes them."""
    if not codes:
        return None
    parts = codes.split(";")
    ink = parts[2] if parts[0] == "38" else None
    return Style(
        color=f"color({ink})" if ink and colour else None,
        bold="1" in parts[3 if ink else 0 :] or None,
        reverse="7" in parts[3 if ink else 0 :] or None,
    )
