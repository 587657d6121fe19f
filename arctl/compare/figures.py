"""Figures that are made of stored answers, side by side: accuracies, F1, loss, calibration, speed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from arctl.compare.measures import recorded
from arctl.registry.rows import RunRow
from arctl.scores.answers import Answers
from arctl.scores.metrics import Scores, contradiction, score
from arctl.settings import Workspace


@dataclass(frozen=True)
class Figure:
    """One figure of each run."""

    name: str
    """`top1`, `mean_class`, `nll`, ..."""
    title: str
    """`top-1`."""
    values: tuple[float | None, ...]
    """One for each run, None where it has no predictions; NaN where it means nothing."""
    difference: float | None
    """Second minus first, of two runs."""
    better: int | None
    """Index of the best run; None where they are equal or fewer than two."""
    lower: bool
    """Whether smaller is better."""
    share: bool
    """Whether it is a share, shown in percent."""


_PLAIN: Mapping[str, tuple[str, Callable[[Scores], float], bool, bool]] = {
    "mean_class": ("mean-class accuracy", lambda one: one.mean_class, False, True),
    "macro_f1": ("macro F1", lambda one: one.macro_f1, False, True),
    "weighted_f1": ("weighted F1", lambda one: one.weighted_f1, False, True),
    "nll": ("NLL", lambda one: one.nll, True, False),
    "brier": ("Brier", lambda one: one.brier, True, False),
    "ece": ("ECE", lambda one: one.ece, True, True),
}


def scored(answers: Answers | None, *, confidence: float) -> Scores | None:
    """Return every figure of a run's answers: top-k for k of 1, 5 and 10 where that leaves a class out."""
    if answers is None:
        return None
    known = [k for k in (5, 10) if k < len(answers.classes) and k <= answers.reach]
    return score(answers, k=(1, *known), level=confidence)


def doubted(workspace: Workspace, row: RunRow, answers: Answers | None, scores: Scores | None) -> str | None:
    """Return how predictions that training wrote contradict the run's own events: one of them was changed since.

    None where they agree, and where nothing was recorded of these answers.
    """
    if answers is None or scores is None or answers.protocol.weights is not None:
        return None
    if answers.protocol.level != "video" or answers.protocol.aggregation != "softmax-mean" or answers.protocol.probe:
        return None
    return contradiction(scores, recorded(workspace, row, answers.protocol.split, answers.epoch))


def figures(scores: Sequence[Scores | None]) -> tuple[Figure, ...]:
    """Return the figures that any run has, each of all runs."""
    known = [one for one in scores if one is not None]
    if not known:
        return ()
    ks = [k for k in known[0].top if all(k in one.top for one in known)]
    found = [
        _figure(f"top{k}", f"top-{k}", [one.top[k].value if one else None for one in scores], False, True) for k in ks
    ]
    for name, (title, take, lower, share) in _PLAIN.items():
        found.append(_figure(name, title, [take(one) if one is not None else None for one in scores], lower, share))
    return tuple(found)


def _figure(name: str, title: str, values: Sequence[float | None], lower: bool, share: bool) -> Figure:
    finite = [(value, place) for place, value in enumerate(values) if value is not None and math.isfinite(value)]
    better = None
    if len(finite) > 1:
        best = min(finite) if lower else max(finite)
        better = best[1] if sum(value == best[0] for value, _ in finite) == 1 else None
    two = values if len(values) == 2 else (None, None)
    difference = two[1] - two[0] if two[0] is not None and two[1] is not None else None
    return Figure(name, title, tuple(values), difference, better, lower, share)
