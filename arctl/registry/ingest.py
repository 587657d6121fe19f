"""What runs and schedulers say, on its way into the registry: plain SQL, so that a sync never loads sqlmodel.

Every function works inside a transaction of the caller (`connect.transaction`). Storing is idempotent: lines count only
where the registry stands at the offset at which they begin, and offset and rows are stored together.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from arctl.registry import digests, values
from arctl.registry.read import positions
from arctl.registry.rows import JobRow, Offset
from arctl.registry.settle import REVISED
from arctl.registry.values import NAMES_LIMIT, Curves, NewPoint
from arctl.text import safe_line

__all__ = [
    "NAMES_LIMIT", "AttemptNews", "Curves", "NewPoint", "end_poll", "forget", "set_message", "set_submission",
    "start_poll", "store_config", "store_job", "store_news", "store_size",
]  # fmt: skip


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
    """Values one by one, in the order in which they were written."""
    curves: list[Curves] = field(default_factory=list)
    """Values side by side, in the order in which they were written; they come before `points`."""
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

    @property
    def values(self) -> int:
        """How many values there are."""
        return len(self.points) + sum(len(block.names) * len(block.steps) for block in self.curves)


_SAID = (
    "host", "started", "resumed_step", "epochs", "epoch", "step", "last_event", "status", "ended", "exit_code",
    "message", "last_warning",
)  # fmt: skip
_FACTS = ("state", "source", "asked_at", "exit_code", "signal", "node", "reason", "started", "ended")


def store_news(connection: sqlite3.Connection, news: AttemptNews, *, ids: dict[str, int] | None = None) -> bool:
    """Store what an attempt's new lines said, and how far they go.

    `ids` remembers the numbers of metric names between calls of one transaction. Returns False, and stores nothing,
    where another process has stored these lines already.
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
    curves = news.curves + values.side_by_side(news.points)
    grown = news.read_to // digests.STRIDE > news.since // digests.STRIDE
    values.store(connection, news.run, ordinal, curves, ids={} if ids is None else ids, digest=grown)
    if ordinal < newest or (news.begins and ordinal > 1):
        values.summarise_again(connection, news.run)
    return True


def forget(connection: sqlite3.Connection, number: int, *, seen: Mapping[str, Offset]) -> bool:
    """Drop what was read of a run's event files, so that they are read again from the start.

    Returns False, and drops nothing, where another process has read on since they stood at `seen`.
    """
    if positions(connection, [number]).get(number, {}) != seen:
        return False
    for table in ("points", "attempts", "summaries", "digests"):
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


def store_config(connection: sqlite3.Connection, number: int, config: Mapping[str, object]) -> None:
    """Store the trainer's configuration of a run, dotted key to leaf; it must hold no secrets."""
    packed = json.dumps(config, ensure_ascii=False, default=str)
    connection.execute("INSERT OR REPLACE INTO configs (run, packed) VALUES (?, ?)", (number, packed))


def store_size(connection: sqlite3.Connection, number: int, *, gpus: int | None, limit_s: float | None) -> None:
    """Store what a run's newest job asks for: GPUs over all nodes, time limit in seconds; None is unknown or none."""
    connection.execute(f"UPDATE runs SET gpus = ?, limit_s = ?, {REVISED} WHERE number = ?", (gpus, limit_s, number))


def set_submission(connection: sqlite3.Connection, number: int, submission: str, message: str | None = None) -> None:
    """Store where the hand-over of a run to the scheduler stands, and why it stands there."""
    said = None if message is None else safe_line(message)
    connection.execute("UPDATE runs SET submission = ?, message = ? WHERE number = ?", (submission, said, number))


def set_message(connection: sqlite3.Connection, number: int, message: str) -> None:
    """Store why a run failed where nothing is known yet."""
    connection.execute(
        f"UPDATE runs SET message = ?, {REVISED} WHERE number = ? AND message IS NULL", (safe_line(message), number)
    )


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
