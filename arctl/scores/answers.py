"""What a run answered on each sample, reduced from its scores once, so that every statistic reads short columns.

Probabilities are means over views of each view's softmax, or the softmax of the mean logits. Of equal probabilities
the lower class number comes first. A sample that could not be read is wrong at every k.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arctl.errors import DataError, UsageError
from arctl.protocol import AGGREGATIONS, LEVELS, Protocol
from arctl.scores import actions, reducing
from arctl.scores.picking import pick
from arctl.scores.predictions import Head, Predictions, read_predictions
from arctl.text import safe_line

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one head on N samples, ordered by id. At clip level every view is a sample: `id#view`."""

    ids: tuple[str, ...]
    """(N,) sorted, so that two runs on the same samples agree row by row."""
    groups: NDArray[np.str_]
    """(N,) source that samples share; empty where unknown. At clip level without one: the video."""
    targets: Ints
    """(N,) true classes."""
    predicted: Ints
    """(N,) likeliest classes; -1 where nothing could be read."""
    rank: Ints
    """(N,) how many classes came before the true one: 0 is right. K where that is unknown or nothing could be read."""
    chance: Floats
    """(N,) probability of the true class; NaN where nothing could be read."""
    confidence: Floats
    """(N,) highest probability; NaN where nothing could be read."""
    square: Floats
    """(N,) sum over classes of the squared probabilities; NaN where nothing could be read."""
    slack: Floats
    """(N,) by how much `square` may be too low where only the highest classes were kept; else 0."""
    order: Ints
    """(N,) row of the predictions file that each row comes from."""
    classes: tuple[str, ...]
    """(K,) names, safe to show."""
    protocol: Protocol
    """How the answers came about."""
    reach: int
    """Up to which k top-k is known: K, or as many as the file keeps."""
    number: int = 0
    """The run's number; 0 where nobody said."""
    epoch: int = 0
    """After which epoch."""
    chosen: str = "asked for"
    """Why this epoch: `asked for`, `best` or `newest`."""
    path: Path | None = None
    """The file that they were read from."""

    def correct(self, k: int = 1) -> NDArray[np.bool_]:
        """(N,) whether the true class is among the k likeliest; with fewer than k classes, among them all.

        Raises UsageError for k below 1, DataError for more than the file keeps.
        """
        if k < 1:
            raise UsageError(f"top-{k} means nothing", cure="k is 1 or more")
        if k > self.reach and self.reach < len(self.classes):
            raise DataError(
                f"top-{k} is unknown: of {len(self.classes)} classes the {self.reach} likeliest were kept",
                where=str(self.path) if self.path else None,
                cure=f"ask for k up to {self.reach}",
            )
        return (self.predicted >= 0) & (self.rank < min(k, len(self.classes)))

    @property
    def unreadable(self) -> int:
        """How many samples could not be read."""
        return int((self.predicted < 0).sum())


def load_answers(
    run_dir: Path,
    number: int,
    *,
    split: str = "val",
    epoch: int | None = None,
    best: int | None = None,
    newest: bool = False,
    views: str | None = None,
    probe: str | None = None,
    aggregation: str = "softmax-mean",
    level: str = "video",
    head: str = "",
) -> Answers:
    """Return the answers of a run: the file as `picking.pick` finds it, its scores as `answers` reduces them."""
    picked = pick(run_dir, number, split=split, epoch=epoch, best=best, newest=newest, views=views, probe=probe)
    stored = read_predictions(picked.path)
    return answers(
        stored,
        aggregation=aggregation,
        level=level,
        head=head,
        number=number,
        epoch=picked.epoch,
        chosen=picked.chosen,
    )


def answers(
    predictions: Predictions,
    *,
    aggregation: str = "softmax-mean",
    level: str = "video",
    head: str = "",
    number: int = 0,
    epoch: int | None = None,
    chosen: str = "asked for",
) -> Answers:
    """Reduce scores to answers, in pieces, in double precision.

    `head` is `verb`, `noun` or `action` of a two-headed file; an action's probability is the product of its verb's and
    its noun's. Raises UsageError for an unknown word, DataError for a head that is not there or an average that the
    file cannot give.
    """
    _check(aggregation, level)
    if head == "action":
        whole = actions.actions(predictions, aggregation=aggregation, by_clip=level == "clip")
        classes = whole.classes
        columns, targets, reach = whole.columns, whole.targets, whole.reach
    else:
        one = predictions.head(head)
        _check_average(one, aggregation, level, predictions.path)
        columns = reducing.reduce_head(one, aggregation=aggregation, by_clip=level == "clip")
        classes, targets, reach = one.classes, one.targets, one.reach
    ids, groups, order = _samples(predictions, by_clip=level == "clip")
    if level == "clip":
        targets = np.repeat(targets, predictions.protocol.view_count)
    rows = order if level == "video" else _clip_rows(order, predictions.protocol.view_count)
    at = predictions.protocol.epoch if epoch is None else epoch
    return Answers(
        ids=ids,
        groups=groups,
        targets=targets[rows],
        predicted=columns.predicted[rows],
        rank=columns.rank[rows],
        chance=columns.chance[rows],
        confidence=columns.confidence[rows],
        square=columns.square[rows],
        slack=columns.slack[rows],
        order=order if level == "video" else np.repeat(order, predictions.protocol.view_count),
        classes=classes,
        protocol=predictions.protocol.at(level=level, aggregation=aggregation, head=head),
        reach=reach,
        number=number,
        epoch=at or 0,
        chosen=chosen,
        path=predictions.path,
    )


def _check(aggregation: str, level: str) -> None:
    for word, known, option in ((aggregation, AGGREGATIONS, "--aggregation"), (level, LEVELS, "--level")):
        if word not in known:
            raise UsageError(f"{safe_line(word)!r} is unknown", where=option, cure=f"use {' or '.join(known)}")


def _check_average(head: Head, aggregation: str, level: str, path: Path) -> None:
    if aggregation == "logit-mean" and level == "video" and head.top is not None and head.scores.shape[1] > 1:
        raise DataError(
            f"the mean of logits needs them all; of {len(head.classes)} classes the {head.reach} highest were kept",
            where=str(path),
            cure="use --aggregation softmax-mean",
        )


def _samples(predictions: Predictions, *, by_clip: bool) -> tuple[tuple[str, ...], NDArray[np.str_], Ints]:
    """Return sorted ids, their groups, and the row of the file of each video in that order."""
    order: Any = sorted(range(len(predictions.ids)), key=predictions.ids.__getitem__)
    ids = [predictions.ids[row] for row in order]
    groups = [predictions.groups[row] for row in order]
    if by_clip:
        views = range(predictions.protocol.view_count)
        groups = [group or name for name, group in zip(ids, groups, strict=True) for _ in views]
        ids = [f"{name}#{view}" for name in ids for view in views]
    return tuple(ids), np.array(groups, dtype=np.str_), np.array(order, dtype=np.int64)


def _clip_rows(order: Ints, views: int) -> Ints:
    """Return the row of each clip among N*V of the file, its videos in `order`."""
    return np.asarray((order[:, None] * views + np.arange(views)).ravel(), dtype=np.int64)
