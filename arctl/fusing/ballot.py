"""Whether a weighted mean of the runs' probabilities is right, for many weights: what a search for weights asks.

Of all classes only those matter that some run finds at least as likely as the true one. They are few, so a look at
20,000 videos and 400 classes takes milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from arctl.fusing.kept import side_by_side
from arctl.fusing.lineup import Lineup
from arctl.scores.predictions import Head
from arctl.scores.reducing import Bools, Floats, probabilities

Weights = tuple[float, ...]

_CHUNK = 1 << 20
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Rivals:
    """The classes that may beat the true one, of all videos one after the other."""

    lead: NDArray[np.float32]
    """(M, R) how much likelier than the true class each run finds a rival."""
    video: NDArray[np.int64]
    """(M,) the video of each rival."""
    first: Bools
    """(M,) whether the rival wins where both are equally likely: the lower class number does."""
    own: Floats
    """(N, R) probability of each video's true class; NaN where a run could not read it."""


@dataclass(eq=False)
class Ballot:
    """What weights would do to every video, over all heads: right where every head is right, losses summed."""

    rivals: tuple[Rivals, ...]
    """Of each head."""
    _known: dict[Weights, tuple[Bools, NDArray[np.float32]]] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """How many runs are fused."""
        return int(self.rivals[0].own.shape[1])

    def look(self, weights: Weights) -> tuple[Bools, NDArray[np.float32]]:
        """Return of N videos whether they are right (unreadable: no), and their loss in nats (unreadable: 0)."""
        if weights not in self._known:
            sides = [_look(head, np.array(weights)) for head in self.rivals]
            right = np.logical_and.reduce([right for right, _ in sides])
            self._known[weights] = (right, np.sum([loss for _, loss in sides], axis=0).astype(np.float32))
        return self._known[weights]


def ballot(lineup: Lineup) -> Ballot:
    """Return what a search over a lineup asks."""
    return Ballot(tuple(_rivals(lineup.of(name)) for name in lineup.heads))


def _look(head: Rivals, weights: Floats) -> tuple[Bools, Floats]:
    lead_M = head.lead @ weights.astype(np.float32)
    beaten = (lead_M > 0) | ((lead_M == 0) & head.first)
    lost = np.bincount(head.video[beaten], minlength=len(head.own)) > 0
    own = head.own @ weights
    readable = ~np.isnan(own)
    loss = -np.log(np.maximum(np.where(readable, own, 1.0), _TINY))
    return readable & ~lost, loss


def _rivals(heads: tuple[Head, ...]) -> Rivals:
    like, (count, views, width) = heads[0], heads[0].scores.shape
    own_NR: Floats = np.full((count, len(heads)), np.nan)
    parts: list[tuple[NDArray[np.float32], NDArray[np.int64], Bools]] = []
    few = like.top is not None and views == 1
    step = max(1, _CHUNK // (width * len(heads) if few else max(len(like.classes), views * width)))
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        number_BC, chance_RBC, own = _kept(heads, rows) if few else _whole(heads, rows)
        own_NR[rows] = own.T
        parts.append(_ahead(number_BC, chance_RBC, like.targets[rows], start))
    lead, video, first = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Rivals(lead, video, first, own_NR)


def _kept(heads: tuple[Head, ...], rows: slice) -> tuple[NDArray[np.int32], Floats, Floats]:
    """Return class numbers, each run's probabilities and that of the true class, of the classes that were kept."""
    kept = side_by_side(heads, rows)
    return np.where(kept.doubled, -1, kept.classes), kept.chance, kept.own


def _whole(heads: tuple[Head, ...], rows: slice) -> tuple[NDArray[np.int32], Floats, Floats]:
    """Return the same of all classes, the views averaged."""
    sides = [probabilities(head, rows, aggregation="softmax-mean", by_clip=False)[:2] for head in heads]
    chance_RBK = np.array([chance for chance, _ in sides])
    number_BK = np.broadcast_to(np.arange(chance_RBK.shape[2], dtype=np.int32), chance_RBK.shape[1:])
    return number_BK, chance_RBK, np.array([own for _, own in sides])


def _ahead(
    number_BC: NDArray[np.int32], chance_RBC: Floats, target_B: NDArray[np.int64], start: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], Bools]:
    """Return lead, video and `first` of the classes that some run finds as likely as the true one.

    What a run gives no chance at all does not tie with a true class that it gives none: something else is ahead there.
    """
    is_own = number_BC == target_B[:, None]
    own_RB1 = np.where(is_own, chance_RBC, 0).sum(axis=2, keepdims=True)
    lead_RBC = (chance_RBC - own_RB1).astype(np.float32)
    may_win = ((lead_RBC > 0) | ((lead_RBC == 0) & (own_RB1 > 0))).any(axis=0) & ~is_own & (number_BC >= 0)
    video, place = np.nonzero(may_win)
    return lead_RBC[:, video, place].T, video + start, number_BC[video, place] < target_B[video]
