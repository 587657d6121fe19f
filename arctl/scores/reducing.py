"""From logits of all views to a few columns for each sample: the arithmetic of `arctl.scores.answers`.

It goes in pieces that bound its memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arctl.scores.predictions import Head

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_CHUNK = 1 << 20
"""Probabilities that are held at a time."""


@dataclass(frozen=True, eq=False)
class Columns:
    """What is kept of each of N samples (`arctl.scores.answers.Answers` names the columns)."""

    predicted: Ints
    rank: Ints
    chance: Floats
    confidence: Floats
    square: Floats
    slack: Floats

    @classmethod
    def empty(cls, count: int, classes: int) -> Columns:
        """Return columns of samples of which nothing could be read."""
        unread = np.full(count, np.nan)
        return cls(np.full(count, -1), np.full(count, classes), unread, unread.copy(), unread.copy(), np.zeros(count))


def reduce_head(head: Head, *, aggregation: str, by_clip: bool) -> Columns:
    """Return the columns of a head: of its N samples, or of its N*V clips."""
    count, views, width = head.scores.shape
    out = Columns.empty(count * views if by_clip else count, len(head.classes))
    kept = views > 1 and not by_clip and head.top is not None
    step = max(1, _CHUNK // (len(head.classes) if kept else views * width))
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        place = slice(rows.start * views, rows.stop * views) if by_clip else rows
        if head.top is None:
            _all_logits(out, place, head, rows, aggregation=aggregation, by_clip=by_clip)
        elif views == 1 or by_clip:
            _highest_of_one(out, place, head, rows)
        else:
            _highest_of_many(out, rows, head)
    return out


def chances(scores_BVK: NDArray[np.floating], *, aggregation: str = "softmax-mean") -> Floats:
    """Return (B, K) probabilities, the views averaged; NaN where no view could be read.

    A view that could not be read is left out of the average.
    """
    logits = scores_BVK.astype(np.float64)
    if logits.shape[1] == 1:
        return softmax(logits[:, 0])
    seen_BV1 = ~np.isnan(logits[:, :, :1])
    seen_B1 = seen_BV1.sum(axis=1)
    with np.errstate(invalid="ignore"):
        if aggregation == "logit-mean":
            return softmax(np.where(seen_BV1, logits, 0).sum(axis=1) / seen_B1)
        return np.asarray(np.where(seen_BV1, softmax(logits), 0).sum(axis=1) / seen_B1)


def softmax(logits: Floats) -> Floats:
    """Return the softmax over the last axis; NaN for a row of NaN."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=-1, keepdims=True)
    return logits


def ranks(chances_BK: Floats, targets_B: Ints) -> Ints:
    """Return how many classes come before the true one: likelier, or as likely with a lower number."""
    own_B1 = np.take_along_axis(chances_BK, targets_B[:, None], axis=1)
    likelier = (chances_BK > own_B1).sum(axis=1)
    equal_BK = chances_BK == own_B1
    several = np.flatnonzero(equal_BK.sum(axis=1) > 1)
    for row in several:
        likelier[row] += int(equal_BK[row, : targets_B[row]].sum())
    return np.asarray(likelier, dtype=np.int64)


def _all_logits(out: Columns, place: slice, head: Head, rows: slice, *, aggregation: str, by_clip: bool) -> None:
    chance_BK, _, _ = probabilities(head, rows, aggregation=aggregation, by_clip=by_clip)
    targets = head.targets[rows]
    _store(out, place, chance_BK, np.repeat(targets, len(chance_BK) // len(targets)))


def _store(out: Columns, place: slice, chances_BK: Floats, targets: Ints) -> None:
    """Fill columns from probabilities of all classes."""
    readable = np.flatnonzero(~np.isnan(chances_BK[:, 0]))
    if len(readable) < len(chances_BK):
        chances_BK, targets = chances_BK[readable], targets[readable]
    at = place.start + readable
    out.predicted[at] = chances_BK.argmax(axis=1)
    out.rank[at] = ranks(chances_BK, targets)
    out.chance[at] = np.take_along_axis(chances_BK, targets[:, None], axis=1)[:, 0]
    out.confidence[at] = chances_BK.max(axis=1)
    out.square[at] = np.einsum("bk,bk->b", chances_BK, chances_BK)


def _kept(head: Head, rows: slice) -> Iterator[NDArray[Any]]:
    """Yield top, scores, lse, own of some rows as they are stored. Only of a head that has `top`."""
    if head.top is None or head.lse is None or head.own is None:
        raise ValueError("all logits were kept")
    yield from (head.top[rows], head.scores[rows], head.lse[rows], head.own[rows])


def _highest_of_one(out: Columns, place: slice, head: Head, rows: slice) -> None:
    """Fill columns from the highest classes of single views: B samples of one view, or B*V clips."""
    top, scores, lse, own = _kept(head, rows)
    width = scores.shape[2]
    targets = np.repeat(head.targets[rows], scores.shape[1])
    top, logits = top.reshape(-1, width).astype(np.int64), scores.reshape(-1, width).astype(np.float64)
    norm, mine = lse.reshape(-1).astype(np.float64), own.reshape(-1).astype(np.float64)
    readable = np.flatnonzero(~np.isnan(norm))
    top, logits, targets = top[readable], logits[readable], targets[readable]
    norm, mine = norm[readable], mine[readable]
    at = place.start + readable
    first = np.where(logits == logits[:, :1], top, len(head.classes)).min(axis=1, initial=len(head.classes))
    before = (logits > mine[:, None]) | ((logits == mine[:, None]) & (top < targets[:, None]))
    known = (top == targets[:, None]).any(axis=1)
    chance_BT = np.exp(logits - norm[:, None])
    out.predicted[at] = first
    out.rank[at] = np.where(known, before.sum(axis=1), len(head.classes))
    out.chance[at] = np.exp(mine - norm)
    out.confidence[at] = chance_BT[:, 0]
    out.square[at] = np.einsum("bt,bt->b", chance_BT, chance_BT)
    out.slack[at] = chance_BT[:, -1] * np.maximum(0.0, 1 - chance_BT.sum(axis=1))


def probabilities(head: Head, rows: slice, *, aggregation: str, by_clip: bool) -> tuple[Floats, Floats, Floats]:
    """Return for some samples, or their clips: (B, K) probabilities, (B,) that of the true class, (B,) slack.

    Where only the highest classes were kept, one that a view did not keep counts as 0 there; the true class's
    probability is exact all the same. The slack bounds by how much the sum of squares may be too low for that.
    NaN where no view could be read.
    """
    if head.top is not None:
        return _spread(head, rows, by_clip=by_clip)
    scores, targets = head.scores[rows], head.targets[rows]
    if by_clip:
        targets = np.repeat(targets, scores.shape[1])
        scores = scores.reshape(-1, 1, scores.shape[2])
    chance_BK = chances(scores, aggregation=aggregation)
    return chance_BK, np.take_along_axis(chance_BK, targets[:, None], axis=1)[:, 0], np.zeros(len(chance_BK))


def _highest_of_many(out: Columns, rows: slice, head: Head) -> None:
    """Fill columns from the highest classes of several views."""
    chance_BK, own_B, slack_B = _spread(head, rows, by_clip=False)
    targets = head.targets[rows]
    _store(out, rows, chance_BK, targets)
    kept = np.take_along_axis(chance_BK, targets[:, None], axis=1)[:, 0] > 0
    out.rank[rows] = np.where(kept, out.rank[rows], len(head.classes))
    out.chance[rows] = own_B
    out.slack[rows] = np.where(np.isnan(own_B), 0, slack_B)


def _spread(head: Head, rows: slice, *, by_clip: bool) -> tuple[Floats, Floats, Floats]:
    """Return `probabilities` of a head of which the highest classes were kept."""
    top, scores, lse, own = _kept(head, rows)
    if by_clip:
        top, scores = (part.reshape(-1, 1, part.shape[2]) for part in (top, scores))
        lse, own = lse.reshape(-1, 1), own.reshape(-1, 1)
    count, classes = len(scores), len(head.classes)
    seen_BV = ~np.isnan(lse)
    views_B = seen_BV.sum(axis=1)
    norm = np.where(seen_BV, lse, 0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share_BVT = np.exp(scores.astype(np.float64) - norm[:, :, None]) / views_B[:, None, None]
        own_B = np.where(seen_BV, np.exp(own.astype(np.float64) - norm), 0).sum(axis=1) / views_B
    share_BVT = np.where(seen_BV[:, :, None], share_BVT, 0)
    cell = np.where(seen_BV[:, :, None], top, 0).astype(np.int64) + np.arange(count)[:, None, None] * classes
    flat: NDArray[Any] = np.bincount(cell.ravel(), share_BVT.ravel(), minlength=count * classes)
    mean_BK = flat.reshape(count, classes)
    lost = np.maximum(0.0, 1 - mean_BK.sum(axis=1))
    slack = lost * (2 * mean_BK.max(axis=1) + lost)
    mean_BK[views_B == 0] = np.nan
    return mean_BK, own_B, slack
