"""Top-1, mean-class accuracy and macro F1 of several runs under many sets of weights: sparse sums over clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

METRICS = ("top1", "mean_class", "macro_f1")
"""The metrics, in the order of the rows."""


@dataclass(frozen=True, eq=False)
class Sums:
    """What each cluster adds to each class: samples, and for each run right answers and answers."""

    matrix: Any
    """Sparse, ((1 + 2 R) K, C): support, then right answers and answers of each run."""
    classes: int
    """K: classes that occur, as a target or as an answer of any run."""
    runs: int
    """R."""

    def estimates(self) -> NDArray[np.float64]:
        """Return (R, 3) metrics of the samples as they are."""
        return self.metrics(np.ones((self.matrix.shape[1], 1)))[:, :, 0]

    def metrics(self, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return (R, 3, B) metrics under (C, B) weights.

        Mean-class accuracy is the mean over classes that have samples, macro F1 over classes that have samples or
        answers.
        """
        sums = (self.matrix @ weights).reshape(1 + 2 * self.runs, self.classes, -1)
        support, there = sums[0], sums[0] > 0
        present = there.sum(axis=0)
        total = support.sum(axis=0, dtype=np.float64)
        some = np.where(there, support, 1)
        found = np.empty((self.runs, 3, sums.shape[2]))
        for run in range(self.runs):
            right, answers = sums[1 + 2 * run], sums[2 + 2 * run]
            found[run, 0] = right.sum(axis=0, dtype=np.float64) / total
            found[run, 1] = (right / some).sum(axis=0, dtype=np.float64) / present
            either = support + answers
            named = either > 0
            found[run, 2] = (2 * right / np.where(named, either, 1)).sum(axis=0, dtype=np.float64)
            found[run, 2] /= named.sum(axis=0)
        return found


def sums(targets: NDArray[np.int64], runs: Sequence[NDArray[np.int64]], cluster: NDArray[np.int64], count: int) -> Sums:
    """Sum (N,) targets and the (N,) predicted classes of each run within `count` clusters; -1 is no answer."""
    from scipy.sparse import csr_array

    occurring = np.unique(np.concatenate([targets, *runs]))
    occurring = occurring[occurring >= 0]
    classes, t = len(occurring), np.searchsorted(occurring, targets)
    rows, columns = [t], [cluster]
    for number, run in enumerate(runs):
        right, said = run == targets, run >= 0
        answer = np.searchsorted(occurring, run)
        rows += [t[right] + (1 + 2 * number) * classes, answer[said] + (2 + 2 * number) * classes]
        columns += [cluster[right], cluster[said]]
    row, column = np.concatenate(rows), np.concatenate(columns)
    shape = ((1 + 2 * len(runs)) * classes, count)
    return Sums(csr_array((np.ones(len(row), dtype=np.float32), (row, column)), shape=shape), classes, len(runs))
