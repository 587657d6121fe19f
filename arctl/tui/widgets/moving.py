"""The keys that move in a list or a text, as fingers know them; what a step is, the widget says."""

from __future__ import annotations

from abc import abstractmethod

from textual.scroll_view import ScrollView

from arctl.tui import keys


class Moving(ScrollView, can_focus=True):
    """A list or text through which `keys.MOVE` leads."""

    BINDINGS = keys.bindings(keys.MOVE)

    @abstractmethod
    def move(self, by: int) -> None:
        """Go some lines down, or up where `by` is negative."""

    @abstractmethod
    def length(self) -> int:
        """Return how many lines there are."""

    def action_line_down(self) -> None:
        """Step down."""
        self.move(1)

    def action_line_up(self) -> None:
        """Step up."""
        self.move(-1)

    def action_to_top(self) -> None:
        """Go to the first line."""
        self.move(-self.length())

    def action_to_bottom(self) -> None:
        """Go to the last line."""
        self.move(self.length())

    def action_half_down(self) -> None:
        """Go half a page down."""
        self.move(max(1, self.size.height // 2))

    def action_half_up(self) -> None:
        """Go half a page up."""
        self.move(-max(1, self.size.height // 2))

    def action_page_down(self) -> None:
        """Go a page down."""
        self.move(max(1, self.size.height - 2))

    def action_page_up(self) -> None:
        """Go a page up."""
        self.move(-max(1, self.size.height - 2))
