"""Corrections, Cochran's Q and closed intervals, against statsmodels, SciPy and published examples."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.contingency_tables import cochrans_q
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from arctl import stats
from arctl.errors import UsageError

BENJAMINI_HOCHBERG_1995 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), [(stats.holm, "holm"), (stats.benjamini_hochberg, "fdr_bh")])
@pytest.mark.parametrize("size", [1, 2, 7, 400])
def test_corrections_are_those_of_statsmodels(ours, theirs: str, size: int) -> None:
    p = np.round(np.random.default_rng(size).random(size) ** 3, 2)
    assert ours(p).tolist() == pytest.approx(multipletests(p, method=theirs)[1].tolist(), rel=1e-12)


def test_example_of_benjamini_and_hochberg() -> None:
    """Their 15 hypotheses: four discoveries at 5 %, where Bonferroni's, and so Holm's first step, leave three."""
    assert (stats.benjamini_hochberg(BENJAMINI_HOCHBERG_1995) <= 0.05).sum() == 4
    assert (stats.holm(BENJAMINI_HOCHBERG_1995) <= 0.05).sum() == 3


def test_corrections_of_nothing_are_nothing() -> None:
    assert stats.holm([]).tolist() == stats.benjamini_hochberg([]).tolist() == []
    assert stats.tarone([]).tolist() == []


def test_tarone_counts_only_what_can_be_found() -> None:
    """Of 9 tests, 3 can reach 0.05 / 3 and one more only 0.05: the 3 stay, and share the level among them."""
    least = [0.001, 0.016, 0.01, 0.04, 0.3, 0.5, 1, 1, 1]
    assert stats.tarone(least).tolist() == [True] * 3 + [False] * 6


def test_cochran_q_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(2)
    table = rng.random((300, 4)) < rng.random((300, 1)) * [1.0, 0.9, 0.95, 1.0]
    theirs = cochrans_q(table.astype(int))
    ours = stats.cochran_q(table)
    assert (ours.q, ours.df, ours.p) == pytest.approx((theirs.statistic, 3, theirs.pvalue), rel=1e-10)


def test_cochran_q_of_the_three_drugs() -> None:
    """46 patients and three drugs (SAS/STAT FREQ, after Agresti): Q = 8.4706 with 2 degrees of freedom, p = 0.0145."""
    answers = {"111": 6, "110": 16, "101": 2, "100": 4, "011": 2, "010": 4, "001": 6, "000": 6}
    table = np.array([[mark == "1" for mark in marks] for marks, count in answers.items() for _ in range(count)])
    found = stats.cochran_q(table)
    assert (found.q, found.p) == (pytest.approx(8.4706, abs=5e-5), pytest.approx(0.0145, abs=5e-5))


def test_cochran_q_of_two_runs_is_mcnemars_statistic() -> None:
    a, b = np.repeat([True, False, True], [9, 20, 5]), np.repeat([False, True, True], [9, 20, 5])
    assert stats.cochran_q(np.stack([a, b], axis=1)).q == pytest.approx((20 - 9) ** 2 / 29)


def test_runs_that_never_differ_tell_nothing() -> None:
    assert stats.cochran_q(np.ones((5, 3), dtype=bool)) == (0.0, 2, 1.0)


@pytest.mark.parametrize(("k", "n", "low", "high"), [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
])  # fmt: skip
def test_wilson_gives_newcombes_table(k: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, table I, method 3."""
    assert tuple(float(end) for end in stats.wilson(k, n)) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_wilson_is_that_of_statsmodels(level: float) -> None:
    n = np.array([1, 3, 17, 50, 400])
    for k in (n * 0, n, n // 2, np.minimum(n, 2)):
        theirs = proportion_confint(k, n, alpha=1 - level, method="wilson")
        for ours, other in zip(stats.wilson(k, n, level=level), theirs, strict=True):
            assert ours.tolist() == pytest.approx(np.clip(other, 0, 1).tolist(), abs=1e-12)


def test_wilson_of_an_empty_class_cannot_be_said() -> None:
    low, high = stats.wilson([0, 2], [0, 4])
    assert np.isnan([low[0], high[0]]).all()
    assert 0 < low[1] < 0.5 < high[1] < 1


def test_t_interval_is_that_of_scipy() -> None:
    values = [0.71, 0.69, 0.735, 0.70]
    ours = stats.t_interval(values)
    theirs = scipy.stats.t.interval(0.95, 3, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx(theirs)
    assert np.isnan(stats.t_interval([0.7]).low)
    assert stats.t_interval([0.7]).estimate == 0.7


def test_paired_interval_by_hand() -> None:
    """Bonett and Price 2012: half a sample in each cell, so 2 of 23 against 8 of 23 for counts of 1 and 7 of 21."""
    found = stats.paired_interval(1, 7, 21)
    half = 1.959964 * np.sqrt((10 / 23 - (6 / 23) ** 2) / 23)
    assert (found.low, found.high) == pytest.approx((6 / 23 - half, 6 / 23 + half), abs=1e-6)
    assert found.excludes_zero


def test_paired_interval_has_a_width_when_nothing_differs() -> None:
    found = stats.paired_interval(0, 0, 100)
    assert found.estimate == 0
    assert -found.low == found.high == pytest.approx(1.96 * np.sqrt(2 / 102 / 102), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stats.holm([0.1, float("nan")]), "from 0 to 1"),
        (lambda: stats.benjamini_hochberg([1.2]), "from 0 to 1"),
        (lambda: stats.cochran_q([[True], [False]]), "two runs"),
        (lambda: stats.cochran_q(np.full((3, 2), 2)), "true or false"),
        (lambda: stats.wilson(5, 4), "0 <= k <= n"),
        (lambda: stats.wilson(1, 4, level=1.0), "between 0 and 1"),
        (lambda: stats.paired_interval(3, 4, 6), "do not fit"),
        (lambda: stats.t_interval([]), "each seed"),
    ],
)
def test_wrong_arguments_are_named(call, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()
