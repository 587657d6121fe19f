"""Confused pairs that rose or fell from one run to another, each with an exact paired test.

A cell (true, predicted) of the matrix is a yes-or-no question about each sample of the true class, so McNemar's test
holds for it: only samples that one run put into the cell and the other did not tell anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arctl.stats.checks import as_classes, same_length
from arctl.stats.many import benjamini_hochberg, tarone
from arctl.stats.paired import exact_p, least_p


@dataclass(frozen=True, eq=False)
class PairShifts:
    """Every wrong cell that either run has, C of them, most significant first, then by how much it changed."""

    true: NDArray[np.int64]
    """(C,) class numbers of the truth."""
    predicted: NDArray[np.int64]
    """(C,) class numbers of the answer."""
    a: NDArray[np.int64]
    """(C,) how many samples A put there."""
    b: NDArray[np.int64]
    """(C,) how many samples B put there."""
    only_a: NDArray[np.int64]
    """(C,) samples that A put there and B did not."""
    only_b: NDArray[np.int64]
    """(C,) samples that B put there and A did not."""
    p: NDArray[np.float64]
    """(C,) two-sided exact p-values."""
    testable: NDArray[np.bool_]
    """(C,) whether the cell could have been significant at all (Tarone)."""
    q: NDArray[np.float64]
    """(C,) Benjamini-Hochberg q-values over the testable cells; NaN for the others."""


def pair_shifts(
    targets: ArrayLike, predicted_a: ArrayLike, predicted_b: ArrayLike, *, alpha: float = 0.05
) -> PairShifts:
    """Test every confused pair of two runs, from (N,) class numbers; unreadable answers (-1) belong to no cell."""
    t = as_classes("targets", targets, least=0)
    a, b = as_classes("predicted_a", predicted_a, least=-1), as_classes("predicted_b", predicted_b, least=-1)
    same_length(targets=t, predicted_a=a, predicted_b=b)
    size = int(max(t.max(), a.max(), b.max())) + 1
    wrong_a, wrong_b, differ = (a != t) & (a >= 0), (b != t) & (b >= 0), a != b
    cells = np.unique(np.concatenate([(t * size + a)[wrong_a], (t * size + b)[wrong_b]]))
    counts = [
        np.bincount(np.searchsorted(cells, (t * size + side)[chosen]), minlength=len(cells))
        for side, chosen in ((a, wrong_a), (b, wrong_b), (a, wrong_a & differ), (b, wrong_b & differ))
    ]
    p = exact_p(counts[2], counts[3])
    testable = tarone(least_p(counts[2] + counts[3]), alpha=alpha)
    q = np.full(len(cells), np.nan)
    q[testable] = benjamini_hochberg(p[testable])
    order = np.lexsort((cells, -np.abs(counts[1] - counts[0]), p))
    columns = (cells // size, cells % size, *counts)
    true, predicted, in_a, in_b, only_a, only_b = (column[order].astype(np.int64) for column in columns)
    return PairShifts(true, predicted, in_a, in_b, only_a, only_b, p[order], testable[order], q[order])
