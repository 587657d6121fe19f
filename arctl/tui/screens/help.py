"""All keys on one page, from the table that binds them."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from arctl.tui import keys, palette


class HelpScreen(ModalScreen[None]):
    """The keys; closed by esc, q or `?`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter,f1", "close", "close", show=False),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("ctrl+d,space", "scroll(10)", "half down", show=False),
        Binding("ctrl+u", "scroll(-10)", "half up", show=False),
        Binding("g", "scroll(-10000)", "top", show=False),
        Binding("G", "scroll(10000)", "bottom", show=False),
    ]

    def compose(self) -> ComposeResult:
        """One page that scrolls where it is longer than the screen."""
        page = VerticalScroll(id="help")
        page.border_title = "keys"
        page.border_subtitle = "j k scroll, esc closes"
        with page:
            yield Static(help_text(), markup=False)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll some lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def help_text() -> Text:
    """Return every key with its meaning, by section."""
    text = Text()
    for title, group in keys.GROUPS:
        text.append(f"{title}\n", f"bold {palette.SECOND}")
        for key in group:
            text.append(f"  {key.shown:<8}", f"bold {palette.ACCENT}")
            text.append(f"{key.meaning}\n", palette.TEXT)
        text.append("\n")
    text.append("Hold shift (or option) to select text with the mouse.", palette.MUTED)
    return text
