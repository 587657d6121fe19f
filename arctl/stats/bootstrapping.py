"""How far the accuracies and macro F1 of two runs, and their differences, would move on another test set.

The paired bootstrap draws the sources of the samples anew, the same for both runs, and scores both: what is common to
both cancels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arctl.errors import UsageError
from arctl.stats.checks import as_classes, as_share, same_length
from arctl.stats.clustering import Clusters
from arctl.stats.intervals import Interval, paired_interval, t_quantile, wilson
from arctl.stats.resampling import Design, design
from arctl.stats.sums import METRICS, Sums, sums

_NOTHING = 1e-6
"""A standard error below this is rounding: no resample differs from the next."""

__all__ = ["METRICS", "Bootstrap", "Compared", "bootstrap"]


@dataclass(frozen=True)
class Compared:
    """One metric of two runs."""

    a: Interval
    """Of the first run."""
    b: Interval
    """Of the second."""
    difference: Interval
    """Of the second minus the first."""


@dataclass(frozen=True)
class Bootstrap:
    """Intervals by resampling."""

    intervals: Mapping[str, Compared]
    """`top1`, `mean_class`, `macro_f1`."""
    how: str
    """What was drawn, in words: `70 groups within each class`."""
    clusters: int
    """How many clusters were drawn from."""
    df: int
    """Degrees of freedom: clusters less strata."""
    resamples: int
    """How many resamples."""
    seed: int
    """Seed of the random numbers: the same gives the same intervals."""
    level: float
    """How often such an interval holds the true value."""


def bootstrap(
    targets: ArrayLike,
    predicted_a: ArrayLike,
    predicted_b: ArrayLike,
    *,
    classes: int,
    clusters: Clusters | None = None,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Bootstrap:
    """Return intervals of three metrics of A, of B and of B minus A, from (N,) class numbers below `classes`.

    Classes that share a cluster are resampled together, the others each by itself. A difference has Student's interval
    with the standard error of the resamples, a single run those percentiles that lie as far out (Hesterberg 2015).
    Raises UsageError for wrong class numbers, lengths, or fewer than 100 resamples.
    """
    t, a, b = check(targets, predicted_a, predicted_b, classes=classes, resamples=resamples, level=level)
    plan = design(t, clusters)
    table = sums(t, (a, b), plan.cluster, plan.clusters)
    drawn = resampled(plan, table, resamples=resamples, seed=seed)
    true = table.estimates()
    moved = [_touched(plan, differ) for differ in ((a == t) != (b == t), (a == t) != (b == t), a != b)]
    found = {}
    for row, name in enumerate(METRICS):
        sides = [_single(float(true[side, row]), drawn[side, row], plan, level) for side in (0, 1)]
        se = float((drawn[1, row] - drawn[0, row]).std())
        found[name] = Compared(
            sides[0],
            sides[1],
            difference_interval(float(true[1, row] - true[0, row]), se, plan, moved[row], plan.df, level),
        )
    return Bootstrap(found, plan.how, plan.clusters, plan.df, resamples, seed, level)


def check(
    targets: ArrayLike, *runs: ArrayLike, classes: int, resamples: int, level: float
) -> Sequence[NDArray[np.int64]]:
    """Return targets and each run's answers as (N,) class numbers; raises UsageError for what cannot be resampled."""
    as_share("level", level)
    if resamples < 100:
        raise UsageError(f"{resamples} resamples are too few for an interval", cure="take 1000 or more")
    arrays = {"targets": as_classes("targets", targets, least=0, classes=classes)}
    for number, run in enumerate(runs, start=1):
        arrays[f"run {number}"] = as_classes(f"run {number}", run, least=-1, classes=classes)
    same_length(**arrays)
    return tuple(arrays.values())


def resampled(plan: Design, table: Sums, *, resamples: int, seed: int) -> NDArray[np.float64]:
    """Return (R, 3, `resamples`) metrics; the same for the same seed, whatever the number of processors."""
    size = int(min(max(32, 8_000_000 // plan.clusters), 1024, resamples))
    starts = range(0, resamples, size)
    streams = np.random.SeedSequence(seed).spawn(len(starts))
    result = np.empty((table.runs, len(METRICS), resamples))

    def fill(start: int, stream: np.random.SeedSequence) -> None:
        many = min(size, resamples - start)
        rng = np.random.Generator(np.random.SFC64(stream))
        result[:, :, start : start + many] = table.metrics(plan.weights(rng, many))

    with ThreadPoolExecutor(min(4, len(os.sched_getaffinity(0)))) as pool:
        list(pool.map(fill, starts, streams))
    return result


def difference_interval(estimate: float, se: float, plan: Design, moved: int, df: float, level: float) -> Interval:
    """Return Student's interval of a difference, given in how many clusters the two runs differ at all.

    As Bonett and Price (2012) do for independent samples, one more such cluster is added in either direction: with
    four of them all in B's favour an interval without them would exclude 0, though an exact test gives p = 0.125.
    """
    if df <= 0:
        return Interval(estimate, float("nan"), float("nan"), float("nan"), level)
    if not moved or se < _NOTHING:
        n = plan.clusters
        known = paired_interval(max(-estimate, 0.0) * n, max(estimate, 0.0) * n, n, level=level)
        return Interval(estimate, known.low, known.high, known.se, level)
    wide = se * sqrt(1 + 2 / moved)
    half = t_quantile(level, df) * wide
    return Interval(estimate, max(-1.0, estimate - half), min(1.0, estimate + half), wide, level)


def _single(estimate: float, drawn: NDArray[np.float64], plan: Design, level: float) -> Interval:
    if plan.df < 1:
        return Interval(estimate, float("nan"), float("nan"), float("nan"), level)
    se = float(drawn.std())
    if se < _NOTHING:
        low, high = wilson(round(estimate * plan.clusters), plan.clusters, level=level)
        return Interval(estimate, float(low), float(high), 0.0, level)
    tail = NormalDist().cdf(-t_quantile(level, plan.df))
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Interval(estimate, float(low), float(high), se, level)


def _touched(plan: Design, differ: NDArray[np.bool_]) -> int:
    """Return in how many clusters some sample differs."""
    return len(np.unique(plan.cluster[differ]))
