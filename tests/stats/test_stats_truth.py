"""Simulated truth: 1,000 test sets each, on which neither run is better. Ranges are binomial, not tuned."""

import numpy as np
import pytest
from scipy.stats import binom

from arctl import stats
from tests.stats.worlds import usual, world

TRIALS = 1000


def covered(interval: stats.Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize(
    "kind",
    [
        {"groups": 7, "clips": 5},
        {"groups": 2, "clips": 6, "classes": 12},
        {"groups": 25, "clips": 12, "spans": True},
        {"groups": 20, "clips": 1, "alike": 0.0},
    ],
    ids=["seven films a class", "two films a class", "films over all classes", "no films"],
)
def test_intervals_of_the_difference_cover_no_difference(kind: dict[str, object]) -> None:
    rng = np.random.default_rng(11)
    held = dict.fromkeys(stats.METRICS, 0)
    for trial in range(TRIALS):
        one = world(rng, **kind)
        clusters = one.clusters if kind.get("alike", 1) else None
        found = stats.bootstrap(one.targets, *one.runs, classes=12, clusters=clusters, resamples=300, seed=trial)
        for name in stats.METRICS:
            held[name] += covered(found.intervals[name].difference, 0.0)
    assert all(usual(count, TRIALS, 0.95) for count in held.values()), held


def test_clips_of_one_film_break_the_interval_that_ignores_films() -> None:
    rng, held = np.random.default_rng(12), {"films": 0, "clips": 0}
    for trial in range(400):
        one = world(rng, groups=7, clips=8, alike=0.4)
        for name, clusters in (("films", one.clusters), ("clips", None)):
            found = stats.bootstrap(one.targets, *one.runs, classes=8, clusters=clusters, resamples=300, seed=trial)
            held[name] += covered(found.intervals["top1"].difference, 0.0)
    assert usual(held["films"], 400, 0.95)
    assert held["clips"] / 400 < 0.87


def test_intervals_of_one_run_cover_its_accuracy() -> None:
    rng, held = np.random.default_rng(13), 0
    for trial in range(500):
        one = world(rng, groups=10, clips=4, accuracy=0.8)
        found = stats.bootstrap(one.targets, *one.runs, classes=8, clusters=one.clusters, resamples=1000, seed=trial)
        held += covered(found.intervals["top1"].a, 0.8)
    assert usual(held, 500, 0.95)


def test_closed_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(14)
    cells = rng.multinomial(336, [0.05, 0.09, 0.6, 0.26], size=2000)
    held = sum(covered(stats.paired_interval(b, c, 336), 0.04) for b, c, *_ in cells.tolist())
    assert usual(held, 2000, 0.95)
    values = rng.normal(0.7, 0.01, (2000, 3))
    assert usual(sum(covered(stats.t_interval(row), 0.7) for row in values), 2000, 0.95)


def test_class_tests_find_too_much_no_more_often_than_they_say() -> None:
    """Of 40 classes without a difference, either correction lets any through in 5 % of test sets at most."""
    rng, false = np.random.default_rng(15), {"holm": 0, "bh": 0}
    for _ in range(TRIALS):
        total = rng.poisson(9, 40)
        b = rng.binomial(total, 0.5)
        for how in false:
            false[how] += bool(np.nanmin(stats.within_classes(b, total - b, how=how).adjusted, initial=1) <= 0.05)
    assert max(false.values()) <= binom.ppf(0.999, TRIALS, 0.05)
