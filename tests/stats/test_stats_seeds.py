"""Groups of runs: errors against their parts, and simulated truth over seeds and films."""

import numpy as np
import pytest
import scipy.stats

from arctl import stats
from arctl.errors import UsageError
from tests.stats.worlds import usual


def groups_of_runs(
    rng: np.random.Generator, *, seeds: tuple[int, int], scatter: float, films: int = 30, clips: int = 10
) -> tuple[np.ndarray, stats.Clusters, list[np.ndarray]]:
    """Two recipes of one true accuracy: seeds differ by `scatter`, films by their difficulty for all runs."""
    index = np.repeat(np.arange(films), clips)
    targets = rng.integers(0, 4, films * clips)
    hard = rng.normal(0, 0.12, films)[index]
    recipes = []
    for count in seeds:
        own = rng.normal(0, 0.06, films)[index]
        chance = np.clip(0.7 + hard + own + rng.normal(0, scatter, (count, 1)), 0, 1)
        recipes.append(np.where(rng.random((count, len(index))) < chance, targets, (targets + 1) % 4))
    return targets, stats.Clusters(index, films, True, 0), recipes


def test_one_seed_on_each_side_is_the_bootstrap_and_says_so() -> None:
    t, clusters, (a, b) = groups_of_runs(np.random.default_rng(1), seeds=(1, 1), scatter=0.02)
    found = stats.over_seeds(t, a, b, classes=4, clusters=clusters, resamples=2000, seed=4)
    alone = stats.bootstrap(t, a[0], b[0], classes=4, clusters=clusters, resamples=2000, seed=4)
    assert found.note.startswith("n=1 seed on each side")
    for name, metric in found.metrics.items():
        one, other = metric.difference, alone.intervals[name].difference
        assert (one.estimate, one.low, one.high) == pytest.approx((other.estimate, other.low, other.high), rel=1e-9)
        assert metric.se_seeds == 0
        assert np.isnan([metric.sd_a, metric.a.low]).all()


def test_one_side_of_one_seed_says_so() -> None:
    t, clusters, (a, b) = groups_of_runs(np.random.default_rng(2), seeds=(4, 1), scatter=0.02)
    found = stats.over_seeds(t, a, b, classes=4, clusters=clusters, resamples=500)
    assert (found.seeds, found.note) == ((4, 1), "n=1 seed on one side: its scatter over seeds is not in the interval")


def test_each_group_has_its_mean_deviation_and_students_interval() -> None:
    t, clusters, (a, b) = groups_of_runs(np.random.default_rng(3), seeds=(5, 3), scatter=0.03)
    found = stats.over_seeds(t, a, b, classes=4, clusters=clusters, resamples=500).metrics["top1"]
    for runs, interval, deviation in ((a, found.a, found.sd_a), (b, found.b, found.sd_b)):
        values = (runs == t).mean(axis=1)
        expected = scipy.stats.t.interval(0.95, len(runs) - 1, loc=values.mean(), scale=scipy.stats.sem(values))
        assert (interval.low, interval.high) == pytest.approx(expected)
        assert deviation == pytest.approx(values.std(ddof=1))
    assert found.difference.estimate == pytest.approx((b == t).mean() - (a == t).mean())


def test_errors_of_seeds_and_samples_add_up() -> None:
    t, clusters, (a, b) = groups_of_runs(np.random.default_rng(4), seeds=(6, 6), scatter=0.05, films=60)
    found = stats.over_seeds(t, a, b, classes=4, clusters=clusters, resamples=6000).metrics["top1"]
    assert found.difference.se**2 == pytest.approx(found.se_seeds**2 + found.se_samples**2, rel=0.25)
    assert found.se_seeds > found.se_samples


@pytest.mark.parametrize(("seeds", "scatter"), [((3, 3), 0.03), ((5, 2), 0.03), ((3, 3), 0.0)])
def test_intervals_cover_new_seeds_and_new_films(seeds: tuple[int, int], scatter: float) -> None:
    """Two recipes of one accuracy, 500 times: never bold, though films alone would be."""
    rng, trials, held, alone = np.random.default_rng(5), 500, 0, 0
    for trial in range(trials):
        t, clusters, (a, b) = groups_of_runs(rng, seeds=seeds, scatter=scatter)
        found = stats.over_seeds(t, a, b, classes=4, clusters=clusters, resamples=300, seed=trial)
        interval = found.metrics["top1"].difference
        held += interval.low <= 0 <= interval.high
        alone += abs(interval.estimate) <= 1.96 * found.metrics["top1"].se_samples
    assert held / trials > 0.95 or usual(held, trials, 0.95)
    if scatter:
        assert alone / trials < 0.92


def test_runs_on_other_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="same samples"):
        stats.over_seeds([0, 1], [[0, 1]], [[0, 1, 1]], classes=2)
    with pytest.raises(UsageError, match="targets has 3"):
        stats.over_seeds([0, 1, 1], [[0, 1]], [[0, 1]], classes=2)
