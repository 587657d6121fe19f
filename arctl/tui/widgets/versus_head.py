"""What stands above a comparison: the answer in one sentence, and which runs it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui import palette

if TYPE_CHECKING:
    from arctl.tui.reading.compare import ComparePanel


def verdict(panel: ComparePanel, numbers: Sequence[int]) -> Text:
    """Return the answer, and below it which runs are compared at which epochs."""
    found = panel.comparison
    text = Text(safe_line(found.verdict.sentence, limit=2000), f"bold {palette.TEXT}")
    names = Text("\n")
    for place, (row, epoch) in enumerate(zip(found.runs, found.epochs, strict=True)):
        names.append("  " if place else "", palette.MUTED)
        names.append(f"{chr(65 + place)} " if place < 26 else "", palette.MUTED)
        names.append(f"{run_name(row.number)} {safe_line(row.name, limit=24)}", palette.ACCENT)
        names.append("" if epoch is None else f" @{epoch:g}", palette.MUTED)
    if len(found.runs) < len(numbers):
        names.append(f"  (two of {len(numbers)}: p)", palette.MUTED)
    if found.warning:
        names.append(f"  unlike: {found.warning}", palette.WAIT)
    return Text.assemble(text, names)
