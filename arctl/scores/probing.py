"""Does a model use time? Its accuracy when the frames of each clip are shuffled, reversed, or one of them repeated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arctl.protocol import PROBES, differences, explain
from arctl.rundir import RunDir
from arctl.scores.answers import Answers, answers
from arctl.scores.metrics import Share, share
from arctl.scores.picking import Picked
from arctl.scores.predictions import Predictions, read_predictions
from arctl.stats import clustered_test, clusters, mcnemar_of


@dataclass(frozen=True)
class ProbeLine:
    """Top-1 with the frames in one order."""

    probe: str | None
    """`shuffled`, `reversed`, `still`; None for the frames as they are."""
    views: str
    """Views of both."""
    top1: Share
    """The accuracy."""
    difference: float
    """Minus that of the frames as they are."""
    p: float
    """Two-sided p-value of no difference, on the same samples; NaN for the frames as they are."""
    test: str
    """Which test: `McNemar, exact`, `by group, exact`."""


def probe_lines(
    run_dir: Path, picked: Picked, given: Answers, *, head: str = "", confidence: float = 0.95
) -> tuple[ProbeLine, ...]:
    """Return top-1 as it is and with each probe of the same split, epoch, weights and views; empty without any.

    `given` are the answers of `picked`: their averaging is the probes' as well. Raises DataError for a damaged file.
    """
    lines = []
    for base, probes in _sets(run_dir, picked, given.protocol.views):
        plain = _reduced(base, given, head) if base is not None else given
        found = [(one.protocol.probe, _reduced(one, given, head)) for one in probes]
        like = [(name, one) for name, one in found if not _unlike(plain, one)]
        if like:
            views = plain.protocol.view_words()
            top1 = share(plain.correct(), level=confidence)
            lines.append(ProbeLine(None, views, top1, 0.0, math.nan, ""))
            lines += [_line(name, views, plain, one, confidence) for name, one in like]
    return tuple(lines)


def _sets(run_dir: Path, picked: Picked, views: str | None) -> Iterator[tuple[Predictions | None, list[Predictions]]]:
    """Yield the evaluation and the probes of these views; None for an evaluation that is the picked file itself."""
    names = {
        name.variant: name.path
        for name in RunDir(run_dir).prediction_names()
        if (name.split, name.epoch) == (picked.split, picked.epoch)
    }
    paths = [names[f"{views}-{probe}"] for probe in PROBES if f"{views}-{probe}" in names]
    if paths:
        base = names.get(views or "")
        own = base is None or base == picked.path
        yield None if own or base is None else read_predictions(base), [read_predictions(path) for path in paths]


def _reduced(stored: Predictions, like: Answers, head: str) -> Answers:
    return answers(stored, aggregation=like.protocol.aggregation, level=like.protocol.level, head=head)


def _unlike(plain: Answers, probed: Answers) -> str:
    """Say why a probe is of something else: other samples, classes or weights."""
    one, other = plain.protocol.weights, probed.protocol.weights
    if one and other and one != other:
        return "weights"
    return explain(unlike for unlike in differences(plain.protocol, probed.protocol) if unlike.what != "probe")


def _line(name: str | None, views: str, plain: Answers, probed: Answers, confidence: float) -> ProbeLine:
    before, after = plain.correct(), probed.correct()
    grouped = clusters(plain.groups.tolist(), plain.targets)
    if grouped is None:
        test, words = mcnemar_of(before, after), "McNemar"
        p, kind = test.p, test.kind
    else:
        by_group = clustered_test(grouped, before, after)
        p, kind, words = by_group.p, by_group.kind, "by group"
    change = float(np.mean(after) - np.mean(before))
    return ProbeLine(name, views, share(after, level=confidence), change, p, f"{words}, {kind}")
