"""How far runs have come and what their jobs held: plain SQL for many runs at once, for forecasts and GPU-hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from arctl.registry.connect import reading
from arctl.registry.speed import EPOCH_METRIC

STEP_METRIC = "step/loss"
"""Written at steps, in the first epoch too."""


class Mark(NamedTuple):
    """A moment of a curve."""

    epoch: float
    """Epoch."""
    t: float
    """Unix seconds."""


class Newest(NamedTuple):
    """The newest start of the trainer in a run, as far as its speed goes."""

    started: float | None
    """Time of its start event, Unix seconds."""
    resumed_step: int | None
    """Step that it went on from."""
    step: int | None
    """Newest step."""
    epoch: float | None
    """Newest epoch."""
    last_event: float | None
    """Time of its newest event, Unix seconds."""
    ends: tuple[Mark, ...]
    """The ends of its last epochs, oldest first."""


class JobTimes(NamedTuple):
    """When a job ran, as the scheduler says."""

    run: int
    job_id: str
    state: str | None
    started: float | None
    ended: float | None
    asked_at: float | None


class StartTimes(NamedTuple):
    """When a start of the trainer ran, by its own events."""

    run: int
    name: str
    started: float | None
    ended: float | None
    """Its end record's time, or that of its newest event."""


def newest(db: Path, numbers: Sequence[int], *, last: int) -> Mapping[int, Newest]:
    """Return the newest start of each of the runs, with the ends of its `last` epochs; runs without one are left out.

    One query, whatever the number of runs.
    """
    query = (
        "WITH newest AS (SELECT run, max(ordinal) AS ordinal FROM attempts WHERE "
        f"{_any_of(numbers)} GROUP BY run), loss AS (SELECT id FROM metrics WHERE name = ?1) "
        "SELECT a.run, a.started, a.resumed_step, a.step, a.epoch, a.last_event, p.epoch, p.t FROM newest "
        "JOIN attempts a ON a.run = newest.run AND a.ordinal = newest.ordinal "
        "LEFT JOIN points p ON p.run = a.run AND p.metric = (SELECT id FROM loss) AND p.attempt = a.ordinal "
        "AND p.step IN (SELECT step FROM points q WHERE q.run = a.run AND q.metric = (SELECT id FROM loss) "
        "AND q.attempt = a.ordinal ORDER BY q.step DESC LIMIT ?2) ORDER BY a.run, p.step"
    )
    found: dict[int, Newest] = {}
    for run, *facts, epoch, t in _rows(db, query, (EPOCH_METRIC, last)):
        before = found.get(run)
        ends = () if before is None else before.ends
        found[run] = Newest._make([*facts, ends if t is None else (*ends, Mark(epoch, t))])
    return found


def step_marks(db: Path, numbers: Sequence[int], *, least: int) -> Mapping[int, tuple[Mark, Mark]]:
    """Return the first and the newest step of the newest start of the runs that have `least` steps in it."""
    query = (
        "WITH newest AS (SELECT run, max(ordinal) AS ordinal FROM attempts WHERE "
        f"{_any_of(numbers)} GROUP BY run) "
        "SELECT p.run, count(*), min(p.epoch), min(p.t), max(p.epoch), max(p.t) FROM newest "
        "JOIN points p ON p.run = newest.run AND p.metric = (SELECT id FROM metrics WHERE name = ?) "
        "AND p.attempt = newest.ordinal GROUP BY p.run"
    )
    rows = _rows(db, query, (STEP_METRIC,))
    return {run: (Mark(e0, t0), Mark(e1, t1)) for run, count, e0, t0, e1, t1 in rows if count >= least}


def held(db: Path, numbers: Sequence[int] | None = None) -> tuple[list[JobTimes], list[StartTimes]]:
    """Return when the jobs and the starts of all runs (or of `numbers`) ran, by run and then oldest first."""
    with reading(db) as connection:
        if connection is None:
            return [], []
        connection.execute("BEGIN")
        jobs = connection.execute(
            "SELECT run, job_id, state, started, ended, asked_at FROM jobs "
            f"WHERE {_any_of(numbers)} ORDER BY run, submitted, job_id"
        ).fetchall()
        starts = connection.execute(
            f"SELECT run, name, started, coalesce(ended, last_event) FROM attempts WHERE {_any_of(numbers)} "
            "ORDER BY run, ordinal"
        ).fetchall()
    return list(map(JobTimes._make, jobs)), list(map(StartTimes._make, starts))


def all_metric_names(db: Path) -> list[str]:
    """Return the names of all metrics that any run ever wrote, sorted."""
    return [name for (name,) in _rows(db, "SELECT name FROM metrics ORDER BY name", ())]


def _rows(db: Path, query: str, told: tuple[object, ...]) -> list[Any]:
    with reading(db) as connection:
        return connection.execute(query, told).fetchall() if connection else []


def _any_of(numbers: Iterable[int] | None) -> str:
    if numbers is None:
        return "1"
    return f"run IN ({','.join(str(int(number)) for number in numbers)})"
