"""Weights that suit a set of videos best, and what they are worth on videos that they have not seen.

Weights are searched for the highest top-1, then the lowest loss. A number on the videos of the search flatters, so
those videos get weights that were found without them and all others of their group.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arctl.fusing.ballot import Ballot, Weights
from arctl.scores.reducing import Bools, Floats

FOLDS = 5
"""Parts into which the groups are cut; with fewer groups as many as there are."""
REPEATS = 2
"""How often they are cut anew; a video's weights are the mean over them."""

_STEPS = {2: 100, 3: 20}
"""Into how many steps a weight is cut, by how many runs are fused; more runs are searched one weight at a time."""
_FINE = 20
_ROUNDS = 5


@dataclass(frozen=True, eq=False)
class Searched:
    """Weights of R runs, found on the N videos of one split."""

    weights: Weights
    """Those that suit all the videos best."""
    crossed: Floats
    """(N, R) of each video the mean of weights that were found without its group."""
    folds: int
    """Into how many parts the videos were cut; 0 where they are too few to be cut."""
    by: str
    """What was kept together: `groups`, or single `videos` where no two groups are known."""
    top1: float
    """Top-1 of `weights` on the very videos of the search, which flatters them."""
    loss: float
    """Their mean loss there, nats; NaN where nothing could be read."""


def search(ballot: Ballot, groups: Sequence[str], *, folds: int = FOLDS, repeats: int = REPEATS) -> Searched:
    """Return the best weights of all videos, and for each video those of the folds that it is not in.

    The same input gives the same weights. A single video has no others: its weights are equal ones.
    """
    count = len(groups)
    everything = np.ones(count, dtype=np.bool_)
    whole = _fit(ballot, everything)
    known = sorted({group for group in groups if group})
    by = "groups" if len(known) > 1 else "videos"
    unit = [group or f"\0{place}" for place, group in enumerate(groups)] if by == "groups" else range(count)
    crossed: Floats = np.zeros((count, ballot.runs))
    right, loss = ballot.look(whole)
    readable = ~np.isnan(ballot.rivals[0].own).any(axis=1)
    told = (float(right.mean()), float(loss.sum() / readable.sum()) if readable.any() else math.nan)
    parts = 0
    for repeat in range(repeats):
        fold_N = cut(list(map(str, unit)), folds, seed=repeat)
        parts = int(fold_N.max()) + 1
        if parts < 2:
            return Searched(whole, np.full((count, ballot.runs), 1 / ballot.runs), 0, by, *told)
        for part in range(parts):
            mine = fold_N == part
            crossed[mine] += np.array(_fit(ballot, ~mine)) / repeats
    return Searched(whole, crossed, parts, by, *told)


def cut(groups: Sequence[str], folds: int, *, seed: int) -> NDArray[np.int64]:
    """Return the fold of each video: whole groups, the largest first, each into the smallest fold so far."""
    names, place, sizes = np.unique(np.array(groups, dtype=np.str_), return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(min(folds, len(names)), dtype=np.int64)
    fold = np.empty(len(names), dtype=np.int64)
    for group in order:
        fold[group] = filled.argmin()
        filled[fold[group]] += sizes[group]
    return np.asarray(fold[place], dtype=np.int64)


def equal(runs: int) -> Weights:
    """Return the same weight for each of some runs."""
    return (1 / runs,) * runs


def _fit(ballot: Ballot, videos: Bools) -> Weights:
    """Return the weights with the highest top-1 on some videos; of equal ones the lowest loss, then the most even."""
    if ballot.runs in _STEPS:
        return min(simplex(ballot.runs, _STEPS[ballot.runs]), key=lambda weights: _cost(ballot, weights, videos))
    best = equal(ballot.runs)
    for _ in range(_ROUNDS):
        before = best
        for place in range(ballot.runs):
            best = min(_along(best, place), key=lambda weights: _cost(ballot, weights, videos))
        if best == before:
            break
    return best


def _cost(ballot: Ballot, weights: Weights, videos: Bools) -> tuple[int, float, float]:
    right, loss = ballot.look(weights)
    return -int((right & videos).sum()), float(loss[videos].sum(dtype=np.float64)), sum(weight**2 for weight in weights)


def simplex(runs: int, steps: int) -> Iterator[Weights]:
    """Yield all weights of some runs that are multiples of 1/steps and sum to 1."""
    for bars in itertools.combinations(range(steps + runs - 1), runs - 1):
        edges = (-1, *bars, steps + runs - 1)
        yield tuple((after - before - 1) / steps for before, after in itertools.pairwise(edges))


def _along(weights: Weights, place: int) -> Iterator[Weights]:
    """Yield weights with one of them changed and the others scaled; the given ones first."""
    yield weights
    rest = 1 - weights[place]
    for step in range(_FINE + 1):
        share = step / _FINE
        others = len(weights) - 1
        scaled = [(1 - share) * (weight / rest if rest > 0 else 1 / others) for weight in weights]
        scaled[place] = share
        yield tuple(scaled)
