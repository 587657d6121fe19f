"""A job script as it would be submitted: directives, comments and commands told apart by colour."""

from __future__ import annotations

from rich.text import Text

from arctl.tui import palette
from arctl.tui.widgets.line_view import LineView


def script_line(line: str) -> Text:
    """Colour a line of a job script: what the scheduler reads, what nobody reads, what runs."""
    if line.startswith("#SBATCH"):
        option, equals, value = line.removeprefix("#SBATCH ").partition("=")
        return Text.assemble(
            ("#SBATCH ", palette.QUIET), (option, palette.ACCENT), (equals, palette.MUTED), (value, palette.TEXT)
        )
    if line.lstrip().startswith("#"):
        return Text(line, style=palette.MUTED)
    return Text(line, style=palette.TEXT)


class ScriptView(LineView):
    """The lines of a script."""

    TITLE = "The script"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(script_line, id=id)
