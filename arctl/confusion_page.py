"""The tables of a confusion matrix: best and worst classes, the most confused pairs, and everything of one class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arctl.rundir import run_name
from arctl.sections import Cell, Column, Row, Section

if TYPE_CHECKING:
    from arctl.matrix import Confusion

UNREAD = "(could not be read)"
"""Stands in place of a class where a sample could not be read."""


def head(matrix: Confusion) -> tuple[Cell, ...]:
    """Return one line: of which run and epoch, how many are right, how many could not be read."""
    lost = int(matrix.unreadable.sum())
    return (
        Cell(f"{run_name(matrix.run)} on {matrix.split}", "bold"),
        Cell(f" after epoch {matrix.epoch} ({matrix.chosen}): top-1 {percent(matrix.top1)} of {matrix.total} samples"),
        Cell(f", {lost} could not be read and count as wrong" if lost else "", "yellow"),
    )


def classes(matrix: Confusion, count: int, *, best: bool) -> Iterator[Section]:
    """Give `count` classes of the highest or lowest recall, with intervals; of equals the larger class first."""
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
    yield Section(title, (), columns, tuple(rows), about=tuple((k, None) for k in chosen))


def pairs(matrix: Confusion, count: int) -> Iterator[Section]:
    """Give the `count` most frequent confusions."""
    found = matrix.pairs(count)
    if not found:
        return
    columns = (
        Column("true", shrink=True),
        Column("taken for", shrink=True),
        *(Column(name, right=True) for name in ("times", "of", "share")),
    )
    names, support = matrix.classes, matrix.support
    rows = [
        (names[true], names[predicted], str(times), str(support[true]), percent(times / support[true]))
        for true, predicted, times in found
    ]
    about = tuple((true, predicted) for true, predicted, _ in found)
    yield Section("Most confused", (), columns, tuple(rows), about=about)


def one_class(matrix: Confusion, one: int, *, clips: int) -> Iterator[Section]:
    """Give what a class is taken for, what is taken for it, and which clips; `class_head` is the line above."""
    yield from _taken_for(matrix, one)
    yield from _taken_for_it(matrix, one)
    yield from _clips(matrix, one, clips)


def pair(matrix: Confusion, true: int, predicted: int, *, clips: int) -> Iterator[Section]:
    """Give the clips of a class that are taken for another (-1: that could not be read), the surest mistakes first."""
    found = matrix.samples(true=true, predicted=predicted)
    if matrix.sure is not None:
        found = found[np.argsort(-np.nan_to_num(matrix.sure[found], nan=-1.0), kind="stable")]
    names = f"{matrix.classes[true]} taken for {_name(matrix, predicted)}"
    share = percent(len(found) / matrix.support[true]) if matrix.support[true] else "-"
    columns = (Column("clip"), Column("sure", right=True))
    rows = [(matrix.ids[at], sureness(matrix, at)) for at in found[:clips].tolist()]
    cut = f", the first {clips}" if clips < len(found) else ""
    yield Section(f"{names}: {len(found)} of {matrix.support[true]} clips, {share}{cut}", (), columns, tuple(rows))


def class_head(matrix: Confusion, one: int) -> tuple[Cell, ...]:
    """Return one line: a class's rates with their intervals."""
    n = int(matrix.support[one])
    return (
        Cell(f"{one + 1} {matrix.classes[one]}", "bold"),
        Cell(f": {n} {'sample' if n == 1 else 'samples'}, recall "),
        Cell(_one(matrix.recall, matrix.recall_interval, one)),
        Cell(", precision "),
        Cell(_one(matrix.precision, matrix.precision_interval, one)),
        Cell(f", F1 {percent(matrix.f1[one])}"),
    )


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


def _taken_for(matrix: Confusion, one: int) -> Iterator[Section]:
    row = matrix.cells.where((matrix.cells.rows == one) & (matrix.cells.columns != one))
    found = list(zip(row.columns.tolist(), row.values.tolist(), strict=True))
    if matrix.unreadable[one]:
        found.append((-1, int(matrix.unreadable[one])))
    columns = (Column("taken for", shrink=True), Column("times", right=True), Column("share of it", right=True))
    found.sort(key=lambda pair: -pair[1])
    rows = [(_name(matrix, k), str(times), percent(times / matrix.support[one])) for k, times in found]
    if rows:
        about = tuple((one, k) for k, _ in found)
        yield Section(f"What {matrix.classes[one]} is taken for", (), columns, tuple(rows), about=about)


def _taken_for_it(matrix: Confusion, one: int) -> Iterator[Section]:
    column = matrix.cells.where((matrix.cells.columns == one) & (matrix.cells.rows != one))
    found = sorted(zip(column.rows.tolist(), column.values.tolist(), strict=True), key=lambda pair: -pair[1])
    columns = (Column("true", shrink=True), *(Column(name, right=True) for name in ("times", "of", "share")))
    support = matrix.support
    rows = [(matrix.classes[k], str(times), str(support[k]), percent(times / support[k])) for k, times in found]
    if rows:
        about = tuple((k, one) for k, _ in found)
        yield Section(f"What is taken for {matrix.classes[one]}", (), columns, tuple(rows), about=about)


def _clips(matrix: Confusion, one: int, count: int) -> Iterator[Section]:
    lost, won = wrong_clips(matrix, one)
    if not len(lost) and not len(won):
        yield Section("No clip of it is wrong, and none is taken for it")
    yield from _listed(
        matrix, lost, matrix.predicted, count, "taken for", f"Clips of {matrix.classes[one]} that are wrong"
    )
    yield from _listed(matrix, won, matrix.targets, count, "true", f"Clips that are taken for {matrix.classes[one]}")


def _listed(
    matrix: Confusion, samples: NDArray[np.intp], others: NDArray[np.int64], count: int, word: str, title: str
) -> Iterator[Section]:
    """Give clips with the other class that they are of, or were taken for."""
    if not count or not len(samples):
        return
    columns = (Column(word, shrink=True), Column("sure", right=True), Column("clip"))
    rows: list[Row] = [
        (_name(matrix, int(others[index])), sureness(matrix, index), matrix.ids[index])
        for index in samples[:count].tolist()
    ]
    cut = f", the first {count} of {len(samples)} (--clips)" if count < len(samples) else ""
    yield Section(title + cut, (), columns, tuple(rows))


def sureness(matrix: Confusion, index: int) -> str:
    """Return how sure a run was of its answer to a sample."""
    return "-" if matrix.sure is None else percent(float(matrix.sure[index]))


def _name(matrix: Confusion, one: int) -> str:
    return matrix.classes[one] if one >= 0 else UNREAD


def _one(values: NDArray[np.float64], ends: tuple[NDArray[np.float64], NDArray[np.float64]], at: int) -> str:
    low, high = ends
    return f"{percent(values[at])} [{100 * low[at]:.1f}, {100 * high[at]:.1f}]" if values[at] == values[at] else "-"


def _with_interval(values: NDArray[np.float64], lows: NDArray[np.float64], highs: NDArray[np.float64]) -> list[str]:
    """Return each share with its interval in whole per cent: `82.5% [68, 91]`."""
    return [
        "-" if value != value else f"{percent(value)} [{100 * low:.0f}, {100 * high:.0f}]"
        for value, low, high in zip(values.tolist(), lows.tolist(), highs.tolist(), strict=True)
    ]
