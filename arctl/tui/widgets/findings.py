"""What the preflight says of a submission: what would be sent, what stands against it, what is good to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from arctl.text import safe_line
from arctl.tui import palette

if TYPE_CHECKING:
    from arctl.preflight import Finding

_STYLES = {"error": palette.BAD, "warning": palette.WAIT, "note": palette.ACCENT}


class FindingsView(VerticalScroll, can_focus=True):
    """A few wrapped lines."""

    TITLE = "The preflight"

    DEFAULT_CSS = """
    FindingsView { background: $background; padding: 0 1; }
    FindingsView Static { width: 1fr; height: auto; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._text

    def say(self, text: Text) -> None:
        """Show a text in place of all else."""
        self._text.update(text)


def verdict(findings: Sequence[Finding], *, told: str, problems: Mapping[str, str], busy: bool) -> Text:
    """Return the preflight's page. `problems` are those that no field can be named for, or of fields by name."""
    if problems:
        text = Text("The form is not whole.\n", style=f"bold {palette.BAD}")
        for name, problem in problems.items():
            text.append_text(_line("error", safe_line(f"{name}: {problem}" if name else problem)))
        return text
    text = Text(f"{safe_line(told)}\n" if told else "", style=f"bold {palette.TEXT}")
    errors = sum(finding.level == "error" for finding in findings)
    if busy:
        text.append("looking at the site, the disk and like runs ...\n", palette.MUTED)
    elif errors:
        text.append(f"{errors} thing{'' if errors == 1 else 's'} against it: it would not be queued\n", palette.BAD)
    elif told:
        text.append("nothing stands against it\n", palette.GOOD)
    for finding in findings:
        where = f"{finding.where}: " if finding.where else ""
        text.append_text(_line(finding.level, safe_line(f"{where}{finding.what}"), safe_line(finding.cure or "")))
    return text


def _line(level: str, what: str, cure: str = "") -> Text:
    line = Text.assemble((f"{level:<8}", f"bold {_STYLES[level]}"), (what, palette.TEXT))
    if cure:
        line.append(f" ({cure})", palette.MUTED)
    line.append("\n")
    return line
