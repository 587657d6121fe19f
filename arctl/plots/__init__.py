"""Learning curves as terminal text, the same for command line and dashboard.

Axes, ticks and cells are drawn here and not by plotext: at 160 by 45 cells that took four times as long as the lines
themselves, and a key may not hold up the dashboard for so long.
"""

from __future__ import annotations

from collections.abc import Sequence

from arctl.heatmap import confusion, difference
from arctl.plots.axes import figure, place_text
from arctl.plots.canvas import Frame
from arctl.plots.paint import COLOURS
from arctl.plots.panel import Drawing, Panels, View, draw
from arctl.raster import Curve
from arctl.spark import sparkline

__all__ = [
    "COLOURS",
    "Drawing",
    "Frame",
    "View",
    "beside",
    "confusion",
    "curves",
    "difference",
    "draw",
    "figure",
    "place_text",
    "sparkline",
    "stacked",
]


def curves(
    lines: Sequence[Curve],
    *,
    width: int,
    height: int,
    title: str | None = None,
    colour: bool = True,
    ascii: bool = False,
    view: View | None = None,
) -> str:
    """Return a panel of exactly `height` lines of `width` characters.

    Lines of one run share a colour; where there is one run, each metric has its own. Training metrics are
    dashed where validation is drawn too. A vertical mark shows where a restart began, a diamond the best value of a
    line that has one. Accuracies are in percent. Too small a panel says so instead.
    """
    return stacked([(title, lines)], width=width, heights=[height], colour=colour, ascii=ascii, view=view)


def stacked(
    panels: Panels,
    *,
    width: int,
    heights: Sequence[int],
    colour: bool = True,
    ascii: bool = False,
    view: View | None = None,
) -> str:
    """Return panels (title, lines) above each other, each as `curves` draws it; moments stand below each other.

    Their vertical axes stand in one column, and panels over the same quantity (epochs, say) share its limits.
    """
    return draw(panels, width=width, heights=heights, colour=colour, ascii=ascii, view=view).text(colour=colour)


def beside(left: str, right: str, *, gap: int = 2) -> str:
    """Put two panels of equal height side by side."""
    pairs = zip(left.split("\n"), right.split("\n"), strict=True)
    return "\n".join(f"{one}{' ' * gap}{other}" for one, other in pairs)
