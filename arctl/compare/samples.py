"""Samples of two runs, one by one: which only one of them has right, or takes for a certain class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arctl.compare.compared import Comparison
from arctl.errors import UsageError
from arctl.scores.answers import Answers

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The answers of two runs to the same samples, and those that are picked of them."""

    a: Answers
    """Of the first run."""
    b: Answers
    """Of the second, row by row on the same samples."""
    only_a: Rows
    """Samples that only the first has right, those first of whose wrong answer the second was most sure."""
    only_b: Rows
    """Samples that only the second has right, likewise."""
    others: Rows
    """Samples that both have wrong, but not alike, or that were picked by what they were taken for."""


def pairs(comparison: Comparison, *, true: int | None = None, predicted: int | None = None) -> Pairs:
    """Return the samples of two runs whose answers differ: all, of a true class, or that either takes for `predicted`.

    Raises UsageError where the comparison is not of two runs with answers to the same samples.
    """
    if comparison.where is None:
        why = comparison.why_no_confusion or "there are no predictions"
        raise UsageError(f"no samples to compare: {why}", cure="compare two runs that were evaluated alike")
    a, b = (moment.answers for moment in comparison.moments)
    assert a is not None and b is not None
    keep = a.predicted != b.predicted
    if true is not None:
        keep &= a.targets == true
    if predicted is not None:
        keep &= (a.predicted == predicted) | (b.predicted == predicted)
    right_a, right_b = a.correct(), b.correct()
    return Pairs(
        a,
        b,
        _surest(keep & right_a & ~right_b, b),
        _surest(keep & right_b & ~right_a, a),
        _surest(keep & ~right_a & ~right_b, b),
    )


def _surest(keep: NDArray[np.bool_], wrong: Answers) -> Rows:
    """Return rows by how sure the wrong answer was, unreadable ones last, of equals the first id first."""
    rows = np.flatnonzero(keep)
    return rows[np.argsort(-np.nan_to_num(wrong.confidence[rows], nan=-1.0), kind="stable")]
