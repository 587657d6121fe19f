"""Samples that come from one source are not independent: tests that treat a whole source as one draw.

Ten clips of one film stand or fall together. A test that takes them for ten independent samples finds differences that
are not there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arctl.stats.checks import as_classes, as_correct, same_length
from arctl.stats.many import CochranQ, as_table
from arctl.stats.paired import EXACT_BELOW, binomial_points

_NUMBERED = re.compile(r"g\d+", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which samples belong together."""

    index: NDArray[np.int64]
    """(N,) the number of each sample's cluster, from 0."""
    count: int
    """How many clusters there are."""
    spans: bool
    """Whether some cluster holds samples of more than one class."""
    unknown: int
    """Samples whose group is not known: each is a cluster of its own."""

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add (N,) values up within each cluster."""
        return np.bincount(self.index, weights=values, minlength=self.count).astype(np.float64, copy=False)


@dataclass(frozen=True)
class ClusteredTest:
    """McNemar's question asked of whole clusters."""

    p: float
    """Two-sided p-value."""
    kind: str
    """`exact` or `mid-p`."""
    clusters: int
    """How many clusters there are."""
    discordant: int
    """How many of them have more right answers in one run than in the other: only these tell anything."""
    design_effect: float
    """How many times larger the variance of the difference is than that of independent samples; 1 at least."""


def clusters(groups: Sequence[str], targets: ArrayLike, *, within_class: bool | None = None) -> Clusters | None:
    """Number the sources of N samples; None where no sample has a group.

    Labels such as UCF's `g07` count the films of each class anew, so there class and label make the source: they do so
    when every label has that form, unless `within_class` says otherwise. An empty label is a source of its own.
    """
    names, t = np.asarray(groups, dtype=np.str_), as_classes("targets", targets, least=0)
    same_length(groups=names, targets=t)
    known = names != ""
    if not known.any():
        return None
    labels, label = np.unique(names, return_inverse=True)
    if within_class is None:
        within_class = all(_NUMBERED.fullmatch(text) for text in labels.tolist() if text)
    code = label.reshape(-1).astype(np.int64)
    if within_class:
        code = code * (int(t.max()) + 1) + t
    code = np.where(known, code, code.max() + 1 + np.arange(len(names)))
    _, index = np.unique(code, return_inverse=True)
    index = index.reshape(-1).astype(np.int64)
    count = int(index.max()) + 1
    pairs = np.unique(index * (int(t.max()) + 1) + t)
    return Clusters(index, count, len(pairs) > count, int((~known).sum()))


def clustered_test(
    clustered: Clusters, correct_a: ArrayLike, correct_b: ArrayLike, *, exact_below: int = EXACT_BELOW
) -> ClusteredTest:
    """Test that two runs are right equally often, from (N,) booleans, when samples come in clusters.

    Under no difference the two runs could change names within any cluster, all of its samples at once. The p-value is
    the share of all those changes that give as large a difference, counted out exactly, not drawn. Where every cluster
    is one sample this is McNemar's test. From `exact_below` discordant clusters on the mid-p version is given.
    """
    a, b = as_correct("correct_a", correct_a), as_correct("correct_b", correct_b)
    same_length(clusters=clustered.index, correct_a=a, correct_b=b)
    change = b.astype(np.float64) - a
    sums = clustered.sums(change).astype(np.int64)
    moved = np.abs(sums[sums != 0])
    exact, at = _flip_tail(moved, abs(int(sums.sum())))
    kind = "exact" if len(moved) < exact_below else "mid-p"
    effect = _design_effect(clustered, change)
    return ClusteredTest(exact if kind == "exact" else exact - at / 2, kind, clustered.count, len(moved), effect)


def clustered_q(clustered: Clusters, correct: ArrayLike) -> CochranQ:
    """Cochran's question of R runs, from (N, R) booleans, when samples come in clusters.

    Wald's statistic of the runs' differences from the last one, with the covariance of cluster sums under no
    difference (for two runs: Durkalski et al. 2003), and its exact law for normal sums, a beta distribution, so that
    few clusters do not make it bold.
    """
    from scipy.special import betaincc

    right = as_table(correct).astype(np.float64)
    same_length(clusters=clustered.index, correct=right)
    sums = np.stack([clustered.sums(right[:, run] - right[:, -1]) for run in range(right.shape[1] - 1)], axis=1)
    sums = sums[(sums != 0).any(axis=1)]
    runs = right.shape[1] - 1
    if not len(sums):
        return CochranQ(0.0, runs, 1.0)
    scatter, total = sums.T @ sums, sums.sum(axis=0)
    rank = int(np.linalg.matrix_rank(scatter))
    q = float(total @ np.linalg.pinv(scatter, hermitian=True) @ total)
    if len(sums) <= rank:
        return CochranQ(q, runs, 1.0)
    return CochranQ(q, runs, float(betaincc(rank / 2, (len(sums) - rank) / 2, min(1.0, q / len(sums)))))


def _flip_tail(moved: NDArray[np.int64], total: int) -> tuple[float, float]:
    """Return the chance that random signs of the sums `moved` reach |`total`| or more, and that they reach it exactly.

    The sum of those with a plus has the law of sum(m * Binomial(n_m, 1/2)); only its part up to the tail is built.
    """
    if not len(moved):
        return 1.0, 0.0
    end = (int(moved.sum()) - total) // 2
    law = np.zeros(end + 1)
    law[0] = 1.0
    for size, count in zip(*np.unique(moved, return_counts=True), strict=True):
        steps = np.arange(min(int(count), end // int(size)) + 1)
        weights = binomial_points(steps, np.full(len(steps), int(count)))
        before, law = law, np.zeros(end + 1)
        known = np.flatnonzero(before)
        if not len(known):  # all of the law lies below what a double can hold
            return 0.0, 0.0
        filled = int(known[-1]) + 1
        for step, weight in zip((steps * size).tolist(), weights.tolist(), strict=True):
            stop = min(end + 1, step + filled)
            law[step:stop] += weight * before[: stop - step]
    reach = float(law[end])
    return (1.0, reach) if total == 0 else (min(1.0, 2 * float(law.sum())), 2 * reach)


def _design_effect(clustered: Clusters, change: NDArray[np.float64]) -> float:
    if clustered.count < 2:
        return 1.0
    away = change - change.mean()
    alone = float((away**2).sum()) / max(1, len(away) - 1) * len(away)
    together = float((clustered.sums(away) ** 2).sum()) * clustered.count / (clustered.count - 1)
    return max(1.0, together / alone) if alone > 0 else 1.0
