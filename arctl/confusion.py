"""Which classes a run takes for which, and what changed from one run to another.

A sample that could not be read counts as wrong: it stays in its class's row and in every denominator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arctl.errors import DataError
from arctl.matrix import Cell, Confusion
from arctl.rundir import run_name
from arctl.scores.picking import pick
from arctl.scores.predictions import Head, Predictions, read_predictions
from arctl.scores.reducing import reduce_head
from arctl.seriation import similar_order
from arctl.sparse import Floats, Ints, Sparse
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.scores.answers import Answers

__all__ = [
    "Cell",
    "Change",
    "Confusion",
    "Difference",
    "Mixed",
    "difference",
    "from_scores",
    "load",
    "of_answers",
    "of_predictions",
]

SOLVED_FROM, SOLVED_TO = 0.10, 0.25
"""Two classes count as solved when they were taken for one another in at least this share of their samples, and
what is left of that is at most this share."""

_CHUNK = 1 << 19


def load(
    run_dir: Path,
    number: int,
    *,
    split: str = "val",
    epoch: int | None = None,
    best: int | None = None,
    newest: bool = False,
    views: str | None = None,
    probe: str | None = None,
    head: str = "",
    sure: bool = False,
) -> Confusion:
    """Return the confusion of a run after `epoch`, or after the newest that there are predictions of.

    With neither: after `best`, or the epoch of the best checkpoint, where its predictions exist, else the newest.
    `views` and `probe` choose among the files as `picking.pick` does, `head` is `verb`, `noun` or `action` of a model
    with two heads, `sure` asks for the probabilities as well. Raises NotFoundError where there are no such
    predictions, DataError where the file is damaged or the head is not there.
    """
    picked = pick(run_dir, number, split=split, epoch=epoch, best=best, newest=newest, views=views, probe=probe)
    stored = read_predictions(picked.path)
    return of_predictions(stored, number=number, epoch=picked.epoch, chosen=picked.chosen, head=head, sure=sure)


def of_predictions(
    stored: Predictions,
    *,
    number: int = 0,
    epoch: int = 0,
    chosen: str = "asked for",
    head: str = "",
    sure: bool = False,
) -> Confusion:
    """Return the confusion matrix of stored predictions: the mean of the views' softmax decides."""
    split = stored.protocol.split
    if sure or head == "action" or stored.protocol.view_count > 1:
        from arctl.scores.answers import answers

        told = answers(stored, head=head)
        names, ids, targets, predicted, protocol = told.classes, told.ids, told.targets, told.predicted, told.protocol
        chances = told.confidence if sure else None
    else:
        one = stored.head(head)
        ids, order = _sorted(stored.ids)
        names, targets, predicted, chances = one.classes, one.targets[order], _predicted(one)[order], None
        protocol = stored.protocol.at(level="video", aggregation="softmax-mean", head=head)
    return Confusion(number, split, epoch, names, ids, targets, predicted, chosen, protocol, chances)


def of_answers(told: Answers) -> Confusion:
    """Return the confusion matrix of a run's answers."""
    return Confusion(
        told.number,
        told.protocol.split,
        told.epoch,
        told.classes,
        told.ids,
        told.targets,
        told.predicted,
        told.chosen,
        told.protocol,
    )


def from_scores(
    scores: NDArray[np.floating],
    targets: Ints,
    classes: tuple[str, ...],
    *,
    ids: tuple[str, ...] | None = None,
    run: int = 0,
    split: str = "val",
    epoch: int = 0,
    chosen: str = "asked for",
) -> Confusion:
    """Return the matrix of `scores` (N, V, K) logits: the mean of the views' softmax decides.

    A view with a NaN is left out; a sample without any view left is unreadable.
    """
    names, order = _sorted(ids if ids is not None else tuple(str(index) for index in range(len(targets))))
    predicted = _predicted(Head("", targets, classes, scores))
    return Confusion(run, split, epoch, classes, names, targets[order], predicted[order], chosen)


def _sorted(ids: tuple[str, ...]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return tuple(ids[index] for index in order), np.array(order, dtype=np.intp)


def _predicted(head: Head) -> Ints:
    """(N,) likeliest class, of equals the lowest number; -1 for the unreadable.

    Of one view the highest logit has the highest softmax, so no exponential is needed.
    """
    count, views, width = head.scores.shape
    if views > 1:
        return reduce_head(head, aggregation="softmax-mean", by_clip=False).predicted
    found = np.empty(count, dtype=np.int64)
    step = max(1, _CHUNK // width)
    for start in range(0, count, step):
        rows = slice(start, start + step)
        logits = head.scores[rows, 0].astype(np.float32)
        best = logits.argmax(axis=1)
        if head.top is not None:
            equal = logits == logits[:, :1]
            best = np.where(equal, head.top[rows, 0], len(head.classes)).min(axis=1)
        found[rows] = np.where(np.isnan(logits[:, 0]), -1, best)
    return found


class Change(NamedTuple):
    """How often one class was taken for another, before and after."""

    true: int
    predicted: int
    a: int
    b: int


class Mixed(NamedTuple):
    """Two classes taken for one another, both ways together."""

    first: int
    second: int
    a: int
    b: int
    samples: int
    """Samples of both classes."""


@dataclass(frozen=True, eq=False)
class Difference:
    """What changed between two confusion matrices over the same samples."""

    a: Confusion
    b: Confusion

    @property
    def recall_change(self) -> Floats:
        """(K,) recall of b minus recall of a; NaN for a class without samples."""
        return self.b.recall - self.a.recall

    @property
    def risen(self) -> list[int]:
        """Classes whose recall rose, the most risen first."""
        change = self.recall_change
        return sorted((int(k) for k in np.flatnonzero(change > 0)), key=lambda k: (-change[k], k))

    @property
    def fallen(self) -> list[int]:
        """Classes whose recall fell, the most fallen first."""
        change = self.recall_change
        return sorted((int(k) for k in np.flatnonzero(change < 0)), key=lambda k: (change[k], k))

    @cached_property
    def pairs(self) -> list[Change]:
        """Confusions that became more or fewer, the largest change first."""
        changes = [
            Change(true, predicted, before, after)
            for true, predicted, before, after in _both(self.a.cells.beside(), self.b.cells.beside())
            if before != after
        ]
        return sorted(changes, key=lambda c: (-abs(c.b - c.a), c.true, c.predicted))

    def order(self, kind: str) -> NDArray[np.intp]:
        """Return the classes (K,): `confused` by both runs, `recall` by how it changed, or `class`."""
        if kind == "confused":
            return similar_order(self.a.shares().cells.plus(self.b.shares().cells))
        if kind == "recall":
            return np.argsort(self.recall_change, kind="stable")
        return self.a.order("class")

    @property
    def solved(self) -> list[Mixed]:
        """Pairs of classes that a mixes up and b does not (`SOLVED_FROM`, `SOLVED_TO`), the worst first."""
        return sorted(
            (mix for mix in self._mixed() if _solved(mix.a, mix.b, mix.samples)), key=lambda m: (m.b - m.a, m.first)
        )

    @property
    def arisen(self) -> list[Mixed]:
        """Pairs of classes that b mixes up and a does not: `solved` the other way round."""
        return sorted(
            (mix for mix in self._mixed() if _solved(mix.b, mix.a, mix.samples)), key=lambda m: (m.a - m.b, m.first)
        )

    def _mixed(self) -> Iterator[Mixed]:
        support = self.a.support
        before, after = self.a.cells.beside().both_ways(), self.b.cells.beside().both_ways()
        for i, j, a, b in _both(before.where(before.rows < before.columns), after.where(after.rows < after.columns)):
            yield Mixed(i, j, a, b, int(support[i] + support[j]))


def difference(a: Confusion, b: Confusion) -> Difference:
    """Return what changed from `a` to `b`.

    Raises DataError, naming the first difference, for unlike classes or samples.
    """
    names = f"{run_name(a.run)} and {run_name(b.run)}"
    unlike = _unlike_classes(a, b) or _unlike_samples(a, b)
    if unlike:
        raise DataError(
            f"their confusions cannot be compared: {unlike}", where=names, cure="compare runs on the same data"
        )
    return Difference(a, b)


def _unlike_classes(a: Confusion, b: Confusion) -> str | None:
    if a.classes == b.classes:
        return None
    if len(a.classes) != len(b.classes):
        return f"{len(a.classes)} classes and {len(b.classes)}"
    at = next(i for i, (one, other) in enumerate(zip(a.classes, b.classes, strict=True)) if one != other)
    return f"class {at + 1} is {a.classes[at]!r} and {b.classes[at]!r}"


def _unlike_samples(a: Confusion, b: Confusion) -> str | None:
    if a.ids == b.ids:
        differ = np.flatnonzero(a.targets != b.targets)
        if not len(differ):
            return None
        at = int(differ[0])
        return f"{len(differ)} samples have another true class, such as {safe_line(a.ids[at])!r}"
    only_a, only_b = sorted(set(a.ids) - set(b.ids)), sorted(set(b.ids) - set(a.ids))
    example = f", such as {safe_line((only_a or only_b)[0])!r}"
    return (
        f"{a.total} samples and {b.total}; {len(only_a)} are only in {run_name(a.run)}, "
        f"{len(only_b)} only in {run_name(b.run)}{example}"
    )


def _solved(before: int, after: int, samples: int) -> bool:
    return before >= SOLVED_FROM * samples and after <= SOLVED_TO * before


def _both(a: Sparse, b: Sparse) -> Iterator[tuple[int, int, int, int]]:
    """Yield (row, column, value of a, value of b) of every cell that either has."""
    union = a.plus(b)
    keys = union.rows * union.size + union.columns
    columns = [np.zeros(len(keys), dtype=np.int64) for _ in range(2)]
    for column, one in zip(columns, (a, b), strict=True):
        column[np.searchsorted(keys, one.rows * union.size + one.columns)] = one.values
    yield from zip(union.rows.tolist(), union.columns.tolist(), *(column.tolist() for column in columns), strict=True)
