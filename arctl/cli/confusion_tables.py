"""The tables of `arctl confusion`: the best and worst classes, the most confused pairs, and everything of one class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import numpy as np
from numpy.typing import NDArray

from arctl.cli.tables import Cell, Column, heading, say, show_table

if TYPE_CHECKING:
    from arctl.confusion import Confusion

UNREAD = "(could not be read)"
"""Stands in place of a class where a sample could not be read."""


def show_classes(matrix: Confusion, count: int, *, best: bool) -> None:
    """List `count` classes of the highest or lowest recall, with intervals; of equals the larger class first."""
    recall, support = matrix.recall, matrix.support
    known = np.flatnonzero(support)
    chosen = known[np.lexsort((known, -support[known], recall[known] * (-1 if best else 1)))][:count].tolist()
    if not chosen:
        return
    word = "best" if best else "worst"
    every = "by class, the best first" if best else "by class, the worst first"
    title = (
        f"Recall {every}" if len(chosen) == len(known) else f"Recall, the {word} {len(chosen)} of {len(known)} classes"
    )
    columns = (
        Column("class", shrink=True),
        *(Column(name, right=True) for name in ("recall [95%]", "precision [95%]", "F1", "n")),
    )
    recalls = _with_interval(recall, *matrix.recall_interval)
    precisions = _with_interval(matrix.precision, *matrix.precision_interval)
    rows = [(matrix.classes[k], recalls[k], precisions[k], percent(matrix.f1[k]), str(support[k])) for k in chosen]
    show_table(columns, rows, title=title)


def show_pairs(matrix: Confusion, count: int) -> None:
    """List the `count` most frequent confusions."""
    pairs = matrix.pairs(count)
    if not pairs:
        return
    columns = (
        Column("true", shrink=True),
        Column("taken for", shrink=True),
        *(Column(name, right=True) for name in ("times", "of", "share")),
    )
    names, support = matrix.classes, matrix.support
    rows = [
        (names[true], names[predicted], str(times), str(support[true]), percent(times / support[true]))
        for true, predicted, times in pairs
    ]
    show_table(columns, rows, title="Most confused")


def show_class(matrix: Confusion, one: int, *, clips: int) -> None:
    """Tell of one class: its rates, what it is taken for, what is taken for it, and which clips."""
    click.echo()
    n = int(matrix.support[one])
    say(
        Cell(f"{one + 1} {matrix.classes[one]}", "bold"),
        f": {n} {'sample' if n == 1 else 'samples'}, recall ",
        _one(matrix.recall, matrix.recall_interval, one),
        ", precision ",
        _one(matrix.precision, matrix.precision_interval, one),
        f", F1 {percent(matrix.f1[one])}",
    )
    _taken_for(matrix, one)
    _taken_for_it(matrix, one)
    _clips(matrix, one, clips)


def percent(value: float) -> str:
    """Return a share in per cent with one digit, `-` where there is none."""
    return "-" if value != value else f"{100 * value:.1f}%"


def wrong_clips(matrix: Confusion, one: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the samples (indices) of a class that were taken for others, and those of others that were taken for it.

    Each by the other class, the most frequent first, then by name.
    """
    lost = matrix.samples(true=one)
    won = matrix.samples(predicted=one)
    lost, won = lost[matrix.predicted[lost] != one], won[matrix.targets[won] != one]
    return _by_frequency(lost, matrix.predicted), _by_frequency(won, matrix.targets)


def _by_frequency(samples: NDArray[np.intp], classes: NDArray[np.int64]) -> NDArray[np.intp]:
    others, place, times = np.unique(classes[samples], return_inverse=True, return_counts=True)
    return samples[np.lexsort((samples, others[place], -times[place]))]


def _taken_for(matrix: Confusion, one: int) -> None:
    row = matrix.cells.where((matrix.cells.rows == one) & (matrix.cells.columns != one))
    found = [(matrix.classes[k], times) for k, times in zip(row.columns.tolist(), row.values.tolist(), strict=True)]
    if matrix.unreadable[one]:
        found.append((UNREAD, int(matrix.unreadable[one])))
    columns = (Column("taken for", shrink=True), Column("times", right=True), Column("share of it", right=True))
    found.sort(key=lambda pair: -pair[1])
    rows = [(name, str(times), percent(times / matrix.support[one])) for name, times in found]
    if rows:
        show_table(columns, rows, title=f"What {matrix.classes[one]} is taken for")


def _taken_for_it(matrix: Confusion, one: int) -> None:
    column = matrix.cells.where((matrix.cells.columns == one) & (matrix.cells.rows != one))
    found = sorted(zip(column.rows.tolist(), column.values.tolist(), strict=True), key=lambda pair: -pair[1])
    columns = (Column("true", shrink=True), *(Column(name, right=True) for name in ("times", "of", "share")))
    support = matrix.support
    rows = [(matrix.classes[k], str(times), str(support[k]), percent(times / support[k])) for k, times in found]
    if rows:
        show_table(columns, rows, title=f"What is taken for {matrix.classes[one]}")


def _clips(matrix: Confusion, one: int, count: int) -> None:
    lost, won = wrong_clips(matrix, one)
    if not len(lost) and not len(won):
        heading("No clip of it is wrong, and none is taken for it")
    _listed(matrix, lost, matrix.predicted, count, "taken for", f"Clips of {matrix.classes[one]} that are wrong")
    _listed(matrix, won, matrix.targets, count, "true", f"Clips that are taken for {matrix.classes[one]}")


def _listed(
    matrix: Confusion, samples: NDArray[np.intp], others: NDArray[np.int64], count: int, head: str, title: str
) -> None:
    """List clips with the other class that they are of, or were taken for."""
    if not count or not len(samples):
        return
    columns = (Column(head, shrink=True), Column("sure", right=True), Column("clip"))
    rows = [
        (
            matrix.classes[others[index]] if others[index] >= 0 else UNREAD,
            "-" if matrix.sure is None else percent(matrix.sure[index]),
            matrix.ids[index],
        )
        for index in samples[:count].tolist()
    ]
    cut = f", the first {count} of {len(samples)} (--clips)" if count < len(samples) else ""
    show_table(columns, rows, title=title + cut)


def _one(values: NDArray[np.float64], ends: tuple[NDArray[np.float64], NDArray[np.float64]], at: int) -> str:
    low, high = ends
    return f"{percent(values[at])} [{100 * low[at]:.1f}, {100 * high[at]:.1f}]" if values[at] == values[at] else "-"


def _with_interval(values: NDArray[np.float64], lows: NDArray[np.float64], highs: NDArray[np.float64]) -> list[str]:
    """Return each share with its interval in whole per cent: `82.5% [68, 91]`."""
    return [
        "-" if value != value else f"{percent(value)} [{100 * low:.0f}, {100 * high:.0f}]"
        for value, low, high in zip(values.tolist(), lows.tolist(), highs.tolist(), strict=True)
    ]
