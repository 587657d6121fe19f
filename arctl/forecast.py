"""When a run will be done, whether its time limit lets it, and the GPU-hours of many runs: from the registry alone.

The pace is that of the newest start's last epochs, as `arctl why` takes it, so that neither the waiting of the job nor
the loading of its data counts. Nothing here opens a run directory.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl.numerals import span
from arctl.registry import progress
from arctl.registry.progress import JobTimes, Newest, StartTimes
from arctl.registry.rows import RunRow
from arctl.states import LIVE, State

SPANS = 5
"""Of so many epochs, the last ones, the median is taken."""

STEPS = 20
"""Before the second epoch ends, so many steps give the pace."""

RUNS = frozenset({State.RUNNING, State.SUSPENDED})
"""States in which a job holds what it asked for."""

_SLACK_S = 300.0  # how far the clocks of a node and of the scheduler may differ, as in `usage`
_LIVE = frozenset(map(str, LIVE))
_RUNS = frozenset(map(str, RUNS))

__all__ = ["Outlook", "gpu_hours", "held_hours", "outlooks", "span", "strides"]

Stretch = tuple[float, float]
"""A time from and a time to, Unix seconds."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected of a run that runs. None is not known."""

    eta_s: float | None = None
    """Time until it is done, seconds."""
    ends_at: float | None = None
    """When that will be, Unix seconds."""
    limit_at: float | None = None
    """When its time limit strikes, Unix seconds; None without one."""
    fits: bool | None = None
    """Whether it will be done before that; None without a limit or a pace."""
    epoch_s: float | None = None
    """Seconds an epoch, evaluation included."""
    measured: int = 0
    """Epochs that this is the median of; 0: a part of one, or all since its start."""
    reached: int | None = None
    """The last epoch that will be whole when the limit strikes."""
    stale_s: float | None = None
    """Time since its trainer last wrote, seconds."""

    def words(self) -> str:
        """Say it: `eta 3h05`, `late: stops at epoch 32`, or nothing."""
        if self.eta_s is None:
            return ""
        if self.fits is False:
            return f"late: stops at epoch {self.reached}"
        return f"eta {span(self.eta_s)}"


def outlooks(db: Path, rows: Iterable[RunRow], now: float | None = None) -> Mapping[int, Outlook]:
    """Return what is to be expected of those of the rows that run, by number; `now` is Unix seconds.

    One query for all of them, and another for those that have not ended two epochs yet.
    """
    moment = time.time() if now is None else now
    live = [row for row in rows if row.state in RUNS]
    if not live:
        return {}
    newest = progress.newest(db, [row.number for row in live], last=SPANS + 1)
    paces = {number: pace for number, found in newest.items() if (pace := _measured(found)) is not None}
    young = [row.number for row in live if row.epochs and row.number not in paces]
    if young:
        paces |= {number: (pace, 0) for number, pace in _young(db, newest, young).items()}
    return {row.number: _outlook(row, paces.get(row.number), moment) for row in live}


def strides(ends: Sequence[tuple[int, float, float]]) -> list[float]:
    """Return the seconds that each of the last epochs took, oldest first, five at most.

    `ends` are (attempt, epoch, time) of the ends of epochs; two of different attempts make no span.
    """
    pairs = [(one, two) for one, two in itertools.pairwise(ends) if one[0] == two[0] and two[1] > one[1]]
    return [(two[2] - one[2]) / (two[1] - one[1]) for one, two in pairs][-SPANS:]


def _measured(found: Newest) -> tuple[float, int] | None:
    """Return seconds an epoch and how many epochs that is the median of; None with less than two ends of epochs."""
    spans = strides([(0, mark.epoch, mark.t) for mark in found.ends])
    return (pace, len(spans)) if spans and (pace := statistics.median(spans)) > 0 else None


def _young(db: Path, newest: Mapping[int, Newest], numbers: Sequence[int]) -> dict[int, float]:
    """Return the pace of runs in their first epoch: by their steps, else by all that happened since the start."""
    marks = progress.step_marks(db, numbers, least=STEPS)
    found: dict[int, float] = {}
    for number in numbers:
        if number in marks:
            first, last = marks[number]
            gone, done = last.t - first.t, last.epoch - first.epoch
        elif number in newest:
            gone, done = _since_start(newest[number])
        else:
            continue
        if gone > 0 and done > 0:
            found[number] = gone / done
    return found


def _since_start(start: Newest) -> tuple[float, float]:
    """Return seconds and epochs since a start, or since the checkpoint that it went on from."""
    if start.started is None or start.last_event is None or start.epoch is None:
        return 0.0, 0.0
    before = start.epoch * start.resumed_step / start.step if start.resumed_step and start.step else 0.0
    return start.last_event - start.started, start.epoch - before


def _outlook(row: RunRow, measured: tuple[float, int] | None, now: float) -> Outlook:
    pace, count = measured or (None, 0)
    limit_at = row.started + row.limit_s if row.started is not None and row.limit_s is not None else None
    stale = max(0.0, now - row.last_event) if row.last_event is not None else None
    if pace is None or row.epochs is None or not math.isfinite(row.epoch or 0.0):
        return Outlook(limit_at=limit_at, epoch_s=pace, measured=count, stale_s=stale)
    need = max(0.0, row.epochs - (row.epoch or 0.0)) * pace
    fits = reached = None
    if limit_at is not None:
        fits = need == 0 or now + need <= limit_at
        possible = (row.epoch or 0.0) + max(0.0, limit_at - now) / pace
        reached = row.epochs if fits else math.floor(min(possible, row.epochs))
    return Outlook(need, now + need, limit_at, fits, pace, count, reached, stale)


def held_hours(db: Path, now: float | None = None, *, numbers: Sequence[int] | None = None) -> Mapping[int, float]:
    """Return the hours for which the jobs of each run (or of `numbers`) held what they asked for, those running until
    `now` (Unix seconds): the `hours` of `arctl usage`. Runs whose jobs never started are left out.
    """
    moment = time.time() if now is None else now
    jobs, starts = progress.held(db, numbers)
    by_run: dict[int, list[StartTimes]] = {}
    for start in starts:
        by_run.setdefault(start.run, []).append(start)
    grouped: dict[int, list[JobTimes]] = {}
    for job in jobs:
        grouped.setdefault(job.run, []).append(job)
    found: dict[int, float] = {}
    for run in grouped.keys() | by_run.keys():
        seconds = _held(grouped.get(run, []), by_run.get(run, []), moment)
        if seconds > 0:
            found[run] = seconds / 3600.0
    return found


def gpu_hours(rows: Iterable[RunRow], held: Mapping[int, float]) -> Mapping[int, float]:
    """Return the GPU-hours of rows, from their hours: all jobs of a run count with the GPUs of its newest one.

    `arctl usage` reads each job's own script, and so differs where a run was resumed on another number of GPUs. Runs
    that held nothing, and those whose GPUs are not known, are left out.
    """
    return {row.number: held[row.number] * row.gpus for row in rows if row.gpus is not None and row.number in held}


def _held(jobs: Sequence[JobTimes], starts: Sequence[StartTimes], now: float) -> float:
    """Return the seconds for which a run's jobs ran; what the scheduler no longer tells of counts by its events."""
    if len(jobs) == 1 and len(starts) <= 1:  # nearly every run
        only, last = jobs[0], _last(jobs[0], starts, now)
        near = last is not None and all(
            start.name.rpartition(".")[0] == only.job_id and (start.started or 0.0) >= last[0] - _SLACK_S
            for start in starts
        )
        if last is not None and near:
            return max(0.0, last[1] - last[0])
    own: dict[str, list[StartTimes]] = {}
    for start in starts:
        own.setdefault(start.name.rpartition(".")[0], []).append(start)
    total = sum(_job(job, own.pop(job.job_id, []), now) for job in jobs)
    begun_by_hand = [(start.started, start.ended) for several in own.values() for start in several]
    return total + _joined(begun_by_hand)


def _job(job: JobTimes, own: Sequence[StartTimes], now: float) -> float:
    last = _last(job, own, now)
    if last is not None and own and (own[-1].started or 0.0) >= last[0] - _SLACK_S:
        own = own[:-1]  # it lies within what the scheduler says
    return _joined([*((start.started, start.ended) for start in own), *([last] if last is not None else [])])


def _last(job: JobTimes, own: Sequence[StartTimes], now: float) -> Stretch | None:
    """Return the newest stretch for which the scheduler ran a job."""
    if job.started is None:
        return None
    if job.state in _RUNS:
        return job.started, now
    if job.state is None or job.state in _LIVE:
        return None
    end = job.ended or max((start.ended for start in own if start.ended), default=None) or job.asked_at
    return (job.started, end) if end is not None else None


def _joined(stretches: Iterable[tuple[float | None, float | None]]) -> float:
    """Return the seconds that stretches cover, each once."""
    total, reach = 0.0, -math.inf
    for begin, end in sorted((begin, end) for begin, end in stretches if begin is not None and end is not None):
        if end > max(begin, reach):
            total += end - max(begin, reach)
            reach = end
    return total
