"""Learning curves of runs: read from the registry in one stitched piece, put on an axis, smoothed, reduced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arctl.errors import NotFoundError, UsageError, nearest
from arctl.raster import Curve, Floats, reduce
from arctl.registry import read
from arctl.rundir import run_name

__all__ = ["AXES", "Curve", "Points", "load", "load_points", "reduce", "smooth"]

AXES = ("epoch", "step", "time")
"""What the horizontal axis can be."""


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
    attempt: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(N,) ordinal of the attempt that wrote each."""

    def restarts(self, axis: str) -> tuple[float, ...]:
        """Return where on `axis` a later attempt takes over."""
        places: Floats = getattr(self, axis)
        return tuple(float(x) for x in places[1:][np.diff(self.attempt) != 0])


def load_points(db: Path, number: int, metric: str) -> Points:
    """Return all points of a metric. Raises NotFoundError, naming the nearest, where the run has no such metric."""
    rows = read.curve(db, number, metric)
    if not rows:
        known = read.metric_names(db, [number])
        raise NotFoundError(f"no metric {metric!r}", where=run_name(number), cure=nearest(metric, known))
    step, epoch, at, value, attempt = zip(*rows, strict=True)
    starts = [row.started for row in read.attempts(db, number) if row.started is not None]
    began = min([*starts, at[0]])
    return Points(
        number,
        metric,
        np.array(step, dtype=np.float64),
        np.array(epoch, dtype=np.float64),
        np.array(at, dtype=np.float64) - began,
        np.array(value, dtype=np.float64),
        np.array(attempt, dtype=np.int64),
    )


def load(
    db: Path, number: int, metric: str, *, x: str = "epoch", smooth: float = 0.0, label: str | None = None
) -> Curve:
    """Return one metric of one run as a curve over `x`, which is one of `AXES`.

    Raises NotFoundError for an unknown metric, UsageError for an unknown axis or a smoothing outside [0, 1).
    """
    return curve_of(load_points(db, number, metric), x=x, smooth=smooth, label=label)


def curve_of(points: Points, *, x: str = "epoch", smooth: float = 0.0, label: str | None = None) -> Curve:
    """Return points as a curve over `x`; see `load`."""
    if x not in AXES:
        raise UsageError(f"no such axis {x!r}", cure=nearest(x, AXES))
    places: Floats = getattr(points, x)
    # A restart may rewind the clock or the fraction of an epoch by a little: a curve never runs backwards.
    places = np.maximum.accumulate(places)
    values = _debiased(points.value, smooth)
    return Curve(points.run, label or run_name(points.run), points.metric, places, values, points.restarts(x), x)


def smooth(values: Floats, weight: float) -> Floats:
    """Return the exponential moving average of `values` (N,), corrected for its start.

    `weight` in [0, 1) is the share of the past. Values that are not finite pass through and are not counted; a
    constant curve is left as it is. Raises UsageError for another weight.
    """
    if not 0 <= weight < 1:
        raise UsageError(f"smoothing must be at least 0 and less than 1, not {weight:g}", cure="try 0.6")
    finite = np.isfinite(values)
    if weight == 0 or not finite.any() or np.ptp(values[finite]) == 0:
        return values
    smoothed = values.copy()
    average, trust = 0.0, 1.0
    for index in np.flatnonzero(finite):
        average = weight * average + (1 - weight) * float(values[index])
        trust *= weight
        smoothed[index] = average / (1 - trust)
    return smoothed


_debiased = smooth
