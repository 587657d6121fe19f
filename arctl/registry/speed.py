"""How fast earlier runs were: the times of their epochs, by plain SQL.

An epoch's time is the span between two epochs' ends in one attempt, so that evaluating and saving count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl.registry.connect import reading

EPOCH_METRIC = "train/loss"
"""Written once at the end of each epoch."""


@dataclass(frozen=True)
class Like:
    """An earlier run of a model."""

    number: int
    """Run number."""
    epochs: float
    """Epochs that it finished."""


@dataclass(frozen=True)
class EpochTimes:
    """What an earlier run's epochs took."""

    seconds: tuple[float, ...]
    """Of each epoch but an attempt's first, oldest first."""
    first: tuple[float, ...]
    """From the start of an attempt to the end of its first epoch: loading and one epoch."""


def like(db: Path, *, model: str, data: str | None = None, limit: int) -> list[Like]:
    """Return runs of a model (on a data set) that finished an epoch, newest first."""
    query = (
        "SELECT number, epoch FROM runs WHERE model = ? AND (? IS NULL OR data = ?) AND epoch >= 1 "
        "ORDER BY number DESC LIMIT ?"
    )
    with reading(db) as connection:
        if connection is None:
            return []
        return [Like(*row) for row in connection.execute(query, (model, data, data, limit))]


def epoch_times(db: Path, number: int) -> EpochTimes:
    """Return what the epochs of a run took, seconds."""
    with reading(db) as connection:
        if connection is None:
            return EpochTimes((), ())
        connection.execute("BEGIN")
        points = connection.execute(
            "SELECT p.attempt, p.epoch, p.t FROM points p JOIN metrics m ON m.id = p.metric "
            "WHERE p.run = ? AND m.name = ? ORDER BY p.attempt, p.step",
            (number, EPOCH_METRIC),
        ).fetchall()
        starts = dict(connection.execute("SELECT ordinal, started FROM attempts WHERE run = ?", (number,)))
    return _times(points, starts)


def _times(points: Sequence[tuple[int, float, float]], starts: dict[int, float | None]) -> EpochTimes:
    seconds: list[float] = []
    first: list[float] = []
    for index, (attempt, epoch, t) in enumerate(points):
        before = points[index - 1] if index and points[index - 1][0] == attempt else None
        began = starts.get(attempt)
        if before is not None and epoch > before[1] and t > before[2]:
            seconds.append((t - before[2]) / (epoch - before[1]))
        elif before is None and began is not None and t > began:
            first.append(t - began)
    return EpochTimes(tuple(seconds), tuple(first))
