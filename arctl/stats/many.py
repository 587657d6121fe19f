"""More than one test at once: several runs on the same samples, and p-values corrected for how many there are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arctl.errors import UsageError
from arctl.stats.checks import as_share


class CochranQ(NamedTuple):
    """The outcome of a test that several runs are right equally often."""

    q: float
    """The statistic."""
    df: int
    """Degrees of freedom: runs less one."""
    p: float
    """P-value by the chi-squared distribution."""


def cochran_q(correct: ArrayLike) -> CochranQ:
    """Test that R runs are right equally often on N samples, from (N, R) booleans. Source: Cochran 1950.

    Samples that all runs have right, or all wrong, tell nothing; where there are no others Q is 0 and p is 1.
    """
    right = as_table(correct)
    runs = right.shape[1]
    per_run, per_sample = right.sum(axis=0).astype(np.float64), right.sum(axis=1).astype(np.float64)
    spread = runs * per_sample.sum() - (per_sample**2).sum()
    q = 0.0 if spread == 0 else (runs - 1) * (runs * (per_run**2).sum() - per_run.sum() ** 2) / spread
    return CochranQ(float(q), runs - 1, chi_squared_tail(float(q), runs - 1))


def as_table(correct: ArrayLike) -> NDArray[np.bool_]:
    """Return (N, R) booleans of at least two runs and one sample; raises UsageError for anything else."""
    right = np.asarray(correct)
    if right.ndim != 2 or right.shape[1] < 2 or right.shape[0] < 1:
        raise UsageError(
            f"Cochran's Q needs one row a sample and a column for each of two runs or more, not {right.shape}"
        )
    if right.dtype != np.bool_ and not np.isin(right, (0, 1)).all():
        raise UsageError("Cochran's Q needs true or false for each sample and run")
    return right.astype(np.bool_)


def chi_squared_tail(value: float, df: int) -> float:
    """Return the probability that a chi-squared variable of `df` degrees of freedom exceeds `value`."""
    from scipy.special import gammaincc

    return float(gammaincc(df / 2, value / 2))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted so that the chance of any false discovery stays below the level (Holm 1979)."""
    values, order, count = _sorted(p)
    return _back(np.maximum.accumulate(values * np.arange(count, 0, -1)), order)


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Return q-values: the expected share of false discoveries where all with as small a q are believed.

    Source: Benjamini and Hochberg 1995, in the order given.
    """
    values, order, count = _sorted(p)
    steps = values * count / np.arange(1, count + 1)
    return _back(np.minimum.accumulate(steps[::-1])[::-1], order)


def tarone(least: ArrayLike, *, alpha: float = 0.05) -> NDArray[np.bool_]:
    """Return which tests can be significant at all when corrected for how many can, from their least possible p-values.

    Source: Tarone 1990. The others may be left out of a correction, because no outcome of theirs could be a discovery.
    """
    as_share("alpha", alpha)
    values = np.asarray(least, dtype=np.float64)
    ordered = np.sort(values)
    for factor in range(1, len(values) + 1):
        if np.searchsorted(ordered, alpha / factor, side="right") <= factor:
            return values <= alpha / factor
    return np.zeros(values.shape, dtype=np.bool_)


def _sorted(p: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise UsageError("p-values must be a list of numbers from 0 to 1")
    order = np.argsort(values, kind="stable")
    return values[order], order, len(values)


def _back(adjusted: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.float64]:
    result = np.empty_like(adjusted)
    result[order] = np.minimum(adjusted, 1.0)
    return result
