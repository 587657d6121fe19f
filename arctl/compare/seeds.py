"""Recipes that were trained with several seeds: their mean, their scatter, and how sure their difference is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from arctl import stats
from arctl.compare.arms import Arm
from arctl.compare.significance import Method
from arctl.scores.answers import Answers
from arctl.scores.metrics import Scores


@dataclass(frozen=True)
class Spread:
    """One metric of one recipe over its seeds."""

    interval: stats.Interval
    """Its mean, with Student's interval over seeds; no interval for one seed."""
    sd: float
    """Standard deviation over seeds; NaN for one."""
    values: tuple[float, ...]
    """Of each run."""


Spreads = Mapping[str, Spread]
"""By metric: `top1`, `top5`, `mean_class`, `macro_f1`."""


@dataclass(frozen=True)
class ArmPair:
    """Two recipes compared."""

    first: int
    """Place of the first among the recipes."""
    second: int
    """Place of the second."""
    seeds: stats.Seeds
    """Intervals over seeds and samples."""
    level: float
    """Confidence of these intervals: of more than two recipes higher than asked for (Bonferroni)."""

    def interval(self, metric: str) -> stats.Interval | None:
        """Return the interval of the second minus the first, None for a metric that has none."""
        found = self.seeds.metrics.get(metric)
        return found.difference if found is not None else None

    def real(self, metric: str) -> bool:
        """Tell whether the difference is more than chance."""
        interval = self.interval(metric)
        return interval is not None and interval.excludes_zero


def spreads(arms: Sequence[Arm], scores: Mapping[int, Scores], *, confidence: float) -> tuple[Spreads, ...]:
    """Return every metric of every recipe over its seeds; `scores` are by the place of each run."""
    return tuple(_spreads([scores[place] for place in arm.members], confidence) for arm in arms)


def _spreads(scores: Sequence[Scores], confidence: float) -> Spreads:
    found = {"top1": [one.top[1].value for one in scores]}
    if all(5 in one.top for one in scores):
        found["top5"] = [one.top[5].value for one in scores]
    found["mean_class"] = [one.mean_class for one in scores]
    found["macro_f1"] = [one.macro_f1 for one in scores]
    return {metric: spread_of(values, confidence) for metric, values in found.items()}


def spread_of(values: Sequence[float], confidence: float) -> Spread:
    """Return mean, standard deviation and Student's interval of accuracies (0 to 1) over seeds."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    found = stats.t_interval(values, level=confidence)
    low, high = np.clip([found.low, found.high], 0.0, 1.0).tolist()  # NaN stays NaN
    return Spread(replace(found, low=low, high=high), sd, tuple(values))


def arm_pairs(
    arms: Sequence[Arm], answers: Mapping[int, Answers], together: stats.Clusters | None, method: Method
) -> tuple[ArmPair, ...]:
    """Compare every two recipes where at least one has several seeds, from the answers by the place of each run.

    All must be of the same samples in the same order.
    """
    if len(arms) < 2 or all(arm.size == 1 for arm in arms) or not method.resamples:
        return ()
    pairs = list(combinations(range(len(arms)), 2))
    careful = replace(method, confidence=1 - method.alpha / len(pairs))
    return tuple(_pair(arms, answers, pair, together, careful) for pair in pairs)


def _pair(
    arms: Sequence[Arm],
    answers: Mapping[int, Answers],
    pair: tuple[int, int],
    together: stats.Clusters | None,
    method: Method,
) -> ArmPair:
    sides = [np.stack([answers[place].predicted for place in arms[one].members]) for one in pair]
    any_run = answers[arms[pair[0]].members[0]]
    found = stats.over_seeds(
        any_run.targets,
        *sides,
        classes=len(any_run.classes),
        clusters=together,
        resamples=method.resamples,
        seed=method.seed,
        level=method.confidence,
    )
    return ArmPair(*pair, found, method.confidence)
