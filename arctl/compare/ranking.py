"""More than two runs: is any unlike the others, and in which order do they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from arctl import stats
from arctl.scores.answers import Answers


@dataclass(frozen=True)
class Ranking:
    """Runs, or recipes, from the best to the worst."""

    order: tuple[int, ...]
    """Their places, the best first."""
    line: str
    """`run15 = run18 > run12`: `>` where the neighbours differ by more than chance."""
    beyond: tuple[str, ...]
    """`run15 > run12` for those that differ although all between them are tied."""


@dataclass(frozen=True)
class Omnibus:
    """Cochran's Q: whether any of R runs is right more often than the others."""

    plain: stats.CochranQ
    """Over independent samples."""
    clustered: stats.CochranQ | None
    """Over clusters of samples; None without clusters."""

    @property
    def p(self) -> float:
        """The p-value that decides."""
        return self.plain.p if self.clustered is None else self.clustered.p


def omnibus(answers: Sequence[Answers], clusters: stats.Clusters | None, *, k: int = 1) -> Omnibus:
    """Test that all runs are right equally often at top-k; answers of the same samples in the same order."""
    correct_NR = np.column_stack([one.correct(k) for one in answers])
    return Omnibus(
        stats.cochran_q(correct_NR),
        stats.clustered_q(clusters, correct_NR) if clusters is not None else None,
    )


def ranking(labels: Sequence[str], values: Sequence[float], differ: Callable[[int, int], bool]) -> Ranking:
    """Order runs by their values; `differ` tells of two places whether they differ by more than chance."""
    order = sorted(range(len(labels)), key=lambda place: (-values[place], place))
    ranks = {place: rank for rank, place in enumerate(order)}
    apart = [differ(better, worse) for better, worse in pairwise(order)]
    line = labels[order[0]]
    for (_, worse), real in zip(pairwise(order), apart, strict=True):
        line += f" {'>' if real else '='} {labels[worse]}"
    beyond = [
        f"{labels[better]} > {labels[worse]}"
        for better in order
        for worse in order
        if ranks[worse] > ranks[better] + 1 and not any(apart[ranks[better] : ranks[worse]]) and differ(better, worse)
    ]
    return Ranking(tuple(order), line, tuple(beyond))
