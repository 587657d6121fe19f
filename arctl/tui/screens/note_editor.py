"""The note of a run in an editor: ctrl+s writes it, esc leaves and asks first where something would be lost."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from arctl.naming import LONGEST_NOTE
from arctl.rundir import run_name
from arctl.text import safe, safe_line
from arctl.tui import palette
from arctl.tui.messages import Do, Wanted
from arctl.tui.note_deeds import SetNote
from arctl.tui.reading.notes import NotePanel, NoteWant
from arctl.tui.screens.confirm import Confirm
from arctl.tui.wants import EmptyPanel, Panel


class Writing(TextArea):
    """A text of several lines; letters are for it alone."""

    takes_text = True


class NoteEditor(ModalScreen[None]):
    """Writes the note through a deed, once it has seen that nobody else changed it meanwhile."""

    DEFAULT_CSS = """
    NoteEditor { align: center middle; background: $background 60%; }
    NoteEditor #box {
        width: 96; max-width: 100%; height: 70%; min-height: 10; max-height: 100%; background: $surface;
        border: round $primary; border-title-color: $primary; border-subtitle-color: $muted;
    }
    NoteEditor TextArea { height: 1fr; border: none; padding: 0 1; background: $surface; }
    NoteEditor TextArea:focus { border: none; }
    NoteEditor Static { height: auto; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "write it", show=False, priority=True),
        Binding("escape", "leave", "leave", show=False, priority=True),
    ]

    def __init__(self, number: int, name: str, note: str, unwritten: str | None = None) -> None:
        """Begin with `note`, or with what was typed before and could not be written."""
        super().__init__()
        self._number = number
        self._name = safe_line(name, limit=60)
        self._was = note
        self._began = safe(note, limit=LONGEST_NOTE)
        self._unwritten = unwritten is not None and unwritten != self._began
        text = unwritten if self._unwritten and unwritten is not None else self._began
        self._area = Writing(text, soft_wrap=True, show_line_numbers=False)
        if not self._unwritten:
            self._began = self._area.text
        self._said = Static(markup=False)

    def compose(self) -> ComposeResult:
        """A box with the text."""
        box = Vertical(id="box")
        box.border_title = Text(f"note of {run_name(self._number)} {self._name}")
        box.border_subtitle = "ctrl+s writes it, esc leaves"
        with box:
            yield self._area
            yield self._said

    def on_mount(self) -> None:
        """Write on behind what is there."""
        self._area.focus()
        self._area.move_cursor(self._area.document.end)
        self._tell("this could not be written before: ctrl+s tries again" if self._unwritten else "")

    @on(TextArea.Changed)
    def _typed(self) -> None:
        left = LONGEST_NOTE - len(self._area.text)
        self._tell(f"{-left} characters too long" if left < 0 else f"{left} characters left" if left < 200 else "")

    def action_save(self) -> None:
        """See what the note says now; then write it."""
        text = self._area.text
        if len(text) > LONGEST_NOTE or safe(text) != text:
            self._tell(f"a note has {LONGEST_NOTE} characters at the most, and no control characters")
        elif text == self._began:
            self.dismiss(None)
        else:
            self.app.post_message(Wanted(NoteWant(self._number, time.time()), self))

    def take(self, panel: Panel) -> None:
        """Write the note, or say that it is another one by now."""
        if isinstance(panel, EmptyPanel):
            self._tell(panel.why)
        elif isinstance(panel, NotePanel) and panel.note not in (self._was, self._area.text.rstrip()):
            self._was = panel.note
            said = safe_line(panel.note, limit=600) or "(nothing)"
            self._tell(f"somebody changed it meanwhile. It says now: {said}\nctrl+s again replaces that, esc keeps it")
        elif isinstance(panel, NotePanel):
            self.app.post_message(Do(SetNote(self._number, self._area.text, self._was)))
            self.dismiss(None)

    def action_leave(self) -> None:
        """Leave; ask where something was typed."""
        if self._area.text == self._began:
            self.dismiss(None)
            return

        def decided(yes: bool | None) -> None:
            if yes:
                getattr(self.app, "unwritten", {}).pop(self._number, None)
                self.dismiss(None)

        self.app.push_screen(Confirm("Leave without writing what you typed?", verb="drop it"), decided)

    def _tell(self, text: str) -> None:
        self._said.update(Text(text, style=palette.WAIT))
        self._said.display = bool(text)
