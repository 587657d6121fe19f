"""Intervals in closed form: one share, the difference of two paired shares, a mean of few values."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arctl.errors import UsageError
from arctl.stats.checks import as_share


@dataclass(frozen=True)
class Interval:
    """An estimate and the values that are compatible with what was seen."""

    estimate: float
    """What was measured."""
    low: float
    """Lower end; NaN where none can be said."""
    high: float
    """Upper end; NaN where none can be said."""
    se: float
    """Standard error: how far estimates of new samples would scatter; NaN where none can be said."""
    level: float = 0.95
    """How often such an interval holds the true value."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0; False where there is none."""
        return self.low > 0 or self.high < 0


def normal_quantile(level: float) -> float:
    """Return z such that a normal variable lies within z standard deviations with probability `level`."""
    return NormalDist().inv_cdf((1 + as_share("level", level)) / 2)


def t_quantile(level: float, df: float) -> float:
    """Return t such that Student's variable of `df` degrees of freedom lies within t with probability `level`."""
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + as_share("level", level)) / 2))


def wilson(k: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of Wilson's score interval (1927) for shares of `k` in `n`, of one shape; NaN where n is 0.

    Unlike the usual k/n +- 2 s it stays within 0 and 1 and holds its level when k is 0, n, or n is small.
    """
    z = normal_quantile(level)
    hits, size = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if (hits < 0).any() or (hits > size).any():
        raise UsageError("a share needs 0 <= k <= n")
    with np.errstate(divide="ignore", invalid="ignore"):
        share, wide = hits / size, z * z / size
        middle = (share + wide / 2) / (1 + wide)
        half = np.sqrt(share * (1 - share) * wide + wide * wide / 4) / (1 + wide)
    low = np.where(hits == 0, middle * 0, middle - half)
    high = np.where(hits == size, middle * 0 + 1, middle + half)
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def paired_interval(b: float, c: float, n: float, *, level: float = 0.95) -> Interval:
    """Interval of B's accuracy minus A's on `n` independent samples, `b` of which only A has right and `c` only B.

    Bonett and Price 2012: Wald's interval after half a sample is added to each of the four cells, so that it has a
    width when nothing is discordant. For samples that come in clusters take the bootstrap instead.
    """
    if min(b, c) < 0 or b + c > n or n < 1:
        raise UsageError(f"b={b:g} and c={c:g} do not fit into n={n:g} samples")
    p, q = (b + 1) / (n + 2), (c + 1) / (n + 2)
    se = float(np.sqrt((p + q - (q - p) ** 2) / (n + 2)))
    z = normal_quantile(level)
    return Interval((c - b) / n, max(-1.0, q - p - z * se), min(1.0, q - p + z * se), se, level)


def t_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Mean of a few independent values, such as one metric of several seeds, with Student's interval.

    One value has a mean and no interval (NaN). Raises UsageError for none.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or not found.size:
        raise UsageError("an interval over seeds needs the value of each seed")
    mean = float(found.mean())
    if found.size == 1:
        return Interval(mean, float("nan"), float("nan"), float("nan"), level)
    se = float(found.std(ddof=1) / np.sqrt(found.size))
    half = t_quantile(level, found.size - 1) * se
    return Interval(mean, mean - half, mean + half, se, level)
