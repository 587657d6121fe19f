"""Learning curves for a report: a panel for each kind of metric, a colour for each recipe, marks at restarts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from arctl.curves import Curve
from arctl.report.drawing import DASHES, INKS, SOFT, label, svg
from arctl.report.findings import Findings
from arctl.report.words import is_share, metric

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPOKEN = 12
_TRAIN = (0, (3, 2))


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a panel."""

    curve: Curve
    """Its points; of several seeds their mean."""
    recipe: int
    """Which recipe it is of, from 0: sets its colour."""
    seed: int
    """Which run of that recipe, from 0; -1 for their mean."""
    thin: bool
    """Whether it is one seed of several, beneath their mean."""
    dashed: bool
    """Whether it is of the training split while its panel shows another one too."""
    chosen: float | None
    """The epoch that the report tells of."""


def panels(findings: Findings) -> Mapping[str, tuple[Line, ...]]:
    """Return the lines by kind of metric: `loss`, `top1`, ...; the mean over the seeds of a recipe comes last."""
    found: dict[str, list[Line]] = {}
    names = list(dict.fromkeys(curve.metric for curve in findings.curves))
    for name in names:
        kind = name.rpartition("/")[2]
        dashed = name == f"train/{kind}" and any(other != name and other.endswith(f"/{kind}") for other in names)
        own = {curve.run: curve for curve in findings.curves if curve.metric == name}
        for recipe, arm in enumerate(findings.arms):
            members = [findings.runs[place].number for place in arm.members]
            chosen = {findings.runs[place].number: findings.moments[place].epoch for place in arm.members}
            drawn = [own[number] for number in members if number in own]
            several = len(drawn) > 1
            rings = [None if dashed else chosen[one.run] for one in drawn]
            lines = [Line(one, recipe, k, several, dashed, rings[k]) for k, one in enumerate(drawn)]
            found.setdefault(kind, []).extend([*lines, *_mean(drawn, recipe, dashed=dashed)])
    return {kind: tuple(lines) for kind, lines in found.items()}


def curve_plot(findings: Findings) -> str:
    """Return the panels as an `<svg>` element."""
    drawn = panels(findings)
    down, across = -(-len(drawn) // 2), min(2, len(drawn))

    def draw(figure: Figure) -> None:
        for place, (kind, lines) in enumerate(drawn.items(), start=1):
            _panel(figure.add_subplot(down, across, place), kind, lines, findings)
        handles, names = _legend(figure, [line for lines in drawn.values() for line in lines])
        figure.legend(handles, names, loc="outside lower left", ncols=max(1, min(4, 160 // max(map(len, names)))))

    rows = -(-sum(1 for _ in _named(findings)) // 3)
    return svg(draw, width=4.8 * across, height=2.9 * down + 0.22 * rows + 0.1, name="curves")


def spoken(findings: Findings) -> str:
    """Return the curves in words: where each begins and ends, and its best value."""
    told = []
    for curve in findings.curves[:_SPOKEN]:
        finite = np.flatnonzero(np.isfinite(curve.y))
        if not len(finite):
            told.append(f"{curve.label} {curve.metric}: no finite value")
            continue
        first, last = finite[0], finite[-1]
        name = curve.metric
        told.append(
            f"{curve.label} {name}: from {metric(name, curve.y[first])} at epoch {curve.x[first]:g} to "
            f"{metric(name, curve.y[last])} at epoch {curve.x[last]:g}"
        )
    more = len(findings.curves) - _SPOKEN
    return "; ".join(told) + (f"; and {more} curves more" if more > 0 else "") + "."


def _mean(curves: Sequence[Curve], recipe: int, *, dashed: bool) -> Iterator[Line]:
    """Give the mean over seeds where at least two have points at the same epochs."""
    if len(curves) < 2:
        return
    common = curves[0].x
    for one in curves[1:]:
        common = np.intersect1d(common, one.x)
    if len(common) < 2:
        return
    values = np.stack([one.y[np.searchsorted(one.x, common, side="right") - 1] for one in curves])
    mean = replace(curves[0], x=common, y=values.mean(axis=0), restarts=())
    yield Line(mean, recipe, -1, False, dashed, None)


def _panel(axes: Axes, kind: str, lines: Sequence[Line], findings: Findings) -> None:
    scale = 100.0 if is_share(kind) else 1.0
    names = dict(_named(findings))
    for line in lines:
        curve = line.curve
        style = _TRAIN if line.dashed else DASHES[line.recipe // len(INKS) % len(DASHES)]
        ink = INKS[line.recipe % len(INKS)]
        title = names.get((line.recipe, line.seed)) if not line.dashed else None
        alone = len(curve.x) == 1
        axes.plot(
            curve.x,
            curve.y * scale,
            color=ink,
            linestyle=style,
            linewidth=0.9 if line.thin or line.dashed else 1.9,
            alpha=0.55 if line.thin else 1.0,
            marker="o" if alone else "",
            label=title if title and not line.thin else "_",
        )
        _marks(axes, line, ink, scale)
    axes.set_title(label(f"{kind}, %" if scale > 1 else kind))
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    axes.grid(visible=True, axis="y")


def _marks(axes: Axes, line: Line, ink: str, scale: float) -> None:
    """Mark the epoch that is told of by a ring, and each restart by a tick at the foot."""
    curve = line.curve
    if line.chosen is not None:
        at = np.flatnonzero(np.isclose(curve.x, line.chosen) & np.isfinite(curve.y))
        axes.plot(curve.x[at], curve.y[at] * scale, "o", color=ink, markersize=6, markerfacecolor="white")
    for restart in curve.restarts:
        axes.axvline(restart, ymax=0.06, color=ink, linewidth=2)


def _named(findings: Findings) -> Iterator[tuple[tuple[int, int], str]]:
    """Give (recipe, seed) and what the legend calls each line that it names."""
    for recipe, arm in enumerate(findings.arms):
        row = findings.runs[arm.members[0]]
        if arm.size > 1:
            yield (recipe, -1), label(f"{arm.label} {row.name}, mean of {arm.size} seeds")
        else:
            yield (recipe, 0), label(f"{arm.label} {row.name}")


def _legend(figure: Figure, lines: Sequence[Line]) -> tuple[list[Artist], list[str]]:
    """Return one handle for each name, and what dashes and rings mean where there are any."""
    from matplotlib.lines import Line2D

    found: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    if any(line.dashed for line in lines):
        found["dashed: on the training split"] = Line2D([], [], color=SOFT, linestyle=_TRAIN, linewidth=0.9)
    if any(line.chosen is not None for line in lines):
        ring = Line2D([], [], color=SOFT, linestyle="", marker="o", markersize=6, markerfacecolor="white")
        found["ring: the epoch told of"] = ring
    return list(found.values()), list(found)
