"""A question with an answer of one line: a tag, the name of a filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from arctl.text import safe_line
from arctl.tui import palette


class Prompt(ModalScreen[str | None]):
    """Dismissed with what was typed; None where it was left with esc."""

    DEFAULT_CSS = """
    Prompt { align: center middle; background: $background 60%; }
    Prompt #box {
        width: 72; max-width: 100%; height: auto; padding: 0 1; background: $surface; border: round $primary;
        border-title-color: $primary; border-subtitle-color: $muted;
    }
    Prompt Static { height: auto; }
    Prompt Input { height: 1; background: $panel; }
    Prompt Input:focus { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "leave", show=False)]

    def __init__(
        self, title: str, *, hint: str = "", value: str = "", wrong: Callable[[str], str] = lambda text: ""
    ) -> None:
        """Ask; `wrong` returns why a text cannot be taken, or nothing."""
        super().__init__()
        self._title = safe_line(title, limit=120)
        self._hint = safe_line(hint, limit=400)
        self._input = Input(value=value, compact=True)
        self._wrong = wrong
        self._said = Static(markup=False)

    def compose(self) -> ComposeResult:
        """A box with a line to type in."""
        box = Vertical(id="box")
        box.border_title = Text(self._title)
        box.border_subtitle = "enter takes it, esc leaves"
        with box:
            yield Static(Text(self._hint, style=palette.MUTED), markup=False)
            yield self._input
            yield self._said

    def on_mount(self) -> None:
        """Type at once."""
        self._input.focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._said.update("")

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        event.stop()
        if trouble := self._wrong(event.value):
            self._said.update(Text(safe_line(trouble), style=palette.WAIT))
        else:
            self.dismiss(event.value)
