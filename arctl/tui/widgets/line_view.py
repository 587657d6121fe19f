"""A scrolling text of lines: draws only what is seen; the Log and Config tabs are made of it."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from arctl.tui import keys

_OVERLAP = 20
"""Lines that must agree before two readings of a growing text are taken to overlap."""


class LineView(ScrollView, can_focus=True):
    """Lines that are already safe to show, each styled as it is drawn; may follow its end."""

    BINDINGS = keys.bindings(keys.MOVE)

    class FollowChanged(Message):
        """The view began or ceased to follow the end of its text."""

    def __init__(self, style: Callable[[str], Text], *, follow: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.follow = follow
        self.lines: tuple[str, ...] = ()
        self._style = style

    def show(self, lines: tuple[str, ...], *, fresh: bool) -> None:
        """Show other lines; `fresh` for another text, else the same text that has grown."""
        lines = tuple(line.expandtabs(8) for line in lines)
        moved = 0 if fresh else _shift(self.lines, lines)
        self.lines = lines
        self.virtual_size = Size(max(map(cell_len, lines), default=0), len(lines))
        if self.follow:
            self._go(len(lines))
        elif fresh:
            self.scroll_to(0, 0, animate=False, immediate=True)
        elif moved:
            self._go(round(self.scroll_y) - moved)
        self.refresh()

    def toggle_follow(self) -> None:
        """Follow the end, or stay where we are."""
        self._set_follow(not self.follow)
        if self.follow:
            self._go(len(self.lines))

    def _set_follow(self, follow: bool) -> None:
        if follow != self.follow:
            self.follow = follow
            self.post_message(self.FollowChanged())

    def _go(self, line: int) -> None:
        self.scroll_to(y=max(0, min(line, len(self.lines) - self.size.height)), animate=False, immediate=True)

    def _step(self, by: int) -> None:
        if by < 0:
            self._set_follow(False)
        self._go(round(self.scroll_y) + by)

    def action_line_down(self) -> None:
        """Step down."""
        self._step(1)

    def action_line_up(self) -> None:
        """Step up."""
        self._step(-1)

    def action_to_top(self) -> None:
        """Go to the first line."""
        self._step(-len(self.lines))

    def action_to_bottom(self) -> None:
        """Go to the last line."""
        self._step(len(self.lines))

    def action_half_down(self) -> None:
        """Go half a page down."""
        self._step(max(1, self.size.height // 2))

    def action_half_up(self) -> None:
        """Go half a page up."""
        self._step(-max(1, self.size.height // 2))

    def action_page_down(self) -> None:
        """Go a page down."""
        self._step(max(1, self.size.height - 1))

    def action_page_up(self) -> None:
        """Go a page up."""
        self._step(-max(1, self.size.height - 1))

    def on_mouse_scroll_up(self) -> None:
        """Cease to follow when the wheel turns up."""
        self._set_follow(False)

    def on_resize(self) -> None:
        """Keep the end in sight while following."""
        if self.follow:
            self._go(len(self.lines))

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        left, top = self.scroll_offset
        width = self.size.width
        if top + y >= len(self.lines):
            return Strip.blank(width, self.rich_style)
        text = self._style(self.lines[top + y])
        text.end = ""
        strip = Strip(text.render(self.app.console)).apply_style(self.rich_style)
        return strip.crop_extend(left, left + width, self.rich_style)


def _shift(old: tuple[str, ...], new: tuple[str, ...]) -> int:
    """Return how many lines left the top between two readings of the end of a growing text."""
    head = new[:_OVERLAP]
    if old[: len(head)] == head:
        return 0
    return next((k for k in range(len(old)) if old[k : k + len(head)] == head), 0)
