"""The confusion matrix of one run: counts, rates and pairs, kept as its answers and the cells that hold something."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arctl.protocol import Protocol
from arctl.seriation import similar_order
from arctl.sparse import Floats, Ints, Shares, Sparse
from arctl.stats import wilson

NORMALIZE = ("true", "pred", "all", "none")
"""What a cell can be a share of: its row (true class), its column (predicted class), all samples; or a count."""

ORDERS = ("confused", "class", "recall")
"""How classes can stand: those confused side by side, as the data set lists them, the worst recall first."""


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
    protocol: Protocol | None = None
    """How the answers came about, where they are from a file."""
    sure: Floats | None = None
    """(N,) probability of the predicted class, NaN for the unreadable; None where nobody asked for it."""

    @cached_property
    def cells(self) -> Sparse:
        """Samples by true class (rows) and predicted class (columns); the unreadable are in neither."""
        read = self.predicted >= 0
        return Sparse.counted(len(self.classes), self.targets[read], self.predicted[read])

    @property
    def counts(self) -> Ints:
        """(K, K) the cells as an array, which takes 8 K squared bytes: `cells` is for many classes."""
        return self.cells.dense()

    @cached_property
    def unreadable(self) -> Ints:
        """(K,) samples of each true class that could not be read."""
        return np.bincount(self.targets[self.predicted < 0], minlength=len(self.classes)).astype(np.int64)

    @cached_property
    def support(self) -> Ints:
        """(K,) samples of each true class, the unreadable among them."""
        return np.bincount(self.targets, minlength=len(self.classes)).astype(np.int64)

    @cached_property
    def right(self) -> Ints:
        """(K,) samples of each class that were predicted right."""
        return np.asarray(self.cells.diagonal())

    @cached_property
    def taken(self) -> Ints:
        """(K,) samples that were predicted as each class, rightly or not."""
        return np.asarray(self.cells.column_sums())

    @property
    def total(self) -> int:
        """All samples, the unreadable among them."""
        return len(self.targets)

    @property
    def top1(self) -> float:
        """Share of all samples that were predicted right; NaN without samples."""
        return float(self.right.sum()) / self.total if self.total else math.nan

    @property
    def recall(self) -> Floats:
        """(K,) share of each true class that was predicted right; NaN for a class without samples."""
        return _ratio(self.right, self.support)

    @property
    def precision(self) -> Floats:
        """(K,) share of each predicted class that was right; NaN for a class that was never predicted."""
        return _ratio(self.right, self.taken)

    @property
    def f1(self) -> Floats:
        """(K,) harmonic mean of precision and recall; NaN for a class without samples that was never predicted."""
        return _ratio(2 * self.right, self.support + self.taken)

    @property
    def recall_interval(self) -> tuple[Floats, Floats]:
        """(K,) and (K,) ends of the 95 % interval of recall, by Wilson; NaN for a class without samples."""
        return wilson(self.right, self.support)

    @property
    def precision_interval(self) -> tuple[Floats, Floats]:
        """(K,) and (K,) ends of the 95 % interval of precision, by Wilson; NaN for a class never predicted."""
        return wilson(self.right, self.taken)

    @property
    def rates(self) -> Floats:
        """(K, K + 1) rows as shares of their samples, the unreadable last; NaN without samples."""
        return _ratio(np.column_stack([self.counts, self.unreadable]), self.support[:, None])

    def shares(self, normalize: str = "true") -> Shares:
        """Return the cells as shares of what `normalize` (`NORMALIZE`) says; the unreadable are part of every whole."""
        cells, unread, every = self.cells, self.unreadable, np.ones(len(self.classes), dtype=np.bool_)
        if normalize == "true":
            return Shares(normalize, cells.over(self.support), _share(unread, self.support), self.support > 0, every)
        if normalize == "pred":
            lost = _share(unread, np.full_like(unread, max(1, int(unread.sum()))))
            return Shares(normalize, cells.over(None, self.taken), lost, every, self.taken > 0)
        whole = np.full(len(self.classes), 1 if normalize == "none" else max(1, self.total))
        return Shares(normalize, cells.over(whole), _share(unread, whole), every, every)

    def order(self, kind: str) -> NDArray[np.intp]:
        """Return the classes (K,) as `kind` (`ORDERS`) says; of equal recalls the lower number first, NaN last."""
        if kind == "confused":
            return similar_order(self.shares().cells)
        if kind == "recall":
            return np.argsort(self.recall, kind="stable")
        return np.arange(len(self.classes), dtype=np.intp)

    def pairs(self, n: int) -> list[Cell]:
        """Return the `n` most frequent confusions, most frequent first."""
        wrong = self.cells.beside()
        first = np.lexsort((wrong.columns, wrong.rows, -wrong.values))[:n]
        columns = (wrong.rows[first].tolist(), wrong.columns[first].tolist(), wrong.values[first].tolist())
        return [Cell(*cell) for cell in zip(*columns, strict=True)]

    def samples(self, *, true: int | None = None, predicted: int | None = None) -> NDArray[np.intp]:
        """Return the samples (indices of `ids`) of a true class, of a predicted one (-1: unread), or of both."""
        keep = np.ones(self.total, dtype=np.bool_)
        if true is not None:
            keep &= self.targets == true
        if predicted is not None:
            keep &= self.predicted == predicted
        return np.flatnonzero(keep)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole, dtype=np.float64) + np.where(whole == 0, np.nan, 0.0)


def _share(part: Ints, whole: Ints) -> Floats:
    """Return part / whole, 0 where there is no whole: such rows are not known anyway."""
    return np.asarray(part / np.maximum(whole, 1), dtype=np.float64)
