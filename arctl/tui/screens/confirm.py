"""The question before something that cannot be taken back: the answer is No unless `y` is typed."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from arctl.tui import palette


class Confirm(ModalScreen[bool]):
    """Asks; dismissed with True only by `y`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", show=False),
        Binding("n,q,escape,enter,space,x", "answer(False)", "no", show=False),
    ]

    def __init__(self, question: str, explanation: str) -> None:
        super().__init__()
        self._question = question
        self._explanation = explanation

    def compose(self) -> ComposeResult:
        """A box in the middle."""
        with Vertical(id="box"):
            yield Static(Text(self._question, style=f"bold {palette.TEXT}"), markup=False)
            yield Static(Text(self._explanation, style=palette.MUTED), markup=False)
            yield Static(
                Text.assemble(
                    "\n",
                    (" No ", f"bold reverse {palette.ACCENT}"),
                    ("  enter, n or esc        ", palette.MUTED),
                    (" y ", f"bold {palette.BAD}"),
                    ("yes, cancel it", palette.MUTED),
                ),
                markup=False,
            )

    def action_answer(self, yes: bool) -> None:
        """Close with an answer."""
        self.dismiss(yes)
