"""Confused pairs that rose or fell: counts by hand, p-values by brute force, levels by simulation."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from arctl import stats
from arctl.errors import UsageError


def test_a_pair_by_hand() -> None:
    """20 clips of class 0: A takes 12 of them for 1, B the last 2 of those and one more; the rest is right."""
    t = np.zeros(20, dtype=int)
    a, b = np.r_[np.ones(12, dtype=int), np.zeros(8, dtype=int)], np.zeros(20, dtype=int)
    b[10:13] = 1
    found = stats.pair_shifts(t, a, b)
    columns = (found.true, found.predicted, found.a, found.b, found.only_a, found.only_b)
    assert [column.tolist() for column in columns] == [[0], [1], [12], [3], [10], [1]]
    assert found.p[0] == found.q[0] == pytest.approx(binomtest(1, 11).pvalue)


def test_every_wrong_cell_of_either_run_is_there_once() -> None:
    rng = np.random.default_rng(1)
    t = rng.integers(0, 30, 4000)
    a, b = (np.where(rng.random(4000) < 0.7, t, rng.integers(-1, 30, 4000)) for _ in range(2))
    found = stats.pair_shifts(t, a, b)
    seen = dict.fromkeys(zip(found.true.tolist(), found.predicted.tolist(), strict=True))
    assert len(seen) == len(found.p)
    matrices = np.zeros((2, 30, 30), dtype=int)
    for matrix, side in zip(matrices, (a, b), strict=True):
        np.add.at(matrix, (t[side >= 0], side[side >= 0]), 1)
        np.fill_diagonal(matrix, 0)
    assert set(seen) == set(zip(*(axis.tolist() for axis in np.nonzero(matrices.sum(axis=0))), strict=True))
    assert (matrices[0][found.true, found.predicted] == found.a).all()
    assert (matrices[1][found.true, found.predicted] == found.b).all()
    for row in range(0, len(found.p), 37):
        k, j = found.true[row], found.predicted[row]
        only = [int(((t == k) & (one == j) & (other != j)).sum()) for one, other in ((a, b), (b, a))]
        assert only == [found.only_a[row], found.only_b[row]]
        assert found.p[row] == pytest.approx(binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0)


def test_a_real_shift_stands_first_and_is_found() -> None:
    rng = np.random.default_rng(2)
    t = np.repeat(np.arange(20), 50)
    a, b = (np.where(rng.random(1000) < 0.8, t, rng.integers(0, 20, 1000)) for _ in range(2))
    a[100:130], b[100:130] = 7, 2
    found = stats.pair_shifts(t, a, b)
    assert (found.true[0], found.predicted[0]) == (2, 7)
    assert found.only_a[0] >= 30
    assert found.q[0] < 0.001
    assert np.diff(found.p).min() >= 0
    assert (found.q[found.testable] <= 0.05).sum() == 1


def test_no_shift_is_found_where_there_is_none() -> None:
    rng, trials, false = np.random.default_rng(3), 1000, 0
    t = np.repeat(np.arange(5), 60)
    for _ in range(trials):
        a, b = (np.where(rng.random(300) < 0.6, t, (t + rng.integers(1, 3, 300)) % 5) for _ in range(2))
        found = stats.pair_shifts(t, a, b)
        false += bool((found.q[found.testable] <= 0.05).any())
    assert false <= binom.ppf(0.999, trials, 0.05)


def test_runs_that_are_always_right_have_no_pairs() -> None:
    assert len(stats.pair_shifts([0, 1, 1], [0, 1, 1], [0, 1, -1]).p) == 0


def test_other_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="predicted_b has 2"):
        stats.pair_shifts([0, 1, 1], [0, 1, 1], [0, 1])
