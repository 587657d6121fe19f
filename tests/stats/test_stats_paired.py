"""McNemar's test, agreement and class-wise tests, against statsmodels, scikit-learn and published examples."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.contingency_tables import mcnemar as reference

from arctl import stats
from arctl.errors import UsageError


def samples(b: int, c: int, both: int = 3, none: int = 2) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, False, True, False], [b, c, both, none])
    return a, np.repeat([False, True, True, False], [b, c, both, none])


@pytest.mark.parametrize(
    ("b", "c"), [(0, 0), (0, 1), (3, 3), (1, 7), (12, 2), (5, 19), (40, 61), (400, 380), (9, 3000)]
)
def test_exact_p_is_that_of_statsmodels(b: int, c: int) -> None:
    expected = 1.0 if b + c == 0 else reference([[0, b], [c, 0]], exact=True).pvalue
    assert stats.mcnemar(b, c, exact_below=10**9) == (pytest.approx(min(1.0, expected), rel=1e-9), "exact")


@pytest.mark.parametrize(("b", "c"), [(10, 15), (13, 13), (2, 60), (200, 150)])
def test_mid_p_takes_half_the_chance_of_what_was_seen(b: int, c: int) -> None:
    n, low = b + c, min(b, c)
    exact = 2 * binom.cdf(low, n, 0.5) - binom.pmf(low, n, 0.5) if b != c else 1 - binom.pmf(low, n, 0.5) / 2
    assert stats.mcnemar(b, c) == (pytest.approx(exact, rel=1e-9), "mid-p")


def test_published_examples() -> None:
    """Bentur et al. 2009 as in Fagerland et al. 2013, table 1; Armitage and Berry 1994, page 127."""
    assert stats.mcnemar(1, 7).p == pytest.approx(0.0703, abs=5e-5)
    assert stats.mcnemar(1, 7, exact_below=0).p == pytest.approx(0.0391, abs=5e-5)
    assert stats.mcnemar(12, 2).p == pytest.approx(0.0129, abs=5e-5)


def test_kind_changes_at_25_discordant_samples() -> None:
    assert [stats.mcnemar(10, n).kind for n in (14, 15)] == ["exact", "mid-p"]


def test_samples_and_counts_give_the_same() -> None:
    a, b = samples(5, 19)
    assert stats.mcnemar_of(a, b) == stats.mcnemar(5, 19)
    assert stats.mcnemar_of(b, a) == stats.mcnemar(19, 5)


@pytest.mark.parametrize(("n", "share"), [(336, 0.1), (336, 0.3), (1000, 0.04), (600, 0.2)])
def test_the_level_counted_out(n: int, share: float) -> None:
    """The chance of p <= 5 % when nothing differs, over all numbers of discordant samples and all their outcomes."""
    level = {"ours": 0.0, "exact": 0.0}
    seen = binom.pmf(np.arange(n + 1), n, share)
    for discordant in np.flatnonzero(seen > 1e-9).tolist():
        b = np.arange(discordant // 2 + 1)
        chance = seen[discordant] * binom.pmf(b, discordant, 0.5)
        ours = np.array([stats.mcnemar(k, discordant - k).p for k in b.tolist()])
        level["ours"] += 2 * chance[ours <= 0.05].sum()
        level["exact"] += 2 * chance[stats.exact_p(b, discordant - b) <= 0.05].sum()
    assert level["exact"] <= level["ours"] <= 0.0505
    assert level["ours"] > 0.035


def test_least_p_is_that_of_all_in_one_direction() -> None:
    n = np.array([0, 1, 2, 5, 6, 20])
    assert stats.least_p(n).tolist() == pytest.approx(stats.exact_p(np.zeros(6, dtype=int), n).tolist())


def test_flips_count_every_sample_once() -> None:
    counted = stats.flips(*samples(4, 9, both=20, none=7))
    assert counted == (4, 9, 20, 7)
    assert (counted.n, counted.discordant, counted.negative_rate, counted.difference) == (40, 13, 0.1, 0.125)


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 9, 500)
    b = np.where(rng.random(500) < 0.6, a, rng.integers(0, 9, 500))
    assert stats.kappa(a, b) == pytest.approx(cohen_kappa_score(a, b), rel=1e-12)
    b[:10] = -1
    assert stats.kappa(a, b) == pytest.approx(cohen_kappa_score(a, b), rel=1e-12)


def test_kappa_of_cohens_own_table() -> None:
    """Cohen 1960, table 1: 200 judgements, agreement 0.70, by chance 0.41, kappa 0.49."""
    table = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    a, b = (np.repeat(axis.ravel(), table.ravel()) for axis in np.indices(table.shape))
    assert stats.kappa(a, b) == pytest.approx((0.70 - 0.41) / (1 - 0.41), abs=1e-12)


def test_kappa_of_one_class_cannot_be_said() -> None:
    assert np.isnan(stats.kappa([2, 2, 2], [2, 2, 2]))
    assert stats.kappa([0, 1, 2, 0], [0, 1, 2, 0]) == 1


def test_classes_too_small_to_tell_cost_the_others_nothing() -> None:
    b, c = np.array([0, 0, 1, 0, 2]), np.array([12, 1, 1, 0, 0])
    found = stats.within_classes(b, c)
    assert found.testable.tolist() == [True, False, False, False, False]
    assert found.adjusted[0] == found.p[0] == pytest.approx(2**-11)
    assert np.isnan(found.adjusted[1:]).all()


def test_classes_are_corrected_over_those_that_can_tell() -> None:
    b, c = np.array([0, 1, 3, 20, 0]), np.array([14, 13, 14, 24, 2])
    for how, correct in (("bh", stats.benjamini_hochberg), ("holm", stats.holm)):
        found = stats.within_classes(b, c, how=how)
        assert found.testable.tolist() == [True, True, True, True, False]
        assert found.adjusted[:4].tolist() == correct(found.p[:4]).tolist()


def test_what_is_testable_never_depends_on_who_won() -> None:
    rng = np.random.default_rng(3)
    total = rng.integers(0, 15, 60)
    one, two = rng.binomial(total, 0.5), rng.binomial(total, 0.1)
    assert (
        stats.within_classes(one, total - one).testable.tolist()
        == stats.within_classes(two, total - two).testable.tolist()
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stats.mcnemar(-1, 4), "whole numbers"),
        (lambda: stats.mcnemar(1.5, 4), "whole numbers"),
        (lambda: stats.flips([True, False], [True]), "correct_a has 2, correct_b has 1"),
        (lambda: stats.flips([], []), "no samples"),
        (lambda: stats.flips([0, 2], [0, 1]), "true or false"),
        (lambda: stats.flips([[True]], [[True]]), "shape"),
        (lambda: stats.kappa([0, 1.5], [0, 1]), "class number"),
        (lambda: stats.kappa([0, -2], [0, 1]), "outside"),
        (lambda: stats.within_classes([1], [2], how="none"), "no correction"),
    ],
)
def test_wrong_arguments_are_named(call, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()
