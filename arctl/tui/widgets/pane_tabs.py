"""The names of a view's panes in one line, where only one of them has room at a time."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from arctl.tui import palette


class PaneTabs(Widget):
    """Names; a click chooses."""

    DEFAULT_CSS = "PaneTabs { height: 1; padding: 0 1; }"

    class Chosen(Message):
        """A name was clicked."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.at = at

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = tuple(names)
        self._at = 0

    def show(self, at: int) -> None:
        """Mark one as chosen."""
        if at != self._at:
            self._at = at
            self.refresh()

    def render(self) -> Text:
        """Draw them; the chosen one is reversed, so that it shows without colour too."""
        text = Text(no_wrap=True, overflow="ellipsis")
        for at, name in enumerate(self._names):
            text.append(f" {name} ", f"bold reverse {palette.ACCENT}" if at == self._at else palette.MUTED).append(" ")
        return text

    def on_click(self, event: events.Click) -> None:
        """Choose the one under the mouse."""
        left = self.styles.padding.left
        for at, name in enumerate(self._names):
            right = left + len(name) + 3
            if left <= event.x < right:
                self.post_message(self.Chosen(at))
            left = right
