"""Tests for clips that share a source: p-values against enumeration, levels against simulation."""

from itertools import product

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom, binomtest

from arctl import stats
from arctl.errors import UsageError
from tests.stats.worlds import usual, world


def of_sums(sums: list[int]) -> tuple[stats.Clusters, np.ndarray, np.ndarray]:
    """Clusters in which B has as many more right answers than A as given, and five clips that both have right."""
    size = [abs(change) + 5 for change in sums]
    index = np.repeat(np.arange(len(sums)), size)
    a = np.concatenate([np.r_[np.full(abs(change), change < 0), np.full(5, True)] for change in sums])
    b = np.concatenate([np.r_[np.full(abs(change), change > 0), np.full(5, True)] for change in sums])
    return stats.Clusters(index, len(sums), False, 0), a, b


@pytest.mark.parametrize("seed", range(8))
def test_p_is_the_share_of_all_changes_of_names(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sums = rng.integers(-6, 7, 11).tolist()
    totals = [abs(sum(sign * change for sign, change in zip(signs, sums, strict=True)))
              for signs in product((-1, 1), repeat=len(sums))]  # fmt: skip
    expected = np.mean([total >= abs(sum(sums)) for total in totals])
    found = stats.clustered_test(*of_sums(sums))
    assert found.p == pytest.approx(expected, rel=1e-12)
    assert (found.kind, found.clusters, found.discordant) == ("exact", 11, np.count_nonzero(sums))
    middle = expected - np.mean([total == abs(sum(sums)) for total in totals]) / 2
    assert stats.clustered_test(*of_sums(sums), exact_below=0).p == pytest.approx(middle, rel=1e-12)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (2, 5), (1, 12), (30, 44), (500, 431), (3, 900)])
def test_clusters_of_one_sample_give_mcnemars_test(b: int, c: int) -> None:
    a = np.repeat([True, False, True], [b, c, 4])
    other = np.repeat([False, True, True], [b, c, 4])
    found = stats.clustered_test(stats.Clusters(np.arange(len(a)), len(a), False, 0), a, other)
    assert (found.p, found.kind) == (pytest.approx(stats.mcnemar(b, c).p, rel=1e-8), stats.mcnemar(b, c).kind)
    assert found.design_effect == pytest.approx(1.0)


def test_seven_films_cannot_give_less_than_one_in_64() -> None:
    assert stats.clustered_test(*of_sums([3, 4, 1, 2, 9, 5, 6])).p == pytest.approx(2 / 2**7)


def test_a_film_counts_once_however_many_clips_it_has() -> None:
    """Forty clips of one film changed: McNemar is sure, the films say nothing."""
    clustered, a, b = of_sums([40, 0, 0, 0, 0])
    assert stats.mcnemar_of(a, b).p < 1e-10
    assert stats.clustered_test(clustered, a, b).p == 1.0
    assert stats.clustered_test(clustered, a, b).design_effect > 10


def test_many_clusters_agree_with_durkalskis_statistic() -> None:
    """Sum of differences over the root of their squares, normal for many clusters (Durkalski et al. 2003)."""
    rng = np.random.default_rng(4)
    sums = rng.integers(-4, 5, 3000)
    z = abs(sums.sum()) / np.sqrt((sums**2).sum())
    assert stats.clustered_test(*of_sums(sums.tolist())).p == pytest.approx(2 * ndtr(-z), rel=0.02)


@pytest.mark.parametrize("spans", [False, True])
def test_level_of_the_clustered_test_and_of_the_plain_one(spans: bool) -> None:
    """1,000 pairs of runs of which neither is better: clips of one film fool McNemar's test, not ours."""
    rng, trials = np.random.default_rng(7), 1000
    plain = ours = queue = 0
    for _ in range(trials):
        one = world(rng, groups=40 if spans else 7, clips=10 if spans else 5, spans=spans)
        plain += stats.mcnemar_of(*one.right).p <= 0.05
        ours += stats.clustered_test(one.clusters, *one.right).p <= 0.05
        queue += stats.clustered_q(one.clusters, np.stack(one.right, axis=1)).p <= 0.05
    assert usual(ours, trials, 0.05)
    assert usual(queue, trials, 0.05)
    assert plain / trials > 0.10


@pytest.mark.parametrize("groups", [7, 12])
def test_level_with_few_films(groups: int) -> None:
    """Few clusters make the exact test cautious, never bold."""
    rng, trials, found = np.random.default_rng(groups), 1000, 0
    for _ in range(trials):
        one = world(rng, groups=groups, clips=20, spans=True)
        found += stats.clustered_test(one.clusters, *one.right).p <= 0.05
    assert found <= binom.ppf(0.999, trials, 0.05)


def test_level_of_plain_tests_on_independent_clips() -> None:
    rng, trials = np.random.default_rng(8), 2000
    cells = rng.multinomial(400, [0.08, 0.08, 0.64, 0.2], size=trials)
    exact = sum(stats.mcnemar(b, c, exact_below=10**6).p <= 0.05 for b, c, *_ in cells.tolist())
    ours = sum(stats.mcnemar(b, c).p <= 0.05 for b, c, *_ in cells.tolist())
    assert binomtest(exact, trials, 0.05, alternative="greater").pvalue > 0.001
    assert usual(ours, trials, 0.05)


def test_level_of_cochrans_q_of_four_runs() -> None:
    rng, trials, plain, ours = np.random.default_rng(9), 1000, 0, 0
    for _ in range(trials):
        free = world(rng, groups=30, clips=1, alike=0.0, runs=4)
        plain += stats.cochran_q(np.stack(free.right, axis=1)).p <= 0.05
        films = world(rng, groups=30, clips=10, spans=True, runs=4)
        ours += stats.clustered_q(films.clusters, np.stack(films.right, axis=1)).p <= 0.05
    assert usual(plain, trials, 0.05)
    assert usual(ours, trials, 0.05)


def test_numbered_groups_are_films_of_their_class() -> None:
    t = [0, 0, 1, 1, 1]
    numbered = stats.clusters(["g01", "g01", "g01", "g02", "G02"], t)
    assert numbered is not None
    assert (numbered.count, numbered.spans) == (4, False)
    named = stats.clusters(["g01", "g01", "g01", "g02", "g02"], t, within_class=False)
    assert named is not None
    assert (named.count, named.spans) == (2, True)
    films = stats.clusters(["P01_03", "P01_03", "P01_03", "P02_01", "P02_01"], t)
    assert films is not None
    assert (films.count, films.spans) == (2, True)


def test_clips_of_no_group_stand_alone() -> None:
    assert stats.clusters(["", "", ""], [0, 1, 1]) is None
    some = stats.clusters(["", "x", "x", ""], [0, 1, 1, 0])
    assert some is not None
    assert (some.count, some.unknown) == (3, 2)
    assert some.index[1] == some.index[2]


def test_other_samples_than_the_clusters_are_refused() -> None:
    clustered, a, b = of_sums([1, 2])
    with pytest.raises(UsageError, match="clusters has 13, correct_a has 12"):
        stats.clustered_test(clustered, a[:-1], b[:-1])
    with pytest.raises(UsageError, match="groups has 1, targets has 2"):
        stats.clusters(["x"], [0, 1])
