"""Learning curves of runs: read from the registry in one stitched piece, put on an axis, smoothed, reduced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arctl.errors import NotFoundError, UsageError, nearest
from arctl.raster import Curve, Floats, reduce, window
from arctl.registry import read
from arctl.registry.reduced import series
from arctl.registry.rows import AttemptRow, lower_is_better
from arctl.rundir import run_name
from arctl.smoothing import moving_average, uneven_average

__all__ = [
    "AXES",
    "Curve",
    "Points",
    "Reading",
    "curve_of",
    "load",
    "load_points",
    "read_at",
    "reduce",
    "smooth",
    "window",
]

AXES = ("epoch", "step", "time", "hours")
"""What the horizontal axis can be. `hours` are GPU-hours: what the run has cost so far."""


@dataclass(frozen=True, eq=False)
class Points:
    """Every stored value of one metric of one run, later attempts over earlier ones, in step order."""

    run: int
    metric: str
    step: Floats
    """(N,) optimizer steps."""
    epoch: Floats
    """(N,) epochs."""
    time: Floats
    """(N,) seconds since the run first began."""
    value: Floats
    """(N,) values; may hold NaN and infinities."""
    attempt: NDArray[np.int64]
    """(N,) ordinal of the attempt that wrote each."""
    running: Floats
    """(N,) seconds for which the trainer had run, in all attempts so far: work that a restart repeats counts twice,
    the time between two attempts not at all."""
    gpus: int | None = None
    """GPUs of the run; None where nobody knows."""
    mean: Floats | None = None
    """(N,) where points are left out: the mean of the block of 64 that each stands for; else None."""

    @property
    def hours(self) -> Floats:
        """(N,) GPU-hours; hours where it has no GPU, or nobody knows how many."""
        return np.asarray(self.running * (self.gpus or 1) / 3600)

    def restarts(self, axis: str) -> tuple[float, ...]:
        """Return where on `axis` a later attempt takes over."""
        places: Floats = getattr(self, axis)
        return tuple(float(x) for x in places[1:][np.diff(self.attempt) != 0])


def load_points(
    db: Path, number: int, metric: str, *, columns: int | None = None, span: tuple[float, float] | None = None
) -> Points:
    """Return the points of a metric: all, or with `columns` of a long curve what so many columns can show.

    `span` are the steps to which it is cut, with one more point on either side. Raises NotFoundError, naming the
    nearest, where the run has no such metric.
    """
    found = series(db, number, metric, columns=columns, span=span)
    if not len(found.points):
        known = read.metric_names(db, [number])
        if metric not in known or span is None:
            raise NotFoundError(f"no metric {metric!r}", where=run_name(number), cure=nearest(metric, known))
    step, epoch, at, value = (np.ascontiguousarray(column) for column in found.points.T)
    attempts = read.attempts(db, number)
    began = min([*(row.started for row in attempts if row.started is not None), *at[:1].tolist()], default=0.0)
    rows = read.runs(db, numbers=[number], metrics=())
    return Points(
        number,
        metric,
        step,
        epoch,
        at - began,
        value,
        found.attempt,
        running(at, found.attempt, attempts),
        rows[0].gpus if rows else None,
        None if found.whole else found.mean,
    )


def running(times: Floats, ordinals: NDArray[np.int64], attempts: Sequence[AttemptRow]) -> Floats:
    """Return for how many seconds the trainer had run at each of `times` (N,), which attempts `ordinals` (N,) wrote.

    An attempt runs from its start to its newest event.
    """
    seconds = np.zeros(len(times))
    before = 0.0
    for row in sorted(attempts, key=lambda row: row.ordinal):
        mine = ordinals == row.ordinal
        start = row.started if row.started is not None else float(times[mine].min()) if mine.any() else 0.0
        seconds[mine] = before + np.maximum(times[mine] - start, 0.0)
        before += max(0.0, (row.last_event or start) - start)
    return seconds


def load(
    db: Path,
    number: int,
    metric: str,
    *,
    x: str = "epoch",
    smooth: float = 0.0,
    label: str | None = None,
    columns: int | None = None,
) -> Curve:
    """Return one metric of one run as a curve over `x`, which is one of `AXES`; with `columns` see `load_points`.

    Raises NotFoundError for an unknown metric, UsageError for an unknown axis or a smoothing outside [0, 1).
    """
    return curve_of(load_points(db, number, metric, columns=columns), x=x, smooth=smooth, label=label)


def curve_of(points: Points, *, x: str = "epoch", smooth: float = 0.0, label: str | None = None) -> Curve:
    """Return points as a curve over `x`; see `load`."""
    if x not in AXES:
        raise UsageError(f"no such axis {x!r}", cure=nearest(x, AXES))
    places: Floats = getattr(points, x)
    # A restart may rewind the clock or the fraction of an epoch by a little: a curve never runs backwards.
    places = np.maximum.accumulate(places)
    if points.mean is None or smooth == 0:
        values = _debiased(points.value, smooth)
    else:
        gaps = np.diff(points.step, prepend=points.step[0] - 1)
        # Where points are left out, the last of a block and the first of the next still stand side by side.
        values = uneven_average(points.mean, np.maximum(gaps / gaps[1:].min(), 1.0), _checked(smooth))
    axis = x if x != "hours" else "GPU-hours" if points.gpus else "hours run"
    return Curve(
        points.run,
        label or run_name(points.run),
        points.metric,
        places,
        values,
        points.restarts(x),
        axis,
        None if values is points.value else points.value,
        best_of(points.metric, places, points.value),
        points.step,
        points.epoch,
    )


@dataclass(frozen=True)
class Reading:
    """What a curve shows at a place: its newest point there or before."""

    label: str
    """What a legend calls the curve."""
    metric: str
    """`family/name`."""
    x: float
    """Where the point lies."""
    value: float
    """Its value as logged."""
    smoothed: float | None
    """Its value as drawn, where it was smoothed."""
    step: int | None
    """Its optimizer step."""
    epoch: float | None
    """Its epoch."""


def read_at(lines: Sequence[Curve], at: float) -> list[Reading]:
    """Return the reading of each curve that has begun at `at`."""
    found = []
    for line in lines:
        place = int(np.searchsorted(line.x, at, side="right")) - 1
        if place < 0:
            continue
        value = float((line.y if line.raw is None else line.raw)[place])
        step, epoch = (None if part is None else float(part[place]) for part in (line.step, line.epoch))
        smoothed = None if line.raw is None else float(line.y[place])
        whole = None if step is None else round(step)
        found.append(Reading(line.label, line.metric, float(line.x[place]), value, smoothed, whole, epoch))
    return found


def best_of(metric: str, x: Floats, values: Floats) -> tuple[float, float] | None:
    """Return where (x, value) a metric of validation was best; None for any other metric, and for fewer than 2 values.

    The first of several that are equal.
    """
    finite = np.isfinite(values)
    if not metric.startswith("val") or finite.sum() < 2:
        return None
    worth = np.where(finite, -values if lower_is_better(metric) else values, -np.inf)
    at = int(np.argmax(worth))
    return float(x[at]), float(values[at])


def smooth(values: Floats, weight: float) -> Floats:
    """Return the exponential moving average of `values` (N,), corrected for its start.

    `weight` in [0, 1) is the share of the past. Values that are not finite pass through and are not counted; a
    constant curve is left as it is. Raises UsageError for another weight.
    """
    return moving_average(values, _checked(weight))


def _checked(weight: float) -> float:
    if not 0 <= weight < 1:
        raise UsageError(f"smoothing must be at least 0 and less than 1, not {weight:g}", cure="try 0.6")
    return weight


_debiased = smooth
