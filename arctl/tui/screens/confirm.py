"""The question before something that cannot be taken back: the answer is No unless `y` is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from arctl.text import safe_line
from arctl.tui import palette


class Confirm(ModalScreen[bool]):
    """Asks; dismissed with True only by `y`. Names the runs that it is about and the command that does the same."""

    DEFAULT_CSS = """
    Confirm { align: center middle; background: $background 60%; }
    Confirm #box {
        width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 1 2; background: $surface;
        border: round $error;
    }
    Confirm Static { height: auto; }
    Confirm #runs { height: auto; max-height: 10; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", show=False),
        Binding("n,q,escape,enter,space,x", "answer(False)", "no", show=False),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
    ]

    def __init__(
        self,
        question: str,
        explanation: str = "",
        *,
        runs: Sequence[str] = (),
        command: str = "",
        verb: str = "do it",
    ) -> None:
        super().__init__()
        self._question = safe_line(question)
        self._explanation = safe_line(explanation)
        self._runs = tuple(safe_line(line) for line in runs)
        self._command = safe_line(command, limit=2000)
        self._verb = verb

    def compose(self) -> ComposeResult:
        """A box in the middle."""
        with Vertical(id="box"):
            yield Static(Text(self._question, style=f"bold {palette.TEXT}"), markup=False)
            if self._explanation:
                yield Static(Text(self._explanation, style=palette.MUTED), markup=False)
            if self._runs:
                with VerticalScroll(id="runs", can_focus=False):
                    yield Static(Text("\n".join(self._runs), style=palette.TEXT), markup=False)
            if self._command:
                yield Static(
                    Text.assemble("\n", ("the same from a shell: ", palette.MUTED), (self._command, palette.ACCENT)),
                    markup=False,
                )
            yield Static(self._answers(), markup=False)

    def _answers(self) -> Text:
        return Text.assemble(
            "\n",
            (" No ", f"bold reverse {palette.ACCENT}"),
            ("  enter, n or esc        ", palette.MUTED),
            (" y ", f"bold {palette.BAD}"),
            (f"yes, {self._verb}", palette.MUTED),
            (f" {'it' if len(self._runs) < 2 else f'all {len(self._runs)}'}" if self._runs else "", palette.MUTED),
        )

    def action_answer(self, yes: bool) -> None:
        """Close with an answer."""
        self.dismiss(yes)

    def action_scroll(self, by: int) -> None:
        """Scroll a long list of runs."""
        for page in self.query("#runs"):
            page.scroll_relative(y=by, animate=False)
