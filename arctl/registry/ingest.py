"""What runs and schedulers say, on its way into the registry: plain SQL, so that a sync never loads sqlmodel.

Every function works inside a transaction of the caller (`connect.transaction`). Storing is idempotent: lines count only
where the registry stands at the offset at which they begin, and offset and rows are stored together.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from arctl.registry.read import positions, stitched, summaries
from arctl.registry.rows import JobRow, MetricSummary, Offset, pack
from arctl.text import safe_line

NAMES_LIMIT = 500
"""Distinct metric names of one run; points of further names are left out and counted."""


class NewPoint(NamedTuple):
    """A value on its way in."""

    metric: str
    """Name."""
    step: int
    """Optimizer step."""
    epoch: float
    """Epoch."""
    t: float
    """Wall time, Unix seconds."""
    value: float
    """Any float; NaN is stored as NULL."""


@dataclass(slots=True)
class AttemptNews:
    """What new lines of one attempt's event file said; None means that they did not say."""

    run: int
    """Run number."""
    attempt: str
    """`<job>.<restart>`."""
    since: int
    """Byte offset at which these lines begin."""
    read_to: int
    """Byte offset after them."""
    inode: int
    """Inode of the file."""
    last_seq: int
    """Newest `seq`."""
    points: list[NewPoint] = field(default_factory=list)
    """Values, in the order in which they were written."""
    events: int = 0
    """Lines that could be read."""
    damaged: int = 0
    """Lines that could not."""
    trouble: str | None = None
    """Place and reason of the first of those."""
    begins: bool = False
    """Whether the start event is among them."""
    host: str | None = None
    """Host, from the start event."""
    started: float | None = None
    """Time of the start event."""
    resumed_step: int | None = None
    """Step that the attempt went on from."""
    epochs: int | None = None
    """Planned epochs."""
    epoch: float | None = None
    """Newest epoch."""
    step: int | None = None
    """Newest step."""
    last_event: float | None = None
    """Time of the newest event."""
    status: str | None = None
    """Status of the end record."""
    ended: float | None = None
    """Time of the end record."""
    exit_code: int | None = None
    """Exit status in the end record."""
    message: str | None = None
    """Message of the end record."""
    warnings: int = 0
    """Warnings."""
    last_warning: str | None = None
    """The newest of them."""


_SAID = (
    "host", "started", "resumed_step", "epochs", "epoch", "step", "last_event", "status", "ended", "exit_code",
    "message", "last_warning",
)  # fmt: skip
_FACTS = ("state", "source", "asked_at", "exit_code", "signal", "node", "reason", "started", "ended")


def store_news(connection: sqlite3.Connection, news: AttemptNews) -> bool:
    """Store what an attempt's new lines said, and how far they go.

    Returns False, and stores nothing, where another process has stored these lines already.
    """
    key = (news.run, news.attempt)
    row = connection.execute("SELECT ordinal, read_to FROM attempts WHERE run = ? AND name = ?", key).fetchone()
    if (row[1] if row else 0) != news.since:
        return False
    newest = connection.execute("SELECT max(ordinal) FROM attempts WHERE run = ?", (news.run,)).fetchone()[0] or 0
    ordinal = row[0] if row else newest + 1
    if row is None:
        connection.execute("INSERT INTO attempts (run, ordinal, name, read_to, inode, last_seq, damaged, warnings) "
                           "VALUES (?, ?, ?, 0, 0, -1, 0, 0)", (news.run, ordinal, news.attempt))  # fmt: skip
    _update_attempt(connection, ordinal, news)
    if news.begins:
        connection.execute(
            "UPDATE attempts SET keep = min(coalesce(keep, ?1), ?1) WHERE run = ?2 AND ordinal < ?3",
            (news.resumed_step or 0, news.run, ordinal),
        )
    points = _within_limit(connection, news)
    ids = _ids(connection, {point.metric for point in points})
    rows = [(news.run, ids[metric], ordinal, step, epoch, t, value) for metric, step, epoch, t, value in points]
    rows.sort(key=itemgetter(1, 3))
    connection.executemany(
        "INSERT OR REPLACE INTO points (run, metric, attempt, step, epoch, t, value) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
    )
    if ordinal < newest or (news.begins and ordinal > 1):
        _summarise_again(connection, news.run)
    elif points:
        known = {name: list(summary[1:]) for name, summary in summaries(connection, news.run).items()}
        _store_summaries(connection, news.run, _merged(known, points))
    return True


def forget(connection: sqlite3.Connection, number: int, *, seen: Mapping[str, Offset]) -> bool:
    """Drop what was read of a run's event files, so that they are read again from the start.

    Returns False, and drops nothing, where another process has read on since they stood at `seen`.
    """
    if positions(connection, [number]).get(number, {}) != seen:
        return False
    for table in ("points", "attempts", "summaries"):
        connection.execute(f"DELETE FROM {table} WHERE run = ?", (number,))
    connection.execute("UPDATE runs SET dropped = 0 WHERE number = ?", (number,))
    return True


def store_job(connection: sqlite3.Connection, job: JobRow) -> None:
    """Store a job and what the scheduler said of it; what was said earlier than what is known is ignored."""
    connection.execute(
        "INSERT INTO jobs (run, cluster, job_id, submitted, token) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (job.run, job.cluster, job.job_id, job.submitted, job.token),
    )
    if job.state is None:
        return
    facts = [safe_line(fact) if isinstance(fact, str) else fact for fact in (getattr(job, name) for name in _FACTS)]
    connection.execute(
        f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in _FACTS)} "
        "WHERE run = ? AND cluster = ? AND job_id = ? AND (asked_at IS NULL OR asked_at <= ?)",
        (*facts, job.run, job.cluster, job.job_id, job.asked_at),
    )


def set_submission(connection: sqlite3.Connection, number: int, submission: str, message: str | None = None) -> None:
    """Store where the hand-over of a run to the scheduler stands, and why it stands there."""
    said = None if message is None else safe_line(message)
    connection.execute("UPDATE runs SET submission = ?, message = ? WHERE number = ?", (submission, said, number))


def set_message(connection: sqlite3.Connection, number: int, message: str) -> None:
    """Store why a run failed where nothing is known yet."""
    connection.execute("UPDATE runs SET message = ? WHERE number = ? AND message IS NULL", (safe_line(message), number))


def start_poll(connection: sqlite3.Connection, cluster: str, *, at: float, least_s: float) -> bool:
    """Claim the right to ask a cluster now; False where somebody asked it less than `least_s` seconds ago."""
    row = connection.execute("SELECT asked_at FROM polls WHERE cluster = ?", (cluster,)).fetchone()
    if row and 0 <= at - row[0] < least_s:
        return False
    connection.execute(
        "INSERT INTO polls (cluster, asked_at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET asked_at = ?2", (cluster, at)
    )
    return True


def end_poll(connection: sqlite3.Connection, cluster: str, *, at: float, error: str | None) -> None:
    """Store how asking a cluster went; `error` is None where it answered."""
    said = None if error is None else safe_line(error)
    connection.execute(
        "INSERT INTO polls (cluster, asked_at, answered_at, error) VALUES (?1, ?2, iif(?3 IS NULL, ?2, NULL), ?3) "
        "ON CONFLICT DO UPDATE SET error = ?3, answered_at = iif(?3 IS NULL, ?2, answered_at)",
        (cluster, at, said),
    )


def _update_attempt(connection: sqlite3.Connection, ordinal: int, news: AttemptNews) -> None:
    said = {name: value for name in _SAID if (value := getattr(news, name)) is not None}
    told = {"read_to": news.read_to, "inode": news.inode, "last_seq": news.last_seq, **said}
    connection.execute(
        f"UPDATE attempts SET {', '.join(f'{name} = ?' for name in told)}, damaged = damaged + ?, "
        "warnings = warnings + ? WHERE run = ? AND ordinal = ?",
        (*told.values(), news.damaged, news.warnings, news.run, ordinal),
    )


def _within_limit(connection: sqlite3.Connection, news: AttemptNews) -> Sequence[NewPoint]:
    """Return the points whose names the run has or may still have; count the others."""
    known = dict.fromkeys(summaries(connection, news.run))
    known.update(dict.fromkeys(point.metric for point in news.points))
    if len(known) <= NAMES_LIMIT:
        return news.points
    known = dict.fromkeys(list(known)[:NAMES_LIMIT])
    kept = [point for point in news.points if point.metric in known]
    if dropped := len(news.points) - len(kept):
        connection.execute("UPDATE runs SET dropped = dropped + ? WHERE number = ?", (dropped, news.run))
    return kept


def _ids(connection: sqlite3.Connection, names: Iterable[str]) -> dict[str, int]:
    wanted = sorted(names)
    connection.executemany("INSERT OR IGNORE INTO metrics (name) VALUES (?)", ((name,) for name in wanted))
    query = "SELECT id FROM metrics WHERE name = ?"
    return {name: connection.execute(query, (name,)).fetchone()[0] for name in wanted}


def _merged(known: dict[str, list[float | None]], points: Iterable[NewPoint]) -> list[MetricSummary]:
    """Return summaries with these points counted in; `known` holds the fields after the name."""
    for metric, step, epoch, _, value in points:
        cells = known.get(metric)
        if cells is None:
            cells = known[metric] = [value, step, epoch, None, None, None, None]
        elif step >= (cells[1] or 0):
            cells[:3] = value, step, epoch
        if math.isfinite(value):
            if cells[3] is None or value < cells[3]:
                cells[3], cells[5] = value, epoch
            if cells[4] is None or value > cells[4]:
                cells[4], cells[6] = value, epoch
    return [MetricSummary._make((name, *cells)) for name, cells in known.items()]


def _summarise_again(connection: sqlite3.Connection, number: int) -> None:
    """Count summaries anew from the stitched curves, because a later attempt has taken points out of them."""
    query = "SELECT id, name FROM metrics WHERE id IN (SELECT DISTINCT metric FROM points WHERE run = ?)"
    found: dict[str, list[float | None]] = {}
    for metric, name in connection.execute(query, (number,)).fetchall():
        points = stitched(connection, number, metric)
        _merged(found, (NewPoint(name, p.step, p.epoch, p.t, p.value) for p in points))
    _store_summaries(connection, number, [MetricSummary._make((name, *cells)) for name, cells in found.items()])


def _store_summaries(connection: sqlite3.Connection, number: int, found: list[MetricSummary]) -> None:
    packed = pack(found, _ids(connection, (summary.name for summary in found)))
    connection.execute("INSERT OR REPLACE INTO summaries (run, packed) VALUES (?, ?)", (number, packed))
