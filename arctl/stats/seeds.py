"""Groups of runs that differ only by their seed: how sure is their difference, over other seeds and samples?

Runs of one group share what is compared; their scatter is what a new seed would bring. A test on one pair of runs
cannot see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arctl.errors import UsageError
from arctl.stats.bootstrapping import check, difference_interval, resampled
from arctl.stats.clustering import Clusters
from arctl.stats.intervals import Interval, t_interval
from arctl.stats.resampling import Design, design
from arctl.stats.sums import METRICS, sums


@dataclass(frozen=True)
class SeedMetric:
    """One metric of two groups of runs."""

    a: Interval
    """Mean of the first group over its seeds, with Student's interval: other seeds, these samples."""
    b: Interval
    """The same of the second."""
    sd_a: float
    """Standard deviation over the seeds of the first; NaN for one seed."""
    sd_b: float
    """The same of the second."""
    difference: Interval
    """Mean of the second minus mean of the first, over other seeds and other samples."""
    se_seeds: float
    """Part of its standard error that the seeds make; 0 where both have one seed."""
    se_samples: float
    """Part of its standard error that the samples make."""


@dataclass(frozen=True)
class Seeds:
    """Two groups of runs compared."""

    metrics: Mapping[str, SeedMetric]
    """`top1`, `mean_class`, `macro_f1`."""
    seeds: tuple[int, int]
    """How many runs the groups have."""
    how: str
    """What was drawn, in words."""
    note: str
    """What the number of seeds allows to say; empty where there is nothing to warn of."""


def over_seeds(
    targets: ArrayLike,
    runs_a: ArrayLike,
    runs_b: ArrayLike,
    *,
    classes: int,
    clusters: Clusters | None = None,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Seeds:
    """Compare two groups of runs from (S, N) class numbers of each, S seeds on the same N samples.

    Seeds and clusters are resampled, both at once; the interval is the difference +- Student's t times the standard
    error of the resamples, with Satterthwaite's degrees of freedom. A group of one seed adds nothing to the error, and
    the note says so.
    """
    a, b = np.atleast_2d(np.asarray(runs_a)), np.atleast_2d(np.asarray(runs_b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise UsageError(
            f"groups of runs need the answers of each run to the same samples, not {a.shape} and {b.shape}"
        )
    t, *runs = check(targets, *a, *b, classes=classes, resamples=resamples, level=level)
    plan = design(t, clusters)
    table = sums(t, runs, plan.cluster, plan.clusters)
    drawn = resampled(plan, table, resamples=resamples, seed=seed)
    true = table.estimates()
    rng = np.random.default_rng([seed, 1])
    picks = [_seed_weights(rng, len(side), resamples) for side in (a, b)]
    differ = (a == t).mean(axis=0) != (b == t).mean(axis=0)
    moved = len(np.unique(plan.cluster[differ]))
    found = {name: _metric(true[:, row], drawn[:, row], picks, plan, moved, level) for row, name in enumerate(METRICS)}
    return Seeds(found, (len(a), len(b)), plan.how, _note(len(a), len(b)))


def _seed_weights(rng: np.random.Generator, seeds: int, resamples: int) -> NDArray[np.float64]:
    """Return (seeds, resamples) shares: one seed fewer is drawn than there are, so that the variance is right."""
    if seeds == 1:
        return np.ones((1, resamples))
    counts = rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=resamples)
    return counts.T / (seeds - 1)


def _metric(
    true: NDArray[np.float64],
    drawn: NDArray[np.float64],
    picks: list[NDArray[np.float64]],
    plan: Design,
    moved: int,
    level: float,
) -> SeedMetric:
    first = len(picks[0])
    a, b = true[:first], true[first:]
    sides = [t_interval(a, level=level), t_interval(b, level=level)]
    estimate = sides[1].estimate - sides[0].estimate
    both = (drawn[first:] * picks[1]).sum(axis=0) - (drawn[:first] * picks[0]).sum(axis=0)
    samples = drawn[first:].mean(axis=0) - drawn[:first].mean(axis=0)
    var_seeds = [0.0 if np.isnan(side.se) else side.se**2 for side in sides]
    total, var_samples = float(both.var()), float(samples.var())
    df = _satterthwaite([*var_seeds, var_samples], [first - 1, len(b) - 1, plan.df])
    difference = difference_interval(estimate, float(np.sqrt(total)), plan, moved, df, level)
    scatter = [float(side.std(ddof=1)) if len(side) > 1 else float("nan") for side in (a, b)]
    errors = float(np.sqrt(sum(var_seeds))), float(np.sqrt(var_samples))
    return SeedMetric(sides[0], sides[1], scatter[0], scatter[1], difference, *errors)


def _satterthwaite(variances: list[float], df: list[int]) -> float:
    """Return the degrees of freedom of a sum of independent variances."""
    below = sum(v**2 / d for v, d in zip(variances, df, strict=True) if d > 0)
    return sum(variances) ** 2 / below if below > 0 else float(max(df))


def _note(first: int, second: int) -> str:
    if first > 1 and second > 1:
        few = min(first, second)
        return f"{few} seeds tell little about their scatter: the interval is wide for that reason" if few < 4 else ""
    if first == second == 1:
        return "n=1 seed on each side: the interval covers other samples, not other seeds"
    return "n=1 seed on one side: its scatter over seeds is not in the interval"
