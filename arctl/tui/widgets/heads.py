"""Folded lines of the run table: a sweep, an array or a group of runs in one line, with counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from arctl.arranging import HeadLine, Line
from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui import palette, wording
from arctl.tui.widgets.columns import Cell, Column, pad


def members(line: Line) -> list[int]:
    """Return the runs that a line stands for."""
    return [row.number for row in line.rows] if isinstance(line, HeadLine) else [line.row.number]


def key_of(line: Line) -> str:
    """Return what names a line whatever its place."""
    return line.key if isinstance(line, HeadLine) else run_name(line.row.number)


def head_of(line: Line, lines: Sequence[Line], place: int) -> str | None:
    """Return the key of the folded line that a line is or belongs to."""
    if isinstance(line, HeadLine):
        return line.key
    if not line.depth:
        return None
    above = (other for other in reversed(lines[:place]) if isinstance(other, HeadLine))
    return next((other.key for other in above), None)


def cells(
    line: HeadLine, layout: Sequence[tuple[Column, int]], *, ascii: bool, hours: Mapping[int, float], now: float
) -> list[Cell]:
    """Return the padded cells of a folded line: the GPU-hours of all its runs together, the age of the newest."""
    spent = [hours[row.number] for row in line.rows if row.number in hours]
    sign = ("v " if line.open else "> ") if ascii else ("▾ " if line.open else "▸ ")
    texts: dict[str, Cell] = {
        "run": (f"{sign}{len(line.rows)}", palette.ACCENT),
        "name": (safe_line(line.title, limit=120), f"bold {palette.TEXT}"),
        "state": _counts(line),
        "best": (wording.percent(line.best), f"bold {palette.TEXT}" if line.best is not None else palette.FAINT),
        "hours": (wording.hours(sum(spent) if spent else None), palette.MUTED),
        "age": (wording.age(max(row.created for row in line.rows), now), palette.MUTED),
        "model": (line.kind, palette.MUTED),
        "tags": (line.kind, palette.MUTED),
    }
    found = []
    for column, width in layout:
        text, style = texts.get(column.key, ("", palette.MUTED))
        found.append((pad(text, width, column.align), style))
    return found


def summary(line: HeadLine, *, most: int = 40) -> Text:
    """Return a folded line's runs, best first, each with its state and accuracy."""
    text = Text.assemble((f"{len(line.rows)} runs, {line.kind}   ", palette.MUTED), _counts(line))
    ranked = sorted(line.rows, key=lambda row: -(wording.best(row.metrics, "val/top1")[0] or -1.0))
    for row in ranked[:most]:
        word, style = palette.state_word(row.state)
        value, _epoch = wording.best(row.metrics, "val/top1")
        text.append(f"\n{run_name(row.number):<7} ", palette.ACCENT)
        text.append(f"{wording.percent(value):>6}  ", f"bold {palette.TEXT}")
        text.append(f"{word:<12}", style)
        text.append(safe_line(row.name, limit=60), palette.TEXT)
    if len(ranked) > most:
        text.append(f"\nand {len(ranked) - most} more", palette.MUTED)
    hint = "4 ranks them with what they set; " if line.kind == "sweep" else ""
    text.append(f"\n{hint}enter opens the line, space marks its runs", palette.MUTED)
    return text


def _counts(line: HeadLine) -> Cell:
    """Return the runs by state in few characters, what runs and what went wrong first: `2 run 5 ok 1 bad`."""
    groups: dict[str, int] = {}
    for state, count in line.counts:
        word = palette.SHORT[state]
        groups[word] = groups.get(word, 0) + count
    order = [word for word in ("run", "bad", "wait", "ok", "off") if word in groups]
    style = palette.ACCENT if "run" in groups else palette.BAD if "bad" in groups else palette.MUTED
    return " ".join(f"{groups[word]} {word}" for word in order), style
