"""What is wrong with how a run computes, from the end of its curves: one sentence for each figure out of bounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

STARVED = 0.3
"""From this share of the time spent waiting for data on, that is said."""

IDLE = 0.3
"""Below this share of the time in which the GPU computes, that is said."""

LOW_SCALE = 64.0
"""A loss scale (fp16) at or below this has nothing left to give: it begins at 65,536."""

SKIPPING = 0.05
"""From this share of skipped steps (fp16) on, that is said: a healthy run skips one in two thousand."""

SLOWER = 0.5
"""Clips a second below this share of what is usual for the run are said."""

RECENT = 200
"""Over so many of the newest values the figures are taken."""

_FEWEST = 20
_UNSOUND = 3


class Tail(NamedTuple):
    """The newest values of a metric, oldest first."""

    steps: Sequence[int]
    """Optimizer step of each."""
    values: Sequence[float]
    """Each value; may be NaN or infinite."""


class Alarm(NamedTuple):
    """A figure that is out of bounds."""

    metric: str
    """Whose."""
    text: str
    """One sentence without a full stop."""


def alarms(tails: Mapping[str, Tail], *, device: str = "GPU") -> tuple[Alarm, ...]:
    """Return what is out of bounds. `tails` holds the newest values by metric, at best twice as many as `RECENT`."""
    found = []
    for metric, judge in _JUDGES.items():
        tail = tails.get(metric)
        text = judge(tail, device) if tail is not None and tail.values else None
        if text is not None:
            found.append(Alarm(metric, text))
    return tuple(found)


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _waits(tail: Tail, device: str) -> str | None:
    known = _finite(tail.values[-RECENT:])
    mean = statistics.fmean(known) if len(known) >= _FEWEST else 0.0
    return f"{device} waits for data {mean:.0%} of the time" if mean >= STARVED else None


def _idle(tail: Tail, device: str) -> str | None:
    known = _finite(tail.values[-RECENT:])
    mean = statistics.fmean(known) if len(known) >= _UNSOUND else 1.0
    return f"{device} computes only {mean:.0%} of the time" if mean < IDLE else None


def _slow(tail: Tail, device: str) -> str | None:
    known = _finite(tail.values)
    if len(known) < 2 * _FEWEST:
        return None
    usual, now = statistics.median(known), statistics.median(known[-_FEWEST:])
    return f"clips/s fell to {now / usual:.0%} of what is usual" if usual > 0 and now < SLOWER * usual else None


def _scale(tail: Tail, device: str) -> str | None:
    known = _finite(tail.values[-RECENT:])
    return f"loss scale fell to {known[-1]:g}" if known and known[-1] <= LOW_SCALE else None


def _skips(tail: Tail, device: str) -> str | None:
    known = _finite(tail.values[-RECENT:])
    skipped = known[-1] - known[0] if len(known) >= _FEWEST else 0.0
    if skipped < SKIPPING * len(known):
        return None
    return f"{skipped:g} of the last {len(known)} steps were skipped: their gradients were not finite"


def _norm(tail: Tail, device: str) -> str | None:
    sound = [place for place, value in enumerate(tail.values) if math.isfinite(value)]
    since = sound[-1] + 1 if sound else 0
    if len(tail.values) - since < _UNSOUND:
        return None
    return f"gradient norm not finite since step {tail.steps[since]}"


_JUDGES: Mapping[str, Callable[[Tail, str], str | None]] = {
    "perf/data_wait": _waits,
    "perf/gpu_util": _idle,
    "perf/clips_per_s": _slow,
    "optim/loss_scale": _scale,
    "optim/skipped": _skips,
    "optim/grad_norm": _norm,
}
