"""Panels above each other as one drawing: what each has to show is found first, then they are aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from arctl.plots.axes import Axis, is_share, log_axis, time_axis, value_axis
from arctl.plots.canvas import Frame, canvas
from arctl.plots.paint import LOUD, Line, Piece, ansi, code, fill
from arctl.plots.pens import Pen, heading, pens_of
from arctl.raster import Curve, Floats, cut
from arctl.text import safe_line

_SMALLEST = (20, 6)
Panels = Sequence[tuple[str | None, Sequence[Curve]]]
"""Titles and lines, top to bottom."""


@dataclass(frozen=True)
class View:
    """What of the curves is shown, and how."""

    window: tuple[float, float] | None = None
    """The part of the horizontal axis, in its unit; None for all."""
    log: bool = False
    """Whether the vertical axes are logarithmic."""


@dataclass(frozen=True)
class Drawing:
    """A drawing as lines of coloured pieces."""

    lines: tuple[Line, ...]
    """Each as wide as was asked for."""
    frames: tuple[Frame | None, ...]
    """Where each panel's canvas lies; None where a panel has none."""

    def text(self, *, colour: bool) -> str:
        """Return it as a terminal's text."""
        return ansi(self.lines, colour=colour)

    def with_cursor(self, x: float, *, ascii: bool) -> Drawing:
        """Return it with a vertical line through `x` on every canvas that shows it."""
        lines = list(self.lines)
        for frame in self.frames:
            column = frame.column(x) if frame is not None else None
            if frame is not None and column is not None:
                for row in range(frame.top, frame.top + frame.rows):
                    lines[row] = _crossed(lines[row], frame.left + column, "|" if ascii else "│")
        return Drawing(tuple(lines), self.frames)


def draw(
    panels: Panels, *, width: int, heights: Sequence[int], colour: bool, ascii: bool, view: View | None = None
) -> Drawing:
    """Return panels above each other; see `plots.stacked`."""
    view = view or View()
    plans = [
        _planned(lines, title, width=width, height=height, colour=colour, ascii=ascii, view=view)
        for (title, lines), height in zip(panels, heights, strict=True)
    ]
    drawn: list[Line] = []
    frames: list[Frame | None] = []
    for plan, height in zip(_aligned(plans), heights, strict=True):
        lines, frame = _drawn(plan, top=len(drawn), width=width, ascii=ascii)
        drawn += fill(lines, width, height)
        frames.append(frame)
    return Drawing(tuple(drawn), tuple(frames))


@dataclass(frozen=True, eq=False)
class _Plan:
    """A panel before it is drawn: its heading, and what its canvas needs."""

    lines: Sequence[Curve]
    pens: Sequence[Pen]
    head: Sequence[Line]
    """The heading, or the whole panel where there is nothing to draw."""
    height: int
    """Lines that the canvas has."""
    up: Axis | None = None
    """None where there is nothing to draw."""
    span: tuple[float, float] = (0.0, 0.0)
    """What the horizontal axis shows."""


def _planned(
    lines: Sequence[Curve], title: str | None, *, width: int, height: int, colour: bool, ascii: bool, view: View
) -> _Plan:
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        return _Plan(lines, (), [(("(too small to draw)", ""),)], 0)
    # Names of runs and metrics come from files.
    lines = [replace(line, label=safe_line(line.label, limit=200)) for line in lines]
    pens = pens_of(lines, letters=ascii or (not colour and len({line.run for line in lines}) > 1), colour=colour)
    shown = [_inside(line, view.window) for line in lines]
    values = _values(shown)
    positive = values[values > 0] if view.log else values
    head = heading(
        lines,
        pens,
        width=width,
        title=None if title is None else safe_line(title, limit=200),
        axis=" ".join(filter(None, ["log" if view.log else "", lines[0].axis if lines else ""])),
        notes=[f"{len(values) - len(positive)} not above 0: left out"] if len(positive) < len(values) else [],
        ascii=ascii,
        most=max(1, height - 6),
    )
    room = height - len(head)
    if not len(positive):
        why = _why(lines, shown, values)
        return _Plan(shown, pens, [*head, *[((" ", ""),)] * ((room - 1) // 2), ((why.center(width), ""),)], 0)
    x = np.concatenate([line.x for line in shown])
    span = view.window or (float(x.min()), float(x.max()))
    percent = all(is_share(line.metric) for line in lines) and bool((np.abs(values) <= 1).all())
    axis = log_axis if view.log else value_axis
    up = axis(positive, ticks=min(10, max(3, (room - 2) // 2)), percent=percent)
    return _Plan(shown, pens, head, room, up, span)


def _why(lines: Sequence[Curve], shown: Sequence[Curve], values: Floats) -> str:
    if not any(len(line.y) for line in lines):
        return "no values yet"
    if len(values):
        return "nothing above 0: a logarithmic scale cannot show it"
    return "no finite values" if any(len(line.y) for line in shown) else "no values here"


def _inside(line: Curve, window: tuple[float, float] | None) -> Curve:
    if window is None:
        return line
    x, y = cut(line.x, line.y, *window)
    raw = None if line.raw is None else cut(line.x, line.raw, *window)[1]
    best = line.best if line.best is not None and window[0] <= line.best[0] <= window[1] else None
    return replace(line, x=x, y=y, raw=raw, best=best)


def _values(lines: Sequence[Curve]) -> Floats:
    """Return every finite value that is to be drawn."""
    parts = [part for line in lines for part in (line.y, line.raw) if part is not None]
    parts += [np.array([line.best[1]]) for line in lines if line.best is not None]
    every = np.concatenate(parts) if parts else np.zeros(0)
    return np.asarray(every[np.isfinite(every)])


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


def _drawn(plan: _Plan, *, top: int, width: int, ascii: bool) -> tuple[list[Line], Frame | None]:
    if plan.up is None:
        return list(plan.head), None
    quantity = plan.lines[0].axis
    across = time_axis(*plan.span, ticks=max(2, width // 9), axis=quantity)
    body = canvas(plan.lines, plan.pens, across, plan.up, width=width, height=plan.height, ascii=ascii)
    left = 1 + max((len(label) for label in plan.up.labels), default=0)
    frame = Frame(
        top + len(plan.head), left, width - left, plan.height - 2, low=across.low, high=across.high, axis=quantity
    )
    return [*plan.head, *body], frame


def _crossed(line: Line, column: int, mark: str) -> Line:
    """Return a line with `mark` in one cell; what is drawn there stays, and is turned over."""
    pieces: list[Piece] = []
    at = 0
    for text, codes in line:
        if at <= column < at + len(text):
            before, cell, after = text[: column - at], text[column - at], text[column - at + 1 :]
            crossed = (mark, code(LOUD)) if cell == " " else (cell, f"{codes};7" if codes else "7")
            pieces += [(part, codes) for part in (before,) if part] + [crossed]
            pieces += [(part, codes) for part in (after,) if part]
        else:
            pieces.append((text, codes))
        at += len(text)
    return tuple(pieces)
