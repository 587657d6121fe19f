"""`arctl doctor`: what could go wrong here, each line with its cure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate

if TYPE_CHECKING:
    from arctl.doctor.line import Line

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "bright_black"}
_MARGIN = 21
"""Columns before the text: the status and the check's name."""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.doctor/1).")
@click.pass_obj
def doctor_command(session: Session, as_json: bool) -> None:
    """Check the workspace, its disk, its registry, Slurm, Python, the environment and the terminal.

    Each line says ok, warn, fail or unknown, and under it what to do. Nothing is changed, nothing waits for longer
    than a few seconds. The exit status is 1 where something fails. Works outside of a workspace too.
    """
    from arctl.doctor import examine

    lines = examine(session.explicit)
    counts = {word: sum(line.status == word for line in lines) for word in _STYLES}
    if as_json:
        echo_json("arctl.doctor/1", {"counts": counts, "lines": [asdict(line) for line in lines]})
    else:
        _show(lines)
        narrate(_summary(counts))
    if counts["fail"]:
        click.get_current_context().exit(1)


def _show(lines: Sequence[Line]) -> None:
    """Print the lines: wrapped to the screen on a terminal, else each on a line of its own."""
    from arctl.cli.tables import Cell, ascii_only, say, screen, terminal
    from arctl.text import safe_line

    width = max(60, screen()[0]) if terminal() else None
    arrow = "->" if ascii_only() else "→"
    before = None
    for line in lines:
        name = "" if line.name == line.check else f"{line.name}: "
        first, *more = _wrapped(safe_line(f"{name}{line.said}", limit=1000), width)
        check = line.check if line.check != before else ""
        before = line.check
        say(Cell(f"{line.status:<8}", _STYLES[line.status]), Cell(f"{check:<{_MARGIN - 8}}", "bold"), first)
        for rest in more:
            say(" " * _MARGIN + rest)
        if line.cure:
            for rest in _wrapped(f"{arrow} {safe_line(line.cure, limit=1000)}", width):
                say(" " * _MARGIN, Cell(rest, "cyan"))


def _wrapped(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    import textwrap

    return textwrap.wrap(text, width - _MARGIN - 1, break_on_hyphens=False) or [""]


def _summary(counts: dict[str, int]) -> str:
    """Return what it comes to in one line."""
    words = {"fail": ("fails", "fail"), "warn": ("warning", "warnings"), "unknown": ("unknown", "unknown")}
    parts = [
        f"{counts[word]} {one if counts[word] == 1 else many}" for word, (one, many) in words.items() if counts[word]
    ]
    return ", ".join(parts) if parts else "all is well"
