"""Learning curves as terminal text, the same for command line and dashboard; the one door to plotext.

plotext draws axes, ticks and cells. The lines are rasterised before, because its own cost 7 microseconds a
point and know neither gaps nor dashes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from arctl.heatmap import confusion, difference
from arctl.raster import Axis, Cells, Curve, extremes, lonely, stroke, time_axis, value_axis
from arctl.spark import sparkline
from arctl.text import safe_line

__all__ = ["COLOURS", "beside", "confusion", "curves", "difference", "sparkline", "stacked"]

COLOURS = (39, 208, 78, 205, 141, 220, 44, 203)
"""xterm colour numbers of the lines: readable on dark and on light ground."""

_QUIET = 244
_LETTERS = "*o+x#@%&"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_TO_ASCII = str.maketrans("│─┤├┬┴┼└┌┘┐", "|-+++++++++")
_SMALLEST = (20, 6)


@dataclass(frozen=True)
class _Pen:
    """How one line is drawn: colour alone never tells two lines apart where there is none."""

    ink: int
    dashed: bool
    letter: str


def curves(
    lines: Sequence[Curve],
    *,
    width: int,
    height: int,
    title: str | None = None,
    colour: bool = True,
    ascii: bool = False,
) -> str:
    """Return a panel of exactly `height` lines of `width` characters.

    Lines of one run share a colour; where there is one run, each metric has its own. Training metrics are
    dashed where validation is drawn too. A vertical mark shows where a restart began. Accuracies are in
    percent. Too small a panel says so instead.
    """
    return stacked([(title, lines)], width=width, heights=[height], colour=colour, ascii=ascii)


def stacked(
    panels: Sequence[tuple[str | None, Sequence[Curve]]],
    *,
    width: int,
    heights: Sequence[int],
    colour: bool = True,
    ascii: bool = False,
) -> str:
    """Return panels (title, lines) above each other, each as `curves` draws it; moments stand below each other.

    Their vertical axes stand in one column, and panels over the same quantity (epochs, say) share its limits.
    """
    plans = [
        _planned(lines, title, width=width, height=height, colour=colour, ascii=ascii)
        for (title, lines), height in zip(panels, heights, strict=True)
    ]
    plans = _aligned(plans)
    drawn = [
        plan.rows if plan.up is None else [*plan.rows, *_canvas(plan, width=width, colour=colour, ascii=ascii)]
        for plan in plans
    ]
    return "\n".join(_page(rows, width, height) for rows, height in zip(drawn, heights, strict=True))


def beside(left: str, right: str, *, gap: int = 2) -> str:
    """Put two panels of equal height side by side."""
    pairs = zip(left.split("\n"), right.split("\n"), strict=True)
    return "\n".join(f"{one}{' ' * gap}{other}" for one, other in pairs)


@dataclass(frozen=True, eq=False)
class _Plan:
    """A panel before it is drawn: its heading, and what its canvas needs."""

    lines: Sequence[Curve]
    pens: Sequence[_Pen]
    rows: list[str]
    """The heading, or the whole panel where there is nothing to draw."""
    height: int
    """Lines that the canvas has."""
    up: Axis | None = None
    """None where there is nothing to draw."""
    span: tuple[float, float] = (0.0, 0.0)
    """What the horizontal axis shows."""


def _planned(lines: Sequence[Curve], title: str | None, *, width: int, height: int, colour: bool, ascii: bool) -> _Plan:
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        return _Plan(lines, (), ["(too small to draw)"[:width]], 0)
    # Names of runs and metrics come from files.
    lines = [replace(line, label=safe_line(line.label, limit=200)) for line in lines]
    title = None if title is None else safe_line(title, limit=200)
    pens = _pens(lines, letters=ascii or (not colour and len({line.run for line in lines}) > 1))
    head = _heading(lines, pens, width=width, title=title, colour=colour, ascii=ascii, most=max(1, height - 6))
    room = height - len(head)
    if not any(np.isfinite(line.y).any() for line in lines):
        why = "no values yet" if all(len(line.y) == 0 for line in lines) else "no finite values"
        return _Plan(lines, pens, [*head, *[""] * ((room - 1) // 2), why.center(width).rstrip()], 0)
    x = np.concatenate([line.x for line in lines])
    return _Plan(lines, pens, head, room, _upright(lines, height=room), (float(x.min()), float(x.max())))


def _aligned(plans: Sequence[_Plan]) -> list[_Plan]:
    """Give all panels labels of one width, and panels over the same quantity the same limits."""
    margin = max((len(label) for plan in plans if plan.up for label in plan.up.labels), default=0)
    spans: dict[str, tuple[float, float]] = {}
    for plan in plans:
        if plan.up is not None:
            low, high = spans.get(plan.lines[0].axis, plan.span)
            spans[plan.lines[0].axis] = (min(low, plan.span[0]), max(high, plan.span[1]))
    return [
        replace(
            plan,
            up=replace(plan.up, labels=tuple(label.rjust(margin) for label in plan.up.labels)),
            span=spans[plan.lines[0].axis],
        )
        if plan.up is not None
        else plan
        for plan in plans
    ]


def _pens(lines: Sequence[Curve], *, letters: bool) -> list[_Pen]:
    runs = list(dict.fromkeys(line.run for line in lines))
    metrics = list(dict.fromkeys(line.metric for line in lines))
    mixed = any(not metric.startswith("train/") for metric in metrics)
    pens = []
    for line in lines:
        which = runs.index(line.run) if len(runs) > 1 else metrics.index(line.metric)
        dashed = mixed and line.metric.startswith("train/")
        letter = _LETTERS[which % len(_LETTERS)] if letters else ""
        pens.append(_Pen(which, dashed, "." if letter and dashed and len(runs) == 1 else letter))
    return pens


def _canvas(plan: _Plan, *, width: int, colour: bool, ascii: bool) -> list[str]:
    assert plan.up is not None
    lines, up, height = plan.lines, plan.up, plan.height
    across = time_axis(*plan.span, ticks=max(2, width // 9), axis=lines[0].axis)
    columns = width - 1 - max(len(label) for label in up.labels)
    rows = height - 2
    cells = _drawn(lines, plan.pens, across, up, columns, rows)
    figure = _figure(width, height)
    place = across.place(np.array(across.ticks), columns - 1)
    figure.xticks([round(float(at)) for at in place], list(across.labels))
    figure.yticks([round(float(at)) for at in up.place(np.array(up.ticks), rows - 1)], list(up.labels))
    figure.xlim(0, columns - 1)
    figure.ylim(0, rows - 1)
    for at in sorted({x for line in lines for x in line.restarts if across.low < x < across.high}):
        figure.vertical_line(round(float(across.place(np.array([at]), columns - 1)[0])), color=_QUIET)
    by_ink: dict[int, list[tuple[int, int, str]]] = {}
    for column, row, mark, ink in cells.inked():
        by_ink.setdefault(ink, []).append((column, row, mark))
    for ink, points in sorted(by_ink.items()):
        x, y, marks = zip(*points, strict=True)
        figure.scatter(list(x), list(y), marker=list(marks), color=COLOURS[ink % len(COLOURS)])
    text = str(figure.build()).rstrip("\n")
    text = text if colour else _ANSI.sub("", text)
    return (text.translate(_TO_ASCII) if ascii else text).split("\n")


def _upright(lines: Sequence[Curve], *, height: int) -> Axis:
    y = np.concatenate([line.y[np.isfinite(line.y)] for line in lines])
    percent = all(line.metric.split("/")[-1].startswith("top") for line in lines) and bool((np.abs(y) <= 1).all())
    return value_axis(y, ticks=min(10, max(3, (height - 2) // 2)), percent=percent)


def _drawn(lines: Sequence[Curve], pens: Sequence[_Pen], across: Axis, up: Axis, columns: int, rows: int) -> Cells:
    cells = Cells.blank(columns, rows)
    # Dashes first, so that validation is never hidden by training.
    for line, pen in sorted(zip(lines, pens, strict=True), key=lambda pair: not pair[1].dashed):
        keep = extremes(line.x, line.y, columns=columns)
        x = across.place(line.x[keep], 2 * columns - 1)
        y = up.place(line.y[keep], 4 * rows - 1)
        dots = stroke(x, y, dashed=pen.dashed)
        if pen.letter:
            cells.letter(*dots, pen.ink, pen.letter)
        else:
            cells.draw(*dots, pen.ink)
        alone = lonely(y)
        cells.letter(x[alone].astype(np.intp), y[alone].astype(np.intp), pen.ink, pen.letter or "•")
    return cells


def _figure(width: int, height: int):  # type: ignore[no-untyped-def]
    # A figure of our own: the module's functions draw on one global figure, which two threads would share.
    from plotext._figure import _figure_class

    figure = _figure_class()
    figure._limit_size(False, False)
    figure.plot_size(width, height)
    figure.theme("clear")
    figure.xaxes(True, False)
    figure.yaxes(True, False)
    return figure


def _heading(
    lines: Sequence[Curve], pens: Sequence[_Pen], *, width: int, title: str | None, colour: bool, ascii: bool, most: int
) -> list[str]:
    """Title and legend, wrapped to `most` lines; what does not fit is counted."""
    entries = _legend(lines, pens, ascii=ascii)
    rows: list[list[tuple[str, str, int | None]]] = [[("", title, None)]] if title else [[]]
    used = len(title or "")
    for done, entry in enumerate(entries):
        length = len(entry[0]) + 1 + len(entry[1]) + (2 if used else 0)
        if used and used + length > width:
            if len(rows) == most:
                rows[-1].append(("", f"+{len(entries) - done}", _QUIET))
                break
            rows.append([])
            used, length = 0, length - 2
        rows[-1].append(entry)
        used += length
    drawn = [_entries(row, width=width, colour=colour, bold=title if not at else None) for at, row in enumerate(rows)]
    axis = lines[0].axis if lines else ""
    blank = width - len(_ANSI.sub("", drawn[-1])) - len(axis)
    if axis and blank >= 2:
        drawn[-1] += " " * blank + _entries([("", axis, _QUIET)], width=len(axis), colour=colour, bold=None)
    return drawn


def _legend(lines: Sequence[Curve], pens: Sequence[_Pen], *, ascii: bool) -> list[tuple[str, str, int | None]]:
    """(swatch, words, ink) for each label; where labels repeat, for each kind of stroke as well."""
    solid, dashed, mark = ("--", "..", "|") if ascii else ("━━", "╍╍", "│")
    shared = len({line.label for line in lines}) < len(lines)
    kinds = {line.metric: dashed if pen.dashed else solid for line, pen in zip(lines, pens, strict=True)}
    entries: dict[str, tuple[str, str, int | None]] = {}
    for line, pen in zip(lines, pens, strict=True):
        swatch = pen.letter * 2 if pen.letter else solid if shared else kinds[line.metric]
        entries.setdefault(line.label, (swatch, line.label, COLOURS[pen.ink % len(COLOURS)]))
    if shared:
        entries |= {f"/{metric}": (swatch, metric, _QUIET) for metric, swatch in kinds.items()}
    if any(line.restarts for line in lines):
        entries["/restart"] = (mark, "restart", _QUIET)
    return list(entries.values())


def _entries(row: Sequence[tuple[str, str, int | None]], *, width: int, colour: bool, bold: str | None) -> str:
    parts: list[str] = []
    left = width
    for swatch, words, ink in row:
        gap = "  " if parts else ""
        swatch = swatch and f"{swatch} "
        words = words[: max(0, left - len(gap) - len(swatch))]
        left -= len(gap) + len(swatch) + len(words)
        if colour and bold is not None and words == bold and not swatch:
            parts.append(f"\x1b[1m{words}\x1b[0m")
        elif colour and ink is not None:
            tinted = f"{swatch}\x1b[0m{words}" if swatch else f"{words}\x1b[0m"
            parts.append(f"{gap}\x1b[38;5;{ink}m{tinted}")
        else:
            parts.append(f"{gap}{swatch}{words}")
    return "".join(parts)


def _page(rows: Sequence[str], width: int, height: int) -> str:
    """Pad to exactly `height` lines of `width` characters."""
    padded = [row + " " * (width - len(_ANSI.sub("", row))) for row in rows[:height]]
    return "\n".join(padded + [" " * width] * (height - len(padded)))
