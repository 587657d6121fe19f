"""Figures of a run's answers: accuracies, per-class precision and recall, calibration. Nothing here needs a GPU.

A sample that could not be read is wrong in every accuracy and recall; it is left out of loss and calibration, which
say something of probabilities only. At clip level an interval counts videos: views of one video are not independent.
docs/metrics.md has the formulas and their sources.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arctl.protocol import Protocol
from arctl.scores.answers import Answers, Floats, Ints
from arctl.stats import wilson

BINS = 15
"""Bins of equal width over the highest probability, for the expected calibration error."""

_SMALLEST = 1e-30
"""A probability below this counts as this in the loss, as in training."""


@dataclass(frozen=True)
class Share:
    """How many of how many, with Wilson's interval."""

    hits: int
    """How many."""
    of: int
    """Of how many."""
    value: float
    """The share, 0 to 1; NaN of none."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end."""


@dataclass(frozen=True, eq=False)
class ClassFigures:
    """Precision, recall and F1 of each of K classes; NaN where they mean nothing."""

    names: tuple[str, ...]
    """(K,) safe to show."""
    support: Ints
    """(K,) samples of the class."""
    predicted: Ints
    """(K,) samples taken for it."""
    right: Ints
    """(K,) of them both."""
    precision: Floats
    """(K,) `right / predicted`; NaN of a class that nothing was taken for."""
    recall: Floats
    """(K,) `right / support`; NaN of a class without samples."""
    f1: Floats
    """(K,) `2 right / (support + predicted)`; NaN of a class that neither is there nor was answered."""
    precision_ends: tuple[Floats, Floats]
    """(K,) ends of Wilson's interval of the precision."""
    recall_ends: tuple[Floats, Floats]
    """(K,) ends of Wilson's interval of the recall."""
    f1_ends: tuple[Floats, Floats]
    """(K,) ends of the interval of F1: those of `right / (support + predicted - right)`, carried over."""

    @property
    def listed(self) -> list[int]:
        """Classes worth a line: all, or of more than 1,000 those that are there or were answered."""
        if len(self.names) <= 1000:
            return list(range(len(self.names)))
        return [int(k) for k in np.flatnonzero(self.support + self.predicted)]


@dataclass(frozen=True, eq=False)
class Scores:
    """Every figure of a run's answers, and the protocol that they were reached by."""

    protocol: Protocol
    """How they came about."""
    level: float
    """Of the intervals, 0.95."""
    samples: int
    """Samples, or clips at clip level."""
    unreadable: int
    """Of them that could not be read."""
    top: Mapping[int, Share]
    """k -> top-k accuracy."""
    mean_class: float
    """Mean recall of the classes that have samples."""
    macro_f1: float
    """Mean F1 of the classes that are there or were answered."""
    weighted_f1: float
    """Mean F1 weighted by the samples of each class."""
    nll: float
    """Mean negative log likelihood of the readable samples, nats; NaN without one."""
    brier: float
    """Mean over samples of the sum over classes of the squared error, 0 to 2."""
    brier_slack: float
    """By how much `brier` may be too low because only the highest classes were kept; else 0."""
    ece: float
    """Expected calibration error over `BINS` bins."""
    classes: ClassFigures
    """Class by class."""

    @property
    def empty_classes(self) -> int:
        """How many classes have no samples here."""
        return int((self.classes.support == 0).sum())


def score(answers: Answers, *, k: Sequence[int] = (1, 5), level: float = 0.95) -> Scores:
    """Return the figures of answers; `level` is that of the intervals.

    Raises UsageError for a k below 1, DataError for a k beyond what the file keeps.
    """
    classes = class_figures(answers, level=level)
    seen = classes.support > 0
    weights = classes.support / max(1, classes.support.sum())
    readable = answers.predicted >= 0
    wrong = np.where(readable, answers.square - 2 * answers.chance + 1, np.nan)
    return Scores(
        protocol=answers.protocol,
        level=level,
        samples=len(answers.targets),
        unreadable=answers.unreadable,
        top={
            count: share(answers.correct(count), level=level, repeats=_repeats(answers)) for count in dict.fromkeys(k)
        },
        mean_class=_mean(classes.recall[seen]),
        macro_f1=_mean(classes.f1[~np.isnan(classes.f1)]),
        weighted_f1=float((np.nan_to_num(classes.f1) * weights).sum()),
        nll=_mean(-np.log(np.maximum(answers.chance[readable], _SMALLEST))),
        brier=_mean(wrong[readable]),
        brier_slack=_mean(answers.slack[readable]),
        ece=calibration_error(answers.confidence[readable], answers.correct()[readable]),
        classes=classes,
    )


def share(hits: NDArray[np.bool_], *, level: float = 0.95, repeats: int = 1) -> Share:
    """Return the share of the samples that are hits; `repeats` of them are views of one video."""
    count, of = int(hits.sum()), len(hits)
    low, high = wilson(count / repeats, of / repeats, level=level)
    return Share(count, of, count / of if of else math.nan, float(low), float(high))


def class_figures(answers: Answers, *, level: float = 0.95) -> ClassFigures:
    """Return precision, recall and F1 of every class with their intervals."""
    count, repeats = len(answers.classes), _repeats(answers)
    support = np.bincount(answers.targets, minlength=count)
    predicted = np.bincount(answers.predicted[answers.predicted >= 0], minlength=count)
    right = np.bincount(answers.targets[answers.predicted == answers.targets], minlength=count)
    union = support + predicted - right
    low, high = wilson(right / repeats, union / repeats, level=level)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ClassFigures(
            names=answers.classes,
            support=support,
            predicted=predicted,
            right=right,
            precision=right / predicted,
            recall=right / support,
            f1=2 * right / (support + predicted),
            precision_ends=wilson(right / repeats, predicted / repeats, level=level),
            recall_ends=wilson(right / repeats, support / repeats, level=level),
            f1_ends=(2 * low / (1 + low), 2 * high / (1 + high)),
        )


def calibration_error(confidence: Floats, correct: NDArray[np.bool_], *, bins: int = BINS) -> float:
    """Return the expected calibration error: over bins, the share of samples times |accuracy - mean confidence|.

    Bin m of M holds the confidences in ((m-1)/M, m/M] (Guo et al. 2017, On calibration of modern neural networks).
    NaN without samples.
    """
    if not len(confidence):
        return math.nan
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    gap = np.bincount(place, correct.astype(np.float64) - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def contradiction(scores: Scores, recorded: Mapping[str, float], *, tolerance: float = 2e-3) -> str | None:
    """Return how a file's figures differ from those that the trainer recorded of it, None where they agree.

    `recorded` holds `top1`, `top5` and `loss`, as far as they are known. A file that was changed after it was written
    says otherwise than its run's events do. Rounding of scores moves a loss by less than `tolerance`.
    """
    own = {"loss": scores.nll}
    own |= {f"top{count}": scores.top[count].value for count in (1, 5) if count in scores.top}
    for name, value in own.items():
        told = recorded.get(name)
        if told is None or math.isnan(told) or math.isnan(value):
            continue
        room = tolerance * max(1.0, abs(told)) if name == "loss" else 1.5 / max(1, scores.samples) * 1e-3
        if abs(told - value) > room:
            return f"{name} is {value:.4f} in the file and {told:.4f} in the run's events: one of them was changed"
    return None


def _repeats(answers: Answers) -> int:
    """Return how many of the samples are views of one video."""
    return answers.protocol.view_count if answers.protocol.level == "clip" else 1


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan
