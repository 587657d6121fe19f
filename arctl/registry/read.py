"""Looking at the registry: plain SQL, plain rows, no sqlmodel. A registry that does not exist yet is an empty one.

Curves are stitched: where a later attempt went on from a checkpoint, what the earlier one wrote beyond it no
longer counts.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arctl.registry.connect import reading
from arctl.registry.rows import AttemptRow, JobRow, MetricSummary, Offset, Point, RunRow, WatchedRun
from arctl.registry.runrows import EVALUATED, STATES, any_of, selected, summaries_of
from arctl.states import LIVE, State

_JOB = (
    "jobs.run, jobs.cluster, jobs.job_id, jobs.submitted, jobs.state, jobs.source, jobs.asked_at, jobs.exit_code, "
    "jobs.signal, jobs.node, jobs.reason, jobs.started, jobs.ended, jobs.token"
)
_ATTEMPT = (
    "run, ordinal, name, host, started, ended, status, last_event, resumed_step, message, damaged, warnings, "
    "last_warning"
)
_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))


def runs(
    db: Path,
    *,
    numbers: Sequence[int] | None = None,
    limit: int | None = None,
    live_only: bool = False,
    metrics: Sequence[str] | None = None,
    evaluated: bool = True,
) -> list[RunRow]:
    """Return runs, newest first, with summaries of the named metrics: None for all of them, `()` for none.

    Without `evaluated` the evaluations that are complete are left out.
    """
    where = any_of("number", numbers)
    if live_only:
        where += f" AND watched = 1 AND state IN ({_LIVE})"
    if not evaluated:
        where += f" AND NOT ({EVALUATED})"
    with reading(db) as connection:
        if connection is None:
            return []
        connection.execute("BEGIN")
        return list(selected(connection, where, metrics=metrics, limit=limit))


def run(db: Path, number: int) -> RunRow | None:
    """Return one run with all its summaries; None where there is no such run."""
    return next(iter(runs(db, numbers=[number])), None)


def curve(db: Path, number: int, metric: str) -> list[Point]:
    """Return the stitched curve of a metric in step order; empty where the run has no such metric."""
    with reading(db) as connection:
        if connection is None:
            return []
        found = connection.execute("SELECT id FROM metrics WHERE name = ?", (metric,)).fetchone()
        return stitched(connection, number, found[0]) if found else []


def stitched(connection: sqlite3.Connection, number: int, metric: int) -> list[Point]:
    """Return the points of a metric (by its id) that count, in step order: of each step the latest attempt's."""
    rows = connection.execute(
        "SELECT p.step, p.epoch, p.t, p.value, p.attempt FROM points p "
        "JOIN attempts a ON a.run = p.run AND a.ordinal = p.attempt "
        "WHERE p.run = ? AND p.metric = ? AND (a.keep IS NULL OR p.step <= a.keep) ORDER BY p.attempt, p.step",
        (number, metric),
    ).fetchall()
    if rows and rows[0][4] != rows[-1][4]:
        rows = sorted({row[0]: row for row in rows}.values())
    return [Point(step, epoch, t, math.nan if v is None else v, attempt) for step, epoch, t, v, attempt in rows]


def configs(
    db: Path, numbers: Sequence[int] | None = None, keys: Sequence[str] | None = None
) -> Mapping[int, Mapping[str, object]]:
    """Return the trainer's configuration of runs (None: of all), dotted key to leaf, without secrets.

    Runs of which none is known are left out. With `keys` alone these keys are returned, of runs that have any.
    """
    query = f"SELECT run, packed FROM configs WHERE {any_of('run', numbers)} ORDER BY run"
    with reading(db) as connection:
        if connection is None:
            return {}
        rows = ((number, json.loads(packed)) for number, packed in connection.execute(query))
        if keys is None:
            return {number: config for number, config in rows if config}
        chosen = ((number, {key: config[key] for key in keys if key in config}) for number, config in rows)
        return {number: config for number, config in chosen if config}


def metric_names(db: Path, numbers: Sequence[int]) -> list[str]:
    """Return the names of the metrics that any of these runs has, sorted."""
    with reading(db) as connection:
        if connection is None or not numbers:
            return []
        return sorted({name for found in summaries_of(connection, numbers, None).values() for name in found})


def jobs(db: Path, number: int) -> list[JobRow]:
    """Return the jobs of a run, oldest first."""
    query = f"SELECT {_JOB} FROM jobs WHERE run = ? ORDER BY submitted, job_id"
    with reading(db) as connection:
        return [_job(row) for row in connection.execute(query, (number,))] if connection else []


def every_job(db: Path) -> list[JobRow]:
    """Return the jobs of all runs."""
    with reading(db) as connection:
        return [_job(row) for row in connection.execute(f"SELECT {_JOB} FROM jobs")] if connection else []


def live_jobs(db: Path, cluster: str) -> list[JobRow]:
    """Return the jobs of a cluster that can still change state, oldest first."""
    query = (
        f"SELECT {_JOB} FROM jobs JOIN runs ON runs.number = jobs.run WHERE runs.watched = 1 AND jobs.cluster = ? "
        f"AND (jobs.state IS NULL OR jobs.state IN ({_LIVE})) ORDER BY jobs.submitted, jobs.job_id"
    )
    with reading(db) as connection:
        return [_job(row) for row in connection.execute(query, (cluster,))] if connection else []


def attempts(db: Path, number: int) -> list[AttemptRow]:
    """Return the starts of the trainer in a run, oldest first."""
    query = f"SELECT {_ATTEMPT} FROM attempts WHERE run = ? ORDER BY ordinal"
    with reading(db) as connection:
        return [AttemptRow(*row) for row in connection.execute(query, (number,))] if connection else []


def offsets(db: Path, number: int) -> Mapping[str, Offset]:
    """Return how far each attempt's event file has been read, by attempt name, oldest attempt first."""
    with reading(db) as connection:
        return positions(connection, [number]).get(number, {}) if connection else {}


def names(db: Path) -> Mapping[str, int]:
    """Return the newest run of each name."""
    with reading(db) as connection:
        if connection is None:
            return {}
        return dict(connection.execute("SELECT name, max(number) FROM runs GROUP BY name"))


def group(db: Path, name: str) -> list[int]:
    """Return the runs of a group or sweep, oldest first, but those that another of them repeats."""
    query = (
        "SELECT number FROM runs WHERE (group_name = ?1 OR sweep = ?1) AND number NOT IN "
        "(SELECT rerun_of FROM runs WHERE (group_name = ?1 OR sweep = ?1) AND rerun_of IS NOT NULL) ORDER BY number"
    )
    with reading(db) as connection:
        return [row[0] for row in connection.execute(query, (name,))] if connection else []


def evaluations(db: Path, number: int) -> list[RunRow]:
    """Return the runs that evaluate a run, newest first, with their summaries."""
    query = "SELECT number FROM runs WHERE evaluates = ?"
    with reading(db) as connection:
        found = [row[0] for row in connection.execute(query, (number,))] if connection else []
    return runs(db, numbers=found) if found else []


def evaluated(db: Path) -> int:
    """Return how many evaluations are complete."""
    with reading(db) as connection:
        query = f"SELECT count(*) FROM runs WHERE {EVALUATED}"
        return int(connection.execute(query).fetchone()[0]) if connection else 0


def numbers(db: Path) -> list[int]:
    """Return the numbers of all runs, smallest first."""
    with reading(db) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM runs ORDER BY 1")] if connection else []


def sparkline(db: Path, numbers: Sequence[int], metric: str, width: int) -> Mapping[int, list[float]]:
    """Return at most `width` values of a metric for each run that has it, evenly spaced, the newest last."""
    with reading(db) as connection:
        found = connection and connection.execute("SELECT id FROM metrics WHERE name = ?", (metric,)).fetchone()
        if connection is None or not found or width < 1:
            return {}
        curves = {number: [point.value for point in stitched(connection, number, found[0])] for number in numbers}
    return {number: _thinned(values, width) for number, values in curves.items() if values}


def watched(db: Path) -> list[WatchedRun]:
    """Return what a sync has to know of every run that can still change, oldest first."""
    query = (
        "SELECT number, token, runs.cluster, coalesce(handed, created), submission, runs.state, runs.ended, "
        "(SELECT status FROM attempts WHERE run = number ORDER BY ordinal DESC LIMIT 1), cancelled "
        "FROM runs WHERE watched = 1 ORDER BY number"
    )
    with reading(db) as connection:
        if connection is None:
            return []
        connection.execute("BEGIN")
        rows = connection.execute(query).fetchall()
        found = [row[0] for row in rows]
        by_run = positions(connection, found)
        query = f"SELECT {_JOB} FROM jobs WHERE {any_of('run', found)} ORDER BY submitted, job_id"
        newest = {row[0]: _job(row) for row in connection.execute(query)}
    return [_watched(row, newest, by_run) for row in rows]


def polled(db: Path, cluster: str) -> tuple[float, float | None, str | None]:
    """Return when a cluster was last asked and last answered (Unix seconds), and what went wrong when asked."""
    with reading(db) as connection:
        query = "SELECT asked_at, answered_at, error FROM polls WHERE cluster = ?"
        row = connection.execute(query, (cluster,)).fetchone() if connection else None
    return (row[0], row[1], row[2]) if row else (0.0, None, None)


def summaries(connection: sqlite3.Connection, number: int) -> dict[str, MetricSummary]:
    """Return the summaries of one run as stored."""
    return summaries_of(connection, [number], None).get(number, {})


def positions(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, dict[str, Offset]]:
    """Return `offsets` of several runs."""
    query = (
        "SELECT run, name, read_to, inode, last_seq, coalesce(step, 0), coalesce(epoch, 0.0) FROM attempts "
        f"WHERE {any_of('run', numbers)} ORDER BY run, ordinal"
    )
    found: dict[int, dict[str, Offset]] = {}
    for number, name, *rest in connection.execute(query):
        found.setdefault(number, {})[name] = Offset(*rest)
    return found


def _job(row: Sequence[Any]) -> JobRow:
    cells = list(row)
    cells[4] = STATES.get(cells[4])
    return JobRow(*cells)


def _watched(row: Sequence[Any], jobs: Mapping[int, JobRow], offsets: Mapping[int, Mapping[str, Offset]]) -> WatchedRun:
    *known, cancelled = row
    cells = [*known, jobs.get(row[0]), offsets.get(row[0], {}), cancelled]
    cells[5] = STATES.get(cells[5], State.UNKNOWN)
    return WatchedRun(*cells)


def _thinned(values: list[float], width: int) -> list[float]:
    if len(values) <= width:
        return values
    if width == 1:
        return values[-1:]
    return [values[round(place * (len(values) - 1) / (width - 1))] for place in range(width)]
