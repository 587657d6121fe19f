"""What two matrices allow, against every overlap; what a test set could show, against simulation."""

from itertools import product

import numpy as np
import pytest

from arctl import stats
from arctl.errors import UsageError


def every_p(support: list[int], a: list[int], b: list[int]) -> list[float]:
    """P-values of all overlaps of the right answers, counted out class by class."""
    shared = [range(max(0, x + y - n), min(x, y) + 1) for n, x, y in zip(support, a, b, strict=True)]
    found = []
    for both in product(*shared):
        only_a, only_b = sum(a) - sum(both), sum(b) - sum(both)
        found.append(stats.mcnemar(only_a, only_b).p)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_bounds_are_the_ends_of_every_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    support = rng.integers(1, 14, 4)
    a, b = rng.integers(0, support + 1), rng.integers(0, support + 1)
    bounds = stats.mcnemar_bounds(support, a, b)
    found = every_p(support.tolist(), a.tolist(), b.tolist())
    assert (bounds.low, bounds.high) == (pytest.approx(min(found)), pytest.approx(max(found)))
    assert bounds.difference == b.sum() - a.sum()


def test_bounds_hold_the_p_value_of_the_real_answers() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        t = rng.integers(0, 6, 90)
        a, b = rng.random(90) < 0.7, rng.random(90) < 0.8
        counts = [np.bincount(t[mask], minlength=6) for mask in (t >= 0, a, b)]
        bounds = stats.mcnemar_bounds(*counts)
        p, discordant = stats.mcnemar_of(a, b).p, int((a != b).sum())
        assert bounds.low - 1e-12 <= p <= bounds.high + 1e-12
        assert bounds.fewest <= discordant <= bounds.most


def test_bounds_of_two_matrices_that_cannot_decide() -> None:
    """3,783 clips, 85 % against 86 %: 37 more are right, on 37 clips that differ or on 1,097."""
    bounds = stats.mcnemar_bounds([3783], [3216], [3253])
    assert (bounds.fewest, bounds.most, bounds.difference) == (37, 1097, 37)
    assert bounds.low < 1e-10
    assert bounds.high == stats.mcnemar(530, 567).p > 0.26
    assert bounds.verdict() == "undecidable"
    assert stats.mcnemar_bounds([100], [10], [90]).verdict() == "significant"
    assert stats.mcnemar_bounds([100, 100], [50, 50], [51, 50]).verdict() == "not significant"


def test_classes_narrow_the_bounds() -> None:
    whole, parts = stats.mcnemar_bounds([100], [60], [70]), stats.mcnemar_bounds([50, 50], [10, 50], [20, 50])
    assert parts.most < whole.most
    assert parts.high < whole.high


def test_matrices_of_different_test_sets_are_refused() -> None:
    with pytest.raises(UsageError, match="more right answers than samples"):
        stats.mcnemar_bounds([3], [4], [1])
    with pytest.raises(UsageError, match="right_b has 1"):
        stats.mcnemar_bounds([3, 3], [2, 2], [1])


def test_smallest_difference_is_connors() -> None:
    """Connor 1987: shares 0.45 and 0.05 need 23 pairs (rounded up) for 80 % power at 5 %."""
    assert stats.smallest_difference(23, 0.5) <= 0.4 < stats.smallest_difference(22, 0.5)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("wanted", [0.3, 0.8, 0.95])
def test_power_is_the_inverse_of_the_smallest_difference(share: float, wanted: float) -> None:
    smallest = stats.smallest_difference(3783, share, power=wanted)
    assert stats.power(3783, share, smallest) == pytest.approx(wanted, abs=1e-9)
    clustered = stats.smallest_difference(3783, share, power=wanted, design_effect=3.0)
    assert clustered == pytest.approx(stats.smallest_difference(1261, share, power=wanted))


@pytest.mark.parametrize(("n", "share"), [(336, 0.2), (3783, 0.1), (20_000, 0.02)])
def test_a_difference_of_that_size_is_found_four_times_in_five(n: int, share: float) -> None:
    rng, difference = np.random.default_rng(n), stats.smallest_difference(n, share)
    cells = [(share - difference) / 2, (share + difference) / 2, 1 - share]
    drawn = rng.multinomial(n, cells, size=4000)[:, :2]
    found = np.mean([stats.mcnemar(b, c).p <= 0.05 for b, c in drawn.tolist()])
    assert found == pytest.approx(0.8, abs=0.03)


def test_too_few_discordant_samples_can_show_nothing() -> None:
    assert np.isnan(stats.smallest_difference(100, 0.01))
    assert np.isnan(stats.smallest_difference(100, 0.0))
    with pytest.raises(UsageError, match="as large a share"):
        stats.power(100, 0.1, 0.2)
    with pytest.raises(UsageError, match="not a test set"):
        stats.smallest_difference(0, 0.1)
