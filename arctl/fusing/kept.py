"""The scores of runs that kept only their highest classes, side by side over all classes that any of them kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arctl.scores.predictions import Head
from arctl.scores.reducing import Bools, Floats


@dataclass(frozen=True, eq=False)
class Kept:
    """The C classes that any of R runs kept, for M views.

    A class that a run did not keep has there an even share of what its kept ones leave over: no more than the last.
    """

    classes: NDArray[np.int32]
    """(M, C) class numbers, ascending."""
    chance: Floats
    """(R, M, C) probabilities; NaN throughout where the run could not read the view."""
    doubled: Bools
    """(M, C) whether the class stands here once more: then its probabilities are 0 here."""
    own: Floats
    """(R, M) exact probability of the true class."""


def side_by_side(heads: tuple[Head, ...], rows: slice) -> Kept:
    """Return what runs kept of some samples, view by view. Only of heads that have `top`."""
    tops, chances, owns, rests = zip(*(_probabilities(head, rows) for head in heads), strict=True)
    widths = [top.shape[1] for top in tops]
    ends = np.cumsum([0, *widths])
    numbers = np.concatenate(tops, axis=1)
    order = np.argsort(numbers, axis=1, kind="stable")
    numbers = np.take_along_axis(numbers, order, axis=1)
    chance: Floats = np.zeros((len(heads), *numbers.shape))
    for place, part in enumerate(chances):
        chance[place, :, ends[place] : ends[place + 1]] = part
        chance[place] = np.take_along_axis(chance[place], order, axis=1)
    doubled: Bools = np.zeros(numbers.shape, dtype=np.bool_)
    doubled[:, :-1] = numbers[:, :-1] == numbers[:, 1:]
    single = chance.copy()
    for apart in range(1, len(heads)):  # no class stands here more often than once for each run
        same = numbers[:, apart:] == numbers[:, :-apart]
        chance[:, :, apart:] += np.where(same, single[:, :, :-apart], 0)
    for place, rest in enumerate(rests):
        chance[place] = np.where(chance[place] == 0, rest[:, None], chance[place])
    chance[:, doubled] = 0
    for place, own in enumerate(owns):
        chance[place, np.isnan(own)] = np.nan
    return Kept(numbers, chance, doubled, np.array(owns))


def _probabilities(head: Head, rows: slice) -> tuple[NDArray[np.int32], Floats, Floats, Floats]:
    """Return of each view (M, T) classes and their probabilities, (M,) that of the true class, and of one not kept."""
    assert head.top is not None and head.lse is not None and head.own is not None
    norm = head.lse[rows].reshape(-1).astype(np.float64)
    width = head.scores.shape[2]
    chance = np.exp(head.scores[rows].reshape(-1, width).astype(np.float64) - norm[:, None])
    own = np.exp(head.own[rows].reshape(-1).astype(np.float64) - norm)
    rest = np.clip(1 - chance.sum(axis=1), 0, None) / max(1, len(head.classes) - width)
    return head.top[rows].reshape(-1, width).astype(np.int32), chance, own, np.minimum(rest, chance[:, -1])
