"""Confusion matrices for a report: what is right in blue, what is wrong in orange; and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arctl.confusion import Confusion, Difference
from arctl.report.drawing import SOFT, label, svg
from arctl.sparse import Floats, Shares, block_flags, folded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CELLS = 200
"""Cells of a side that are drawn; of more classes several share a cell."""

_NAMED, _WRITTEN = 60, 14
_STRETCH = 0.6
_RIGHT, _WRONG = "Blues", "Oranges"


def matrix_plot(one: Confusion, order: NDArray[np.intp], *, name: str) -> str:
    """Return a confusion matrix as an `<svg>` element, rows as shares of their true class."""
    return _plot(one.shares(), order, one.classes, name=name, signed=False)


def difference_plot(both: Difference, order: NDArray[np.intp], *, name: str) -> str:
    """Return the second minus the first: blue where the second is better, orange where it is worse."""
    shares = both.b.shares().minus(both.a.shares())
    return _plot(shares, order, both.a.classes, name=name, signed=True)


def block_size(classes: int) -> int:
    """Return how many classes share a cell."""
    return -(-classes // MOST_CELLS)


def _plot(shares: Shares, order: NDArray[np.intp], classes: Sequence[str], *, name: str, signed: bool) -> str:
    size = block_size(len(order))
    known = shares.rows_known[order]
    values = folded(shares.cells.taken(order), size, known=known)
    values[block_flags(~known, size)] = np.nan
    named = len(order) <= _NAMED
    names = [label(classes[k], limit=24) for k in order] if named else []
    side = 0.3 * len(order) if len(order) <= _WRITTEN else min(7.2, 0.18 * len(order) if named else 7.2)
    room = 0.075 * max(map(len, names)) if names else 0.4

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.imshow(_painted(values, signed=signed), interpolation="none", aspect="equal")
        _axes(axes, names, len(order))
        if len(order) <= _WRITTEN:
            _written(axes, values, signed=signed)
        _legend(figure, axes, signed=signed)

    return svg(draw, width=max(side + room, 3.0) + 0.9, height=max(side + room, 2.4) + 0.6, name=name)


def _painted(values: Floats, *, signed: bool) -> NDArray[np.float64]:
    """Return (R, R, 4) colours of cells; grey where a class has no samples. What matters is small: it is stretched."""
    from matplotlib import colormaps

    diagonal = np.eye(len(values), dtype=np.bool_)
    amount = np.abs(np.nan_to_num(values))
    good = (np.nan_to_num(values) > 0) == diagonal if signed else diagonal
    level = np.where(diagonal & (not signed), amount, np.minimum(amount, 1) ** _STRETCH)
    level = np.where(amount > 0, 0.08 + 0.85 * level, 0)
    colours = np.where(good[..., None], colormaps[_RIGHT](level), colormaps[_WRONG](level))
    colours[amount == 0] = (1, 1, 1, 1)
    colours[np.isnan(values)] = (0.85, 0.85, 0.85, 1)
    return np.asarray(colours, dtype=np.float64)


def _axes(axes: Axes, names: Sequence[str], classes: int) -> None:
    axes.set_xlabel("taken for")
    axes.set_ylabel("true class")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#c5ccd3")
    if not names:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_ylabel(f"true class, {classes} in all")
        return
    small = 8 if classes <= 30 else 6.5 if classes <= 40 else 5.5
    places = np.arange(len(names))
    axes.set_xticks(places, names, rotation=90, fontsize=small)
    axes.set_yticks(places, names, fontsize=small)
    axes.tick_params(length=0)


def _written(axes: Axes, values: Floats, *, signed: bool) -> None:
    """Write the percent into each cell that has any."""
    for (row, column), value in np.ndenumerate(values):
        if not np.isfinite(value) or abs(value) < 0.005:
            continue
        strong = abs(value) > (0.55 if row == column or signed else 0.4)
        text = f"{100 * value:+.0f}" if signed else f"{100 * value:.0f}"
        ink = "white" if strong else "#1b1f24"
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=ink)


def _legend(figure: Figure, axes: Axes, *, signed: bool) -> None:
    from matplotlib.patches import Patch

    words = ("second is better", "second is worse") if signed else ("right", "taken for another class")
    handles = [Patch(color=ink, label=word) for ink, word in zip(("#2171b5", "#d94801"), words, strict=True)]
    handles.append(Patch(color="#d9d9d9", label="no samples"))
    figure.legend(
        handles=handles, loc="outside lower left", ncols=3, labelcolor=SOFT, handlelength=1, columnspacing=1.2
    )
