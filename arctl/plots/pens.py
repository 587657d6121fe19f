"""How lines are told apart, by colour and without, and what a panel says above its canvas: title, legend, axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arctl.plots.paint import BOLD, QUIET, Line, Piece, code, width_of
from arctl.raster import Curve

_LETTERS = "*o+x#@%&"


@dataclass(frozen=True)
class Pen:
    """How one line is drawn: colour alone never tells two lines apart where there is none."""

    ink: int
    dashed: bool
    letter: str
    coloured: bool = True
    """Whether what lies behind the line can be told from it by its colour."""


Entry = tuple[str, str, str]
"""Swatch, words, and the swatch's SGR codes: of the words where there is no swatch."""


def pens_of(lines: Sequence[Curve], *, letters: bool, colour: bool) -> list[Pen]:
    """Return a pen for each line: lines of one run share an ink; where there is one run, each metric has its own."""
    runs = list(dict.fromkeys(line.run for line in lines))
    metrics = list(dict.fromkeys(line.metric for line in lines))
    mixed = any(not metric.startswith("train/") for metric in metrics)
    pens = []
    for line in lines:
        which = runs.index(line.run) if len(runs) > 1 else metrics.index(line.metric)
        dashed = mixed and line.metric.startswith("train/")
        letter = _LETTERS[which % len(_LETTERS)] if letters else ""
        pens.append(Pen(which, dashed, "." if letter and dashed and len(runs) == 1 else letter, colour))
    return pens


def heading(
    lines: Sequence[Curve],
    pens: Sequence[Pen],
    *,
    width: int,
    title: str | None,
    axis: str,
    notes: Sequence[str],
    ascii: bool,
    most: int,
) -> list[Line]:
    """Return title, legend and notes, wrapped to `most` lines; what does not fit is counted."""
    entries = _legend(lines, pens, ascii=ascii) + [("", note, code(QUIET)) for note in notes]
    rows: list[list[Piece]] = [[(title, BOLD)]] if title else [[]]
    for done, entry in enumerate(entries):
        pieces = _pieces(entry)
        gap: list[Piece] = [("  ", "")] if rows[-1] else []
        if gap and width_of((*rows[-1], *gap, *pieces)) > width:
            if len(rows) == most:
                rows[-1].append((f"  +{len(entries) - done}", code(QUIET)))
                break
            rows.append([])
            gap = []
        rows[-1] += [*gap, *pieces]
    blank = width - width_of(tuple(rows[-1])) - len(axis)
    if axis and blank >= 2:
        rows[-1] += [(" " * blank, ""), (axis, code(QUIET))]
    return [tuple(row) for row in rows]


def _pieces(entry: Entry) -> list[Piece]:
    swatch, words, codes = entry
    return [(f"{swatch} ", codes), (words, "")] if swatch else [(words, codes)]


def _legend(lines: Sequence[Curve], pens: Sequence[Pen], *, ascii: bool) -> list[Entry]:
    """Return an entry for each label; where labels repeat, for each kind of stroke as well."""
    solid, dashed, mark = ("--", "..", "|") if ascii else ("━━", "╍╍", "│")
    shared = len({line.label for line in lines}) < len(lines)
    kinds = {line.metric: dashed if pen.dashed else solid for line, pen in zip(lines, pens, strict=True)}
    entries: dict[str, Entry] = {}
    for line, pen in zip(lines, pens, strict=True):
        swatch = pen.letter * 2 if pen.letter else solid if shared else kinds[line.metric]
        entries.setdefault(line.label, (swatch, line.label, code(pen.ink)))
    if shared:
        entries |= {f"\0{metric}": (swatch, metric, code(QUIET)) for metric, swatch in kinds.items()}
    if any(line.restarts for line in lines):
        entries["\0restart"] = (mark, "restart", code(QUIET))
    return list(entries.values())
