"""Verb, noun and action accuracies as EPIC-KITCHENS-100 reports them: of all segments top-1 and top-5, of tail classes
and of participants unseen in training top-1. An action is tail if its verb or its noun is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arctl.errors import DataError
from arctl.protocol import Protocol
from arctl.scores.answers import Answers, answers
from arctl.scores.metrics import Share, share
from arctl.scores.predictions import Predictions

TASKS = ("verb", "noun", "action")
"""In the order in which they are reported."""


@dataclass(frozen=True)
class EpicLine:
    """One task on one part of the segments."""

    part: str
    """`all`, `tail` or `unseen`."""
    task: str
    """`verb`, `noun` or `action`."""
    top: tuple[tuple[int, Share], ...]
    """(k, accuracy), of `all` for every k, of the others for 1."""


@dataclass(frozen=True)
class EpicScores:
    """The table of EPIC-KITCHENS-100."""

    protocol: Protocol
    """How the numbers came about, of the action head."""
    lines: tuple[EpicLine, ...]
    """Part by part, task by task."""
    missing: tuple[str, ...]
    """Parts that the file says too little of, and why."""


def score_epic(
    predictions: Predictions,
    *,
    k: Sequence[int] = (1, 5),
    aggregation: str = "softmax-mean",
    level: str = "video",
    confidence: float = 0.95,
) -> EpicScores:
    """Return the table of a two-headed file. Raises DataError for a file without a verb and a noun head."""
    if not {"verb", "noun"} <= set(predictions.heads):
        raise DataError("there is no verb and noun head", where=str(predictions.path), cure="look at it without them")
    tasks = {task: answers(predictions, head=task, aggregation=aggregation, level=level) for task in TASKS}
    lines = [_line("all", task, tasks[task], None, k, confidence) for task in TASKS]
    missing = []
    tail = _tail(predictions, tasks)
    if tail is None:
        missing.append("tail: the file names no tail classes (tail_verb, tail_noun)")
    else:
        lines += [_line("tail", task, tasks[task], tail[task], (1,), confidence) for task in TASKS]
    unseen = _unseen(predictions, tasks["action"])
    if unseen is None:
        missing.append("unseen: the file names no participants, or none that training did not see")
    else:
        lines += [_line("unseen", task, tasks[task], unseen, (1,), confidence) for task in TASKS]
    return EpicScores(tasks["action"].protocol, tuple(lines), tuple(missing))


def _line(
    part: str, task: str, given: Answers, chosen: NDArray[np.bool_] | None, k: Sequence[int], confidence: float
) -> EpicLine:
    rows = np.ones(len(given.ids), dtype=np.bool_) if chosen is None else chosen
    repeats = given.protocol.view_count if given.protocol.level == "clip" else 1
    top = [(n, share(given.correct(n)[rows], level=confidence, repeats=repeats)) for n in dict.fromkeys(k)]
    return EpicLine(part, task, tuple(top))


def _tail(predictions: Predictions, tasks: dict[str, Answers]) -> dict[str, NDArray[np.bool_]] | None:
    """Return which segments are tail in each task; None where the file does not say."""
    if not {"verb", "noun"} <= set(predictions.tail):
        return None
    of = {
        task: np.isin(tasks[task].targets, np.array(sorted(predictions.tail[task]), dtype=np.int64))
        for task in ("verb", "noun")
    }
    return {**of, "action": of["verb"] | of["noun"]}


def _unseen(predictions: Predictions, given: Answers) -> NDArray[np.bool_] | None:
    """Return which segments are of participants that training did not see; None where the file does not say."""
    if not predictions.participants or not predictions.unseen:
        return None
    known = np.array([name in predictions.unseen for name in predictions.participants], dtype=np.bool_)
    return known[given.order]
