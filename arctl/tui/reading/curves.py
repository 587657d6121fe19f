"""The Curves tab as it is read: which metrics stand on which canvas, the points in the window, and the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from arctl.tui.wants import EmptyPanel, Panel, Want

if TYPE_CHECKING:
    from arctl.curves import Curve, Points
    from arctl.plots import Drawing
    from arctl.settings import Workspace

TALL = 26
"""Lines from which there are two canvases above each other."""

_PAIRS = (("top-1", "top1"), ("loss", "loss"), ("top-5", "top5"))
_DETAIL = 2
"""Columns of which a minimum and a maximum are kept, for each cell across: what a cursor may stop at."""

_KEPT = 4
"""Curves that are kept: of a million points 4 MB each."""

_WARM = 1000
"""Steps before a window from which on a moving average is taken."""


@dataclass(frozen=True)
class CurvesWant(Want):
    """Asks for a run's curves, drawn."""

    lane: ClassVar[str] = "run"
    number: int
    """The run."""
    width: int
    """Cells across."""
    height: int
    """Cells down."""
    group: str = ""
    """Title of the group of metrics; the first where the run has no such group."""
    metrics: tuple[str, ...] = ()
    """Metrics that were chosen instead of a group; those that the run lacks are left out."""
    x: str = "epoch"
    """One of `curves.AXES`."""
    smooth: float = 0.0
    """Share of the past in the moving average."""
    window: tuple[float, float] | None = None
    """The part of the horizontal axis; None for all."""
    log: bool = False
    """Whether the vertical axes are logarithmic."""
    best: bool = True
    """Whether best values are marked."""
    ascii: bool = False
    """Whether it is drawn with ASCII only."""
    colour: bool = True
    """False where lines have to differ by more than colour."""
    written: tuple[object, ...] = ()
    """What changes when the run has written more: for as long as it is the same, points are not read again."""

    def read(self, workspace: Workspace) -> Panel:
        """Read the points that matter for this size and draw them."""
        from arctl.registry import read

        names = read.metric_names(workspace.db, [self.number])
        if not names:
            return EmptyPanel(self, "no metrics yet: curves begin with the first step that the trainer writes")
        groups = chart_groups(names)
        charts = _charts(groups, names, self)
        lines = [[_curve(workspace, self, name) for name in members] for _, members in charts]
        return _drawn(self, [title for title, _ in charts], lines, groups, names)


@dataclass(frozen=True, eq=False)
class CurvesPanel(Panel):
    """A run's curves, drawn for a size."""

    drawing: Drawing
    """The canvases above each other."""
    curves: tuple[Curve, ...]
    """Their lines, reduced to what the size can show."""
    extent: tuple[float, float]
    """Where on the axis the lines begin and end as a whole."""
    groups: tuple[str, ...]
    """Titles of the groups that the run has."""
    at: int | None
    """Which of them is drawn first; None where metrics were chosen."""
    names: tuple[str, ...]
    """Every metric of the run."""


def chart_groups(names: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Group metrics that belong on one canvas: validation with training, every other one alone."""
    known = set(names)
    groups: list[tuple[str, tuple[str, ...]]] = []
    for title, last in _PAIRS:
        members = tuple(name for name in (f"val/{last}", f"train/{last}") if name in known)
        if members:
            groups.append((title, members))
            known.difference_update(members)
    return groups + [(name, (name,)) for name in sorted(known)]


def _charts(
    groups: Sequence[tuple[str, tuple[str, ...]]], names: Sequence[str], want: CurvesWant
) -> list[tuple[str, tuple[str, ...]]]:
    """Return titles and metrics of the canvases: one, or two where the height allows it."""
    most = 2 if want.height >= TALL else 1
    chosen = tuple(name for name in want.metrics if name in names)
    if chosen:
        from arctl.plots.axes import is_share

        shares = tuple(name for name in chosen if is_share(name))
        others = tuple(name for name in chosen if not is_share(name))
        if shares and others and most == 2:
            return [("", shares), ("", others)]
        return [("", chosen)]
    first = _place(groups, want.group)
    return [groups[first], *([groups[(first + 1) % len(groups)]] if most == 2 and len(groups) > 1 else [])]


def _place(groups: Sequence[tuple[str, tuple[str, ...]]], title: str) -> int:
    return next((place for place, (name, _) in enumerate(groups) if name == title), 0)


def _curve(workspace: Workspace, want: CurvesWant, metric: str) -> tuple[Curve, tuple[float, float]]:
    """Return a curve, in detail where the window is, and where on the axis it begins and ends as a whole."""
    from dataclasses import replace

    from arctl import curves

    columns = _DETAIL * want.width
    overview = _overview if want.written else _overview.__wrapped__
    points = overview(workspace.db, want.number, metric, columns, want.written)
    whole = curves.curve_of(points, x=want.x, smooth=want.smooth, label=metric)
    extent = float(whole.x[0]), float(whole.x[-1])
    if want.window is None or points.mean is None:
        return whole, extent
    near = curves.window(whole, *want.window)
    assert near.step is not None
    span = float(near.step[0]) - (_WARM if want.smooth else 0), float(near.step[-1])
    part = curves.load_points(workspace.db, want.number, metric, columns=columns, span=span)
    # The best value is that of the whole curve: of each block the extremes are kept.
    detail = curves.curve_of(part, x=want.x, smooth=want.smooth, label=metric)
    return replace(detail, best=whole.best), extent


@lru_cache(_KEPT)
def _overview(db: Path, number: int, metric: str, columns: int, written: tuple[object, ...]) -> Points:
    """Return a curve as a whole: zooming, smoothing and other axes need the same points again and again."""
    from arctl import curves

    return curves.load_points(db, number, metric, columns=columns)


def _drawn(
    want: CurvesWant,
    titles: Sequence[str],
    charts: Sequence[Sequence[tuple[Curve, tuple[float, float]]]],
    groups: Sequence[tuple[str, tuple[str, ...]]],
    names: Sequence[str],
) -> CurvesPanel:
    from dataclasses import replace

    from arctl import curves, plots

    extents = [extent for lines in charts for _, extent in lines]
    low, high = min(first for first, _ in extents), max(last for _, last in extents)
    window = want.window or (low, high)
    shown = [
        [curves.reduce(curves.window(line, *window), columns=_DETAIL * want.width) for line, _ in lines]
        for lines in charts
    ]
    if not want.best:
        shown = [[replace(line, best=None) for line in lines] for lines in shown]
    count = len(shown)
    heights = [want.height - want.height // count * (count - 1), *[want.height // count] * (count - 1)]
    drawing = plots.draw(
        list(zip(titles, shown, strict=True)),
        width=want.width,
        heights=heights,
        colour=want.colour,
        ascii=want.ascii,
        view=plots.View(want.window, want.log),
    )
    every = tuple(line for lines in shown for line in lines)
    place = None if any(name in names for name in want.metrics) else _place(groups, want.group)
    return CurvesPanel(want, drawing, every, (low, high), tuple(title for title, _ in groups), place, tuple(names))
