"""Is it real? Two runs on the same samples: paired tests, bootstrap intervals, agreement, what could be shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from arctl import stats
from arctl.errors import UsageError
from arctl.scores.answers import Answers, Ints

METRICS: Mapping[str, str] = {
    "top1": "top-1",
    "top5": "top-5",
    "mean_class": "mean-class accuracy",
    "macro_f1": "macro F1",
}
"""What a comparison can be decided by: the name in files, and in words."""

CLUSTERED_BY = ("group", "none")
"""By what samples are put together."""

_TESTED = {"top1": 1, "top5": 5}


@dataclass(frozen=True)
class Method:
    """How the statistics are done."""

    metric: str = "top1"
    """What decides (`METRICS`)."""
    cluster_by: str = "group"
    """`group`: clips of one source are resampled together; `none`: every sample by itself."""
    resamples: int = 10_000
    """Of the bootstrap; 0 for no intervals."""
    seed: int = 0
    """Of the bootstrap."""
    confidence: float = 0.95
    """Of intervals; tests are held against one minus that."""
    correction: str = "bh"
    """Over classes: `bh` or `holm`."""

    @property
    def alpha(self) -> float:
        """Below which a p-value is called real."""
        return 1 - self.confidence

    @property
    def has_test(self) -> bool:
        """Whether what decides has a test; else its interval decides."""
        return self.metric in _TESTED

    def check(self) -> None:
        """Raise UsageError where a field has no meaning."""
        if self.metric not in METRICS:
            raise UsageError(f"{self.metric!r} decides nothing", where="--metric", cure=f"use {', '.join(METRICS)}")
        if self.cluster_by not in CLUSTERED_BY:
            cure = "use group or none"
            raise UsageError(f"{self.cluster_by!r} puts no samples together", where="--cluster-by", cure=cure)
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"{self.confidence:g} is no confidence", where="--level", cure="try 0.95")
        if not self.resamples and not self.has_test:
            what = f"{self.metric} is decided by an interval, which needs resamples"
            raise UsageError(what, where="--resamples", cure="leave it at 10000")
        if self.resamples and not 100 <= self.resamples <= 1_000_000:
            cure = "take 100 to 1000000, or 0 for none"
            raise UsageError(f"{self.resamples} resamples", where="--resamples", cure=cure)


@dataclass(frozen=True)
class Paired:
    """One paired test: are two runs right equally often?"""

    metric: str
    """`top1` or `top5`."""
    a: float
    """Accuracy of the first, of all samples."""
    b: float
    """Accuracy of the second."""
    flips: stats.Flips
    """The samples by who is right."""
    mcnemar: stats.Test
    """McNemar's test, which takes the samples for independent."""
    clustered: stats.ClusteredTest | None
    """The same question where clusters of samples are not; None without clusters."""
    adjusted: float | None = None
    """The deciding p-value after Holm's correction over all pairs of runs; None for two runs."""

    @property
    def p(self) -> float:
        """The p-value that decides: of the clustered test where samples come in clusters."""
        return self.mcnemar.p if self.clustered is None else self.clustered.p

    @property
    def decided(self) -> float:
        """The same after the correction, where there is one."""
        return self.p if self.adjusted is None else self.adjusted


@dataclass(frozen=True, eq=False)
class Pairing:
    """Everything that the statistics say of two runs; a difference is the second minus the first."""

    first: int
    """Place of the first run in the comparison."""
    second: int
    """Place of the second."""
    samples: int
    """Samples that both answered, those that could not be read included."""
    classes: int
    """Classes of the data set."""
    empty: int
    """Of those, the ones without a sample."""
    clusters: stats.Clusters | None
    """What is resampled together; None where every sample stands by itself."""
    tests: tuple[Paired, ...]
    """For top-1, and for top-5 where there are more than five classes."""
    bootstrap: stats.Bootstrap | None
    """Intervals of top-1, mean-class accuracy and macro F1; None where none were asked for."""
    agreement: float
    """Share of samples to which both gave the same answer."""
    kappa: float
    """Cohen's kappa of their answers; NaN where both always say one class."""
    detectable: float
    """Smallest true difference in top-1 that this test set shows at 80 % power; NaN where it shows none."""

    def test(self, metric: str) -> Paired | None:
        """Return the test of a metric, None where it has none."""
        return next((one for one in self.tests if one.metric == metric), None)

    @property
    def top1(self) -> Paired:
        """The test of top-1."""
        return self.tests[0]

    def interval(self, metric: str) -> stats.Interval | None:
        """Return the interval of the second minus the first, None where there is none."""
        found = self.bootstrap.intervals.get(metric) if self.bootstrap is not None else None
        return found.difference if found is not None else None

    def real(self, metric: str, alpha: float) -> bool:
        """Tell whether the difference in a metric is more than chance: by its test, else by its interval."""
        test = self.test(metric)
        if test is not None:
            return test.decided < alpha
        interval = self.interval(metric)
        return interval is not None and interval.excludes_zero

    def difference(self, metric: str) -> float:
        """Return the second minus the first in a metric; NaN where it is not known."""
        test, interval = self.test(metric), self.interval(metric)
        return test.b - test.a if test is not None else interval.estimate if interval is not None else math.nan


def pairing(a: Answers, b: Answers, *, places: tuple[int, int], method: Method) -> Pairing:
    """Compare two runs that answered the same samples, in the same order, among the same classes."""
    together = clusters_of(a, method)
    tests = tuple(_paired(a, b, metric, together, method) for metric in _tested(a, b))
    top1 = tests[0]
    effect = max(top1.clustered.design_effect, 1.0) if top1.clustered is not None else 1.0
    samples = len(a.targets)
    return Pairing(
        first=places[0],
        second=places[1],
        samples=samples,
        classes=len(a.classes),
        empty=len(a.classes) - len(set(a.targets.tolist())),
        clusters=together,
        tests=tests,
        bootstrap=_bootstrap(a, b, together, method),
        agreement=float((a.predicted == b.predicted).mean()),
        kappa=stats.kappa(a.predicted, b.predicted),
        detectable=stats.smallest_difference(
            samples,
            top1.flips.discordant / samples,
            alpha=method.alpha,
            design_effect=effect if math.isfinite(effect) else 1.0,
        ),
    )


def clusters_of(answers: Answers, method: Method) -> stats.Clusters | None:
    """Return what is resampled together, None for every sample by itself."""
    if method.cluster_by == "none":
        return None
    found = stats.clusters(answers.groups.tolist(), answers.targets)
    return None if found is None or found.count == len(answers.targets) else found


def adjusted(pairings: Sequence[Pairing]) -> tuple[Pairing, ...]:
    """Return all pairs of more than two runs with Holm's correction over them, each metric by itself."""
    if len(pairings) < 2:
        return tuple(pairings)
    corrected = {
        metric: stats.holm([one.test(metric).p for one in pairings])  # type: ignore[union-attr]
        for metric in (test.metric for test in pairings[0].tests)
    }
    return tuple(
        replace(
            one,
            tests=tuple(replace(test, adjusted=float(corrected[test.metric][place])) for test in one.tests),
        )
        for place, one in enumerate(pairings)
    )


def _tested(a: Answers, b: Answers) -> list[str]:
    """Return the metrics that have a test: top-k only where k leaves a class out, and both files know it."""
    known = min(a.reach, b.reach)
    return [metric for metric, k in _TESTED.items() if k == 1 or (k < len(a.classes) and k <= known)]


def _paired(a: Answers, b: Answers, metric: str, together: stats.Clusters | None, method: Method) -> Paired:
    right = [side.correct(_TESTED[metric]) for side in (a, b)]
    clustered = stats.clustered_test(together, *right) if together is not None else None
    return Paired(
        metric,
        float(right[0].mean()),
        float(right[1].mean()),
        stats.flips(*right),
        stats.mcnemar_of(*right),
        clustered,
    )


def _bootstrap(a: Answers, b: Answers, together: stats.Clusters | None, method: Method) -> stats.Bootstrap | None:
    if not method.resamples:
        return None
    found = _resampled(a, a.predicted, b.predicted, together, method)
    if method.metric != "top5" or "top5" not in _tested(a, b):
        return found
    top5 = _resampled(a, _as_answers(a), _as_answers(b), together, method)
    return replace(found, intervals={**found.intervals, "top5": top5.intervals["top1"]})


def _resampled(a: Answers, one: Ints, other: Ints, together: stats.Clusters | None, method: Method) -> stats.Bootstrap:
    return stats.bootstrap(
        a.targets,
        one,
        other,
        classes=len(a.classes),
        clusters=together,
        resamples=method.resamples,
        seed=method.seed,
        level=method.confidence,
    )


def _as_answers(side: Answers) -> Ints:
    """(N,) the true class where it is among the five likeliest, else another: its top-1 is the run's top-5."""
    return np.where(side.correct(5), side.targets, (side.targets + 1) % len(side.classes))
