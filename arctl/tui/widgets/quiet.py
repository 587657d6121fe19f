"""A text that is drawn again only where it reads differently: each drawing costs bytes over SSH."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static


class Quiet(Static):
    """A text."""

    def __init__(self, text: Text | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(text or "", id=id, classes=classes, markup=False)
        self._said = text

    def say(self, text: Text) -> None:
        """Show a text."""
        if text != self._said or (self._said is not None and text.spans != self._said.spans):
            self._said = text
            self.update(text)
