"""The question before jobs are queued: what exactly, and the command that does the same. Only `y` is Yes."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from arctl.text import safe_line, safe_part
from arctl.tui import palette
from arctl.tui.screens.confirm import Confirm

_LONGEST = 800


class SubmitQuestion(Confirm):
    """Asks whether to submit; dismissed with True only by `y`."""

    DEFAULT_CSS = """
    SubmitQuestion { align: center middle; }
    SubmitQuestion #box { width: 90%; max-width: 110; max-height: 90%; border: round $primary; }
    """

    def __init__(self, title: str, *, told: str, command: str, warnings: int) -> None:
        super().__init__(title, told)
        self._title = title
        self._told = told
        self._command = command
        self._warnings = warnings

    def compose(self) -> ComposeResult:
        """What is asked, what is sent, the line that a shell would take, and the two answers."""
        about = Text.assemble((safe_line(self._told, limit=400), palette.TEXT))
        if self._warnings:
            many = "1 warning" if self._warnings == 1 else f"{self._warnings} warnings"
            about.append(f"\n{many} of the preflight", palette.WAIT)
        about.append(f"\n\n{_short(safe_part(self._command))}", palette.MUTED)
        answers = Text.assemble(
            "\n",
            (" No ", f"bold reverse {palette.ACCENT}"),
            ("  enter, n or esc        ", palette.MUTED),
            (" y ", f"bold {palette.GOOD}"),
            ("yes, submit", palette.MUTED),
        )
        with Vertical(id="box"):
            yield Static(Text(safe_line(self._title, limit=200), style=f"bold {palette.TEXT}"), markup=False)
            yield Static(about, markup=False)
            yield Static(answers, markup=False)


def _short(command: str) -> str:
    """Return a command that a box can hold."""
    return (
        command if len(command) <= _LONGEST else f"{command[:_LONGEST]} ... ({len(command) - _LONGEST} more characters)"
    )
