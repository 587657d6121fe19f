"""Actions of a verb and a noun head, by the rules of EPIC-KITCHENS-100: an action's score is the product of its two
probabilities, over the 100 likeliest verbs and the 100 likeliest nouns of each sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arctl.errors import DataError
from arctl.scores.predictions import Head, Predictions
from arctl.scores.reducing import Columns, Floats, Ints, probabilities

LIKELIEST = 100
"""Verbs and nouns of each sample that are multiplied, and actions that are ranked."""

MOST = 1 << 20
"""Actions that there may be."""

_ROWS = 128
"""Samples whose products are held at a time."""


@dataclass(frozen=True, eq=False)
class Actions:
    """What a verb and a noun head say together."""

    columns: Columns
    """Of each sample, or of each clip."""
    targets: Ints
    """(N,) true actions: `verb * nouns + noun`."""
    classes: tuple[str, ...]
    """`take+plate` for every verb and noun."""
    reach: int
    """Ranks that are known."""


def actions(predictions: Predictions, *, aggregation: str, by_clip: bool) -> Actions:
    """Return the answers of both heads as actions. Raises DataError where a head is missing or there are too many."""
    verb, noun = predictions.head("verb"), predictions.head("noun")
    many = len(noun.classes)
    if len(verb.classes) * many > MOST:
        what = f"{len(verb.classes)} verbs and {many} nouns make more than {MOST} actions"
        raise DataError(what, where=str(predictions.path), cure="look at --head verb and --head noun")
    classes = tuple(f"{first}+{second}" for first in verb.classes for second in noun.classes)
    views = verb.scores.shape[1] if by_clip else 1
    columns = Columns.empty(len(predictions.ids) * views, len(classes))
    for start in range(0, len(predictions.ids), _ROWS):
        rows = slice(start, min(start + _ROWS, len(predictions.ids)))
        _multiply(columns, start * views, verb, noun, rows, aggregation=aggregation, by_clip=by_clip)
    return Actions(columns, verb.targets * many + noun.targets, classes, min(LIKELIEST, len(classes)))


def _multiply(
    out: Columns, place: int, verb: Head, noun: Head, rows: slice, *, aggregation: str, by_clip: bool
) -> None:
    """Fill the columns of some samples."""
    first = _side(verb, rows, aggregation=aggregation, by_clip=by_clip)
    second = _side(noun, rows, aggregation=aggregation, by_clip=by_clip)
    readable = np.flatnonzero(~np.isnan(first.own) & ~np.isnan(second.own))
    first, second = first.of(readable), second.of(readable)
    many, whole = len(noun.classes), len(verb.classes) * len(noun.classes)
    product_BVN = first.likely[:, :, None] * second.likely[:, None, :]
    number_BVN = first.numbers[:, :, None] * many + second.numbers[:, None, :]
    product, number = product_BVN.reshape(len(readable), -1), number_BVN.reshape(len(readable), -1)
    highest = product.max(axis=1, initial=0)
    target = first.targets * many + second.targets
    is_own = number == target[:, None]
    own = np.where(is_own, product, 0).sum(axis=1)
    before = (product > own[:, None]) | ((product == own[:, None]) & (number < target[:, None]))
    at = place + readable
    out.predicted[at] = np.where(product == highest[:, None], number, whole).min(axis=1, initial=whole)
    out.rank[at] = np.where(is_own.any(axis=1), before.sum(axis=1), whole)
    out.chance[at] = first.own * second.own
    out.confidence[at] = highest
    out.square[at] = first.square * second.square
    out.slack[at] = (first.square + first.slack) * (second.square + second.slack) - out.square[at]


@dataclass(frozen=True, eq=False)
class _Side:
    """The likeliest classes of one head for some samples."""

    numbers: Ints
    likely: Floats
    targets: Ints
    own: Floats
    square: Floats
    slack: Floats

    def of(self, rows: NDArray[np.intp]) -> _Side:
        """Return it of some of the samples."""
        return _Side(
            self.numbers[rows],
            self.likely[rows],
            self.targets[rows],
            self.own[rows],
            self.square[rows],
            self.slack[rows],
        )


def _side(head: Head, rows: slice, *, aggregation: str, by_clip: bool) -> _Side:
    chance_BK, own_B, slack_B = probabilities(head, rows, aggregation=aggregation, by_clip=by_clip)
    numbers = np.argsort(-chance_BK, axis=1, kind="stable")[:, :LIKELIEST]
    targets = np.repeat(head.targets[rows], len(chance_BK) // len(head.targets[rows]))
    square = np.einsum("bk,bk->b", chance_BK, chance_BK)
    return _Side(numbers, np.take_along_axis(chance_BK, numbers, axis=1), targets, own_B, square, slack_B)
