"""Why a run waits, over the view: the sentence, what it rests on, what to do. `y` copies the first remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.messages import Wanted
from arctl.tui.reading.cluster import WhyPanel, WhyWanted
from arctl.tui.wants import EmptyPanel, Panel

if TYPE_CHECKING:
    from arctl.why.answer import Answer


class WhyBox(ModalScreen[None]):
    """Asks why, and shows the answer."""

    DEFAULT_CSS = """
    WhyBox { align: center middle; background: $background 60%; }
    WhyBox #why { width: 90; max-width: 96%; height: auto; max-height: 90%; padding: 1 2; background: $surface;
        border: round $primary; }
    WhyBox VerticalScroll { height: auto; max-height: 100%; }
    WhyBox Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,w,enter", "close", "close", show=False),
        Binding("y", "copy", "copy the first remedy", show=False),
    ]

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._answer: Answer | None = None
        self._text = Static(Text(f"{run_name(number)}: looking ...", palette.MUTED), markup=False)

    def compose(self) -> ComposeResult:
        """A box in the middle."""
        with Vertical(id="why"), VerticalScroll():
            yield self._text

    def on_mount(self) -> None:
        """Ask."""
        self.post_message(Wanted(WhyWanted(self._number), self))

    def take(self, panel: Panel) -> None:
        """Show the answer."""
        if isinstance(panel, EmptyPanel):
            self._text.update(Text(safe_line(panel.why), palette.WAIT))
        elif isinstance(panel, WhyPanel):
            self._answer = panel.answer
            self._text.update(_told(panel.answer))

    def action_copy(self) -> None:
        """Copy the first remedy through the terminal."""
        if self._answer is not None and self._answer.remedies:
            command = safe_line(self._answer.remedies[0].command, limit=2000)
            self.app.copy_to_clipboard(command)
            self.notify(f"copied {command}", markup=False)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()


def _told(answer: Answer) -> Text:
    word, style = palette.state_word(answer.state)
    text = Text.assemble((f"{answer.run} ", f"bold {palette.TEXT}"), (word, style), ": ")
    text.append(f"{safe_line(answer.sentence)}\n", palette.TEXT)
    for note in answer.notes:
        text.append(f"\n{safe_line(note)}", palette.TEXT)
    for one in answer.evidence:
        text.append(f"\n{safe_line(one.where)}: ", palette.MUTED).append(safe_line(one.text, limit=300), palette.MUTED)
    for remedy in answer.remedies:
        text.append(f"\n\n{safe_line(remedy.why)}:\n  ", palette.MUTED)
        text.append(safe_line(remedy.command, limit=2000), f"bold {palette.SECOND}")
    text.append("\n\n")
    if answer.remedies:
        text.append(" y ", f"bold {palette.ACCENT}").append("copy the first command  ", palette.MUTED)
    text.append(" esc ", f"bold {palette.ACCENT}").append("close", palette.MUTED)
    return text
