"""Intervals for a report: what each class reaches, and how far two runs are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arctl.report.drawing import INKS, SOFT, label, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKS = "osD^vPX"


@dataclass(frozen=True)
class Range:
    """A value with an interval, as shares."""

    row: str
    """What stands at the left; ranges of one row stand side by side."""
    series: str
    """What the legend calls it."""
    value: float
    """The estimate; NaN draws nothing."""
    low: float
    """Lower end, NaN without an interval."""
    high: float
    """Upper end."""


def range_plot(ranges: Sequence[Range], *, name: str, axis: str, zero: bool = False) -> str:
    """Return ranges as an `<svg>` element, one row below the other; with `zero` a line where nothing differs."""
    rows = list(dict.fromkeys(one.row for one in ranges))
    series = list(dict.fromkeys(one.series for one in ranges))
    tall = 0.13 * len(series) + 0.12

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for one in ranges:
            k = series.index(one.series)
            at = rows.index(one.row) + (k - (len(series) - 1) / 2) * 0.72 / len(series)
            ink = INKS[k % len(INKS)]
            axes.plot([100 * one.low, 100 * one.high], [at, at], color=ink, linewidth=1.6, solid_capstyle="butt")
            axes.plot([100 * one.value], [at], _MARKS[k % len(_MARKS)], color=ink, markersize=4.5)
        axes.set_yticks(range(len(rows)), [label(row, limit=40) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=True, axis="x")
        axes.set_axisbelow(True)
        axes.set_xlabel(axis)
        if zero:
            axes.axvline(0, color="#1b1f24", linewidth=1)
        if len(series) > 1:
            _legend(figure, series)

    height = max(1.1, tall * len(rows)) + 0.5 + (0.25 if len(series) > 1 else 0)
    return svg(draw, width=7.0, height=height, name=name)


def _legend(figure: Figure, series: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=INKS[k % len(INKS)], marker=_MARKS[k % len(_MARKS)], markersize=4.5, linewidth=1.6)
        for k in range(len(series))
    ]
    names = [label(one) for one in series]
    figure.legend(handles, names, loc="outside lower left", ncols=min(4, len(series)), labelcolor=SOFT)
