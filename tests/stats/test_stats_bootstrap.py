"""The paired bootstrap: estimates against scikit-learn, errors against the algebra of stratified clusters."""

import os

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from arctl import stats
from arctl.errors import UsageError
from arctl.stats.resampling import design
from tests.stats.worlds import World, world


def both(one: World, **settings: object) -> stats.Bootstrap:
    settings = {"classes": 8, "clusters": one.clusters, "resamples": 500} | settings
    return stats.bootstrap(one.targets, *one.runs, **settings)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("empty", [False, True])
def test_estimates_are_those_of_scikit_learn_to_the_last_digit(empty: bool) -> None:
    one = world(np.random.default_rng(1), alike=0.1)
    t = np.where(one.targets == 3, 2, one.targets) if empty else one.targets
    found = stats.bootstrap(t, *one.runs, classes=8, resamples=200).intervals
    for side, run in zip("ab", one.runs, strict=True):
        expected = {
            "top1": accuracy_score(t, run),
            "mean_class": balanced_accuracy_score(t, run),
            "macro_f1": f1_score(t, run, average="macro", zero_division=0),
        }
        for name, value in expected.items():
            assert getattr(found[name], side).estimate == pytest.approx(value, rel=1e-14)
    for one_metric in found.values():
        assert one_metric.difference.estimate == one_metric.b.estimate - one_metric.a.estimate


def test_unreadable_answers_are_wrong_in_every_metric() -> None:
    t, a = np.repeat(np.arange(4), 5), np.repeat(np.arange(4), 5)
    b = a.copy()
    b[::5] = -1
    found = stats.bootstrap(t, a, b, classes=4, resamples=200).intervals
    assert (found["top1"].b.estimate, found["mean_class"].b.estimate) == (0.8, pytest.approx(0.8))
    assert found["macro_f1"].b.estimate == pytest.approx(2 * 4 / (5 + 4))


def test_standard_error_is_that_of_the_algebra() -> None:
    """Stratified by class, the variance of a mean is a sum over classes; with clusters it is that of cluster sums."""
    one = world(np.random.default_rng(2), groups=9)
    hits = (one.runs[0] == one.targets).astype(float)
    for clusters, unit in ((None, np.arange(len(hits))), (one.clusters, one.groups)):
        sums, kind = np.bincount(unit, weights=hits), one.targets[np.unique(unit, return_index=True)[1]]
        strata = [sums[kind == k] for k in range(8)]
        expected = np.sqrt(sum(len(part) * part.var(ddof=1) for part in strata)) / len(hits)
        found = both(one, clusters=clusters, resamples=8000).intervals["top1"].a
        assert found.se == pytest.approx(expected, rel=0.03)


def test_two_films_of_a_class_are_enough_for_the_right_variance() -> None:
    """Of two clusters the usual bootstrap gives half the variance; one draw, weighted by two, gives all of it."""
    one = world(np.random.default_rng(3), groups=2, classes=40, alike=0.5)
    sums = np.bincount(one.groups, weights=(one.runs[0] == one.targets).astype(float))
    expected = np.sqrt(sum((sums[2 * k] - sums[2 * k + 1]) ** 2 for k in range(40))) / len(one.targets)
    found = stats.bootstrap(one.targets, *one.runs, classes=40, clusters=one.clusters, resamples=8000)
    assert found.intervals["top1"].a.se == pytest.approx(expected, rel=0.03)
    assert found.df == 40


def test_weights_keep_each_class_as_large_as_it_is() -> None:
    targets = np.repeat([0, 1, 2], [4, 9, 300])
    plan = design(targets, None)
    weights = plan.weights(np.random.default_rng(0), 50)
    for k in range(3):
        assert weights[plan.cluster[targets == k]].sum(axis=0).tolist() == pytest.approx([np.sum(targets == k)] * 50)
    assert plan.df == 3 + 8 + 299
    assert plan.how == "samples within each class"


def test_classes_that_share_a_film_are_drawn_together() -> None:
    targets, index = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 3, 4, 5])
    plan = design(targets, stats.Clusters(index, 6, True, 0))
    assert plan.how == "6 groups within 2 sets of classes"
    assert plan.sizes == ((2, 3),)
    weights = plan.weights(np.random.default_rng(0), 200)
    assert weights[plan.cluster[[0, 1, 3]]].sum(axis=0).tolist() == pytest.approx([3] * 200)
    assert (weights[plan.cluster[1]] == weights[plan.cluster[2]]).all()


def test_classes_of_one_film_are_pooled() -> None:
    targets = np.array([0, 0, 1, 1, 2, 2, 2, 2])
    plan = design(targets, stats.Clusters(np.array([0, 0, 1, 1, 2, 2, 3, 3]), 4, False, 0))
    assert plan.how == "4 groups within 2 sets of classes, 2 of them too small to be drawn from alone"
    assert plan.df == 2
    lone = design(targets, stats.Clusters(np.array([0, 0, 1, 2, 3, 3, 4, 4]), 5, False, 0))
    assert lone.df == 3


def test_films_over_all_classes_leave_classes_out_of_a_resample() -> None:
    """Only the film that is drawn has classes: means are over those, and stay between 0 and 1."""
    one = world(np.random.default_rng(5), groups=4, clips=3, spans=True)
    found = both(one, resamples=1000)
    assert found.how == "4 groups over all classes, because groups span them"
    for metric in found.intervals.values():
        assert 0 <= metric.a.low <= metric.a.high <= 1


def test_same_seed_same_interval_whatever_the_processors() -> None:
    one, allowed = world(np.random.default_rng(6)), os.sched_getaffinity(0)
    first = both(one, resamples=3000)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        again = both(one, resamples=3000)
    finally:
        os.sched_setaffinity(0, allowed)
    assert first == again
    assert both(one, resamples=3000, seed=1) != first


def test_four_films_are_not_more_sure_than_the_exact_test() -> None:
    """Four of four clips in favour of B give p = 0.125, and the interval holds 0 too. Six of six do not."""
    t = np.repeat(np.arange(4), 50)
    for count, sure in ((4, False), (5, False), (6, True)):
        a = t.copy()
        a[: count * 30 : 30] = (a[: count * 30 : 30] + 1) % 4
        found = stats.bootstrap(t, a, t, classes=4, resamples=2000).intervals["top1"].difference
        assert found.excludes_zero is sure
        assert (stats.mcnemar(0, count).p < 0.05) is sure


def test_runs_that_never_differ_have_an_interval_all_the_same() -> None:
    one = world(np.random.default_rng(7))
    same = stats.bootstrap(one.targets, one.runs[0], one.runs[0], classes=8, clusters=one.clusters, resamples=200)
    for metric in same.intervals.values():
        assert metric.difference.low < 0 == metric.difference.estimate < metric.difference.high < 0.06
    right = stats.bootstrap(one.targets, one.targets, one.targets, classes=8, resamples=200).intervals["top1"]
    assert 0.97 < right.a.low < right.a.high == 1.0


def test_one_film_says_nothing() -> None:
    t = np.array([0, 1, 1, 0])
    one = stats.Clusters(np.zeros(4, dtype=np.int64), 1, True, 0)
    found = stats.bootstrap(t, t, 1 - t, classes=2, clusters=one, resamples=200).intervals["top1"]
    assert found.difference.estimate == -1
    assert np.isnan([found.a.low, found.difference.low, found.difference.high]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": 5}, "targets holds class numbers outside 0 to 4"),
        ({"resamples": 50}, "too few"),
        ({"level": 95}, "level is 95"),
        ({"predicted_b": np.zeros(3, dtype=int)}, "run 2 has 3"),
        ({"predicted_a": np.full(280, 9)}, "run 1 holds class numbers outside -1 to 7"),
        ({"predicted_a": np.zeros(280)}, "one class number for each sample"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, object], words: str) -> None:
    one = world(np.random.default_rng(8))
    given = {"predicted_a": one.runs[0], "predicted_b": one.runs[1], "classes": 8} | change
    with pytest.raises(UsageError, match=words):
        stats.bootstrap(one.targets, **given)
