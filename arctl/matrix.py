"""The confusion matrix of one run: counts, rates and pairs, from per-sample scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CHUNK = 1024


class Cell(NamedTuple):
    """One confusion: samples of one class that were taken for another."""

    true: int
    predicted: int
    times: int


@dataclass(frozen=True, eq=False)
class Confusion:
    """The confusion matrix of one run on one split after one epoch, with the answers it was made from."""

    run: int
    split: str
    epoch: int
    classes: tuple[str, ...]
    """(K,) names, safe to show."""
    ids: tuple[str, ...]
    """(N,) samples, sorted."""
    targets: Ints
    """(N,) true classes."""
    predicted: Ints
    """(N,) predicted classes, -1 for a sample that could not be read."""
    chosen: str = "asked for"
    """Why this epoch: `asked for`, `best` or `newest`."""

    @cached_property
    def counts(self) -> Ints:
        """(K, K) samples by true class (rows) and predicted class (columns); the unreadable are in neither."""
        size = len(self.classes)
        read = self.predicted >= 0
        flat = self.targets[read] * size + self.predicted[read]
        return np.bincount(flat, minlength=size * size).reshape(size, size).astype(np.int64)

    @cached_property
    def unreadable(self) -> Ints:
        """(K,) samples of each true class that could not be read."""
        return np.bincount(self.targets[self.predicted < 0], minlength=len(self.classes)).astype(np.int64)

    @property
    def support(self) -> Ints:
        """(K,) samples of each true class, the unreadable among them."""
        return np.asarray(self.counts.sum(axis=1) + self.unreadable)

    @property
    def total(self) -> int:
        """All samples, the unreadable among them."""
        return len(self.targets)

    @property
    def top1(self) -> float:
        """Share of all samples that were predicted right; NaN without samples."""
        return float(np.trace(self.counts)) / self.total if self.total else math.nan

    @property
    def recall(self) -> Floats:
        """(K,) share of each true class that was predicted right; NaN for a class without samples."""
        return _ratio(np.diagonal(self.counts), self.support)

    @property
    def precision(self) -> Floats:
        """(K,) share of each predicted class that was right; NaN for a class that was never predicted."""
        return _ratio(np.diagonal(self.counts), self.counts.sum(axis=0))

    @property
    def rates(self) -> Floats:
        """(K, K + 1) rows of the matrix as shares of their samples, the unreadable last; NaN without samples."""
        return _ratio(np.column_stack([self.counts, self.unreadable]), self.support[:, None])

    def pairs(self, n: int) -> list[Cell]:
        """Return the `n` most frequent confusions, most frequent first."""
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        true, predicted = np.nonzero(wrong)
        cells = [Cell(int(t), int(p), int(wrong[t, p])) for t, p in zip(true, predicted, strict=True)]
        return sorted(cells, key=lambda cell: (-cell.times, cell.true, cell.predicted))[:n]


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
    predicted = _answers(scores)
    names = ids if ids is not None else tuple(str(index) for index in range(len(targets)))
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)
    return Confusion(
        run, split, epoch, classes, tuple(names[i] for i in order), targets[order], predicted[order], chosen
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole, dtype=np.float64) + np.where(whole == 0, np.nan, 0.0)


def _answers(scores: NDArray[np.floating]) -> Ints:
    """(N,) class with the largest mean softmax over the readable views, -1 where there is none."""
    predicted = np.full(len(scores), -1, dtype=np.int64)
    for start in range(0, len(scores), _CHUNK):
        logits = np.clip(scores[start : start + _CHUNK].astype(np.float32), -65504, 65504)
        read: NDArray[np.bool_] = ~np.asarray(np.isnan(logits).any(axis=2))
        logits = np.where(read[:, :, None], logits, 0)
        share = np.exp(logits - logits.max(axis=2, keepdims=True))
        share /= share.sum(axis=2, keepdims=True)
        mean = (share * read[:, :, None]).sum(axis=1)
        predicted[start : start + _CHUNK] = np.where(read.any(axis=1), mean.argmax(axis=1), -1)
    return predicted
