"""The arithmetic of late fusion: scores of several runs become scores of one, view by view.

The mean over views of a weighted mean of probabilities is the weighted mean of the runs' own means, so fusing view by
view loses nothing, and the result has views as any run's predictions have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from arctl.errors import DataError
from arctl.fusing.kept import side_by_side
from arctl.fusing.lineup import Lineup
from arctl.scores.predictions import Head
from arctl.scores.reducing import probabilities

Floats = NDArray[np.float64]

HOWS: Mapping[str, str] = {
    "softmax": "mean of softmax",
    "logits": "mean of logits",
    "weighted": "weighted mean of softmax",
}
"""Ways to fuse: the name, and in words."""

_LEAST = 1e-30
"""Smallest probability whose logarithm is taken."""
_LOWEST = -60_000.0
"""Lowest score that is written: half precision ends at -65,504."""
_CHUNK = 1 << 20
"""Probabilities of one run that are held at a time."""


def blend(lineup: Lineup, weights_NR: Floats, *, how: str) -> dict[str, Head]:
    """Return the fused scores of each head, as half-precision logits whose softmax is the fused probability.

    `weights_NR` are the runs' shares for each video, each row summing to 1. Of a mean of softmax p the score is log p,
    of a mean of logits the logit, both less the highest of the view, which keeps close ones apart in half precision. A
    view that one of the runs could not read is NaN. Raises DataError for a mean of logits where not all were kept.
    """
    fused = {}
    for name in lineup.heads:
        heads = lineup.of(name)
        if heads[0].top is None:
            fused[name] = _all(heads, weights_NR, how=how)
        elif how == "logits":
            what = f"the mean of logits needs them all; of {len(heads[0].classes)} classes {heads[0].reach} were kept"
            raise DataError(what, where=str(lineup.members[0].predictions.path), cure="use --how softmax")
        else:
            fused[name] = _highest(heads, weights_NR)
    return fused


def _all(heads: tuple[Head, ...], weights_NR: Floats, *, how: str) -> Head:
    """Return a head that keeps all logits."""
    like, (_, views, classes) = heads[0], heads[0].scores.shape
    scores = np.empty(like.scores.shape, dtype=np.float16)
    for rows in _chunks(len(scores), views * classes):
        shares_BR = np.repeat(weights_NR[rows], views, axis=0)
        whole: Floats = np.zeros((len(shares_BR), classes))
        for place, head in enumerate(heads):
            if how == "logits":
                part = head.scores[rows].reshape(-1, classes).astype(np.float64)
            else:
                part, _, _ = probabilities(head, rows, aggregation="softmax-mean", by_clip=True)
            whole += shares_BR[:, place, None] * part
        logit = whole if how == "logits" else np.log(np.maximum(whole, _LEAST))
        logit = np.maximum(logit - logit.max(axis=1, keepdims=True), _LOWEST)
        scores[rows] = logit.reshape(-1, views, classes)
    return Head(like.name, like.targets, like.classes, scores)


def _highest(heads: tuple[Head, ...], weights_NR: Floats) -> Head:
    """Return a head that keeps the highest logs of probabilities, whose sum over all classes is 1."""
    like, (count, views, _) = heads[0], heads[0].scores.shape
    reach = min(head.reach for head in heads)
    top = np.empty((count, views, reach), dtype=np.int32)
    scores = np.empty((count, views, reach), dtype=np.float16)
    lse, own = np.empty((count, views), dtype=np.float32), np.empty((count, views), dtype=np.float16)
    for rows in _chunks(count, views * sum(head.reach for head in heads)):
        kept, shares_RM = side_by_side(heads, rows), np.repeat(weights_NR[rows], views, axis=0).T
        whole = np.where(kept.doubled, -1.0, (shares_RM[:, :, None] * kept.chance).sum(axis=0))
        chosen = np.sort(np.argpartition(-whole, reach - 1, axis=1)[:, :reach], axis=1)
        found = np.take_along_axis(whole, chosen, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        numbers = np.take_along_axis(kept.classes, np.take_along_axis(chosen, order, axis=1), axis=1)
        logit = np.log(np.maximum(np.take_along_axis(found, order, axis=1), _LEAST))
        lost = np.isnan(kept.own).any(axis=0)
        numbers[lost], logit[lost] = np.arange(reach), np.nan
        peak = logit[:, :1]
        stored = (logit - peak).astype(np.float16)
        exact = np.log(np.maximum((shares_RM * kept.own).sum(axis=0), _LEAST)) - peak[:, 0]
        mine = np.minimum(exact.astype(np.float16), stored[:, -1])
        hit = numbers == np.repeat(like.targets[rows], views)[:, None]
        mine = np.where(hit.any(axis=1), np.where(hit, stored, 0).sum(axis=1), mine)
        for target, part in ((top, numbers), (scores, stored), (lse, -peak), (own, mine)):
            target[rows] = part.reshape(target[rows].shape)
    return Head(like.name, like.targets, like.classes, scores, top, lse, own)


def _chunks(count: int, width: int) -> Iterator[slice]:
    """Yield slices of samples that hold about `_CHUNK` scores of a run."""
    step = max(1, _CHUNK // width)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
