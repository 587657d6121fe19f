"""What people do: submit, tag, note, cancel. Plain SQL over the schema of `tables`: importing sqlmodel costs 425 ms.

Tags, notes and the like stand in run.yaml too, so that a rebuild finds them: callers change that file as well.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from arctl.errors import NotFoundError, SubmittedTwice
from arctl.registry import ingest
from arctl.registry.connect import open_write, transaction
from arctl.registry.rows import JobRow, RunRow
from arctl.registry.settle import settle
from arctl.rundir import run_name
from arctl.states import State

_TOLD = {
    name: "group_name" if name == "group" else name
    for name in (
        "number", "token", "name", "created", "model", "data", "preset", "cluster", "template", "group", "sweep",
        "rerun_of", "note", "expects_events", "submission", "cancelled", "message", "params", "code", "once",
        "submitter", "handed", "evaluates", "gpus", "limit_s",
    )
}  # fmt: skip
"""Fields of a row -> columns that are stored as they are; the others are settled."""

_UNSETTLED = {"state": "submitting", "watched": True, "attempts": 0, "damaged": 0, "dropped": 0}
"""What those begin as."""


def create(db: Path) -> None:
    """Make a registry where there is none; one that exists is left as it is.

    Raises RegistryDamaged where run directories lie beside: `arctl rebuild` is the way then.
    """
    open_write(db).close()


@dataclass(frozen=True)
class Intent:
    """A run that somebody wants, before anything of it exists."""

    name: str
    """Name."""
    token: str
    """Names its job in the scheduler."""
    created: float
    """Unix seconds."""
    cluster: str
    """Where it goes."""
    template: str
    """Job template."""
    model: str | None = None
    data: str | None = None
    preset: str | None = None
    tags: Sequence[str] = ()
    note: str = ""
    group: str | None = None
    sweep: str | None = None
    rerun_of: int | None = None
    expects_events: bool = True
    params: Mapping[str, object] | None = None
    code: str | None = None
    once: str | None = None
    """A key that one run alone may have."""
    submitter: str | None = None
    """`host:pid` of this arctl."""
    evaluates: int | None = None
    """The run whose weights it scores."""
    gpus: int | None = None
    """GPUs that its job asks for, over all nodes."""
    limit_s: float | None = None
    """Time limit that its job asks for, seconds."""
    config: Mapping[str, object] | None = None
    """The trainer's configuration, dotted key to leaf, without secrets; None for a command."""

    def row(self, number: int) -> RunRow:
        """Return the run under its number, with nothing known of it yet."""
        unknown = ("job_id", "epoch", "epochs", "step", "started", "ended", "exit_code", "message", "node", "reason")
        told: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "config"}
        told["tags"] = tuple(self.tags)
        known = {"number": number, "state": State.SUBMITTING, "submission": "submitting", "damaged": 0}
        return RunRow(**known, **told, **dict.fromkeys(unknown))  # type: ignore[arg-type]


def new_run(db: Path, *, floor: int = 0, **told: Any) -> int:
    """Record one `Intent` and return the run's number, as `new_runs` does."""
    return new_runs(db, [Intent(**told)], floor=floor)[0]


def new_runs(db: Path, intents: Sequence[Intent], *, fingerprint: str | None = None, floor: int = 0) -> list[int]:
    """Record the intents of one submission, all or none, and return their numbers, above any in use and `floor`.

    `floor` is the highest number that a run directory carries, so that none is used twice. Raises SubmittedTwice
    where one of them has a key (`once`) that a run has already, or where the same submission (`fingerprint`) is
    under way.
    """
    with transaction(db) as connection:
        _refuse_twice(connection, intents, fingerprint)
        last = max(int(connection.execute("SELECT coalesce(max(number), 0) FROM runs").fetchone()[0]), floor)
        numbers = list(range(last + 1, last + 1 + len(intents)))
        rows = [intent.row(number) for number, intent in zip(numbers, intents, strict=True)]
        _add(connection, rows, fingerprint=fingerprint)
        for number, intent in zip(numbers, intents, strict=True):
            ingest.store_config(connection, number, intent.config or {})
            settle(connection, number, now=time.time())
    return numbers


def _refuse_twice(connection: sqlite3.Connection, intents: Sequence[Intent], fingerprint: str | None) -> None:
    found = None
    for once in {intent.once for intent in intents} - {None}:
        found = found or connection.execute("SELECT number, submitter FROM runs WHERE once = ?", (once,)).fetchone()
    if found is not None:
        raise SubmittedTwice(*found, under_way=False)
    if fingerprint is not None:
        found = connection.execute(
            "SELECT number, submitter, submission FROM runs WHERE fingerprint = ? "
            "AND submission IN ('submitting', 'unconfirmed') AND coalesce(message, '') NOT LIKE 'no job carries %'",
            (fingerprint,),
        ).fetchone()
        if found is not None:
            raise SubmittedTwice(*found[:2], under_way=True, unconfirmed=found[2] == "unconfirmed")


def restore(
    db: Path,
    rows: Sequence[RunRow],
    jobs: Sequence[JobRow],
    *,
    configs: Mapping[int, Mapping[str, object]] | None = None,
) -> None:
    """Write runs with the numbers that they had, and their jobs, into a new registry: what a rebuild begins with."""
    with transaction(db) as connection:
        _add(connection, rows)
        for job in jobs:
            ingest.store_job(connection, job)
        for row in rows:
            ingest.store_config(connection, row.number, (configs or {}).get(row.number, {}))
            settle(connection, row.number, now=time.time())


def record_job(
    db: Path, number: int, *, cluster: str, job_id: str, submitted: float, submission: str = "submitted"
) -> None:
    """Record the job that the scheduler gave a run. Doing it twice is doing it once."""
    record_jobs(db, {number: job_id}, cluster=cluster, submitted=submitted, submission=submission)


def record_jobs(
    db: Path, jobs: Mapping[int, str], *, cluster: str, submitted: float, submission: str = "submitted"
) -> None:
    """Record the jobs (run number -> job id) that one submission got. Doing it twice is doing it once."""
    with transaction(db) as connection:
        for number, job_id in jobs.items():
            ingest.set_submission(connection, number, submission)
            ingest.store_job(connection, JobRow(number, cluster, job_id, submitted))
            settle(connection, number, now=time.time())


def begin_again(
    db: Path,
    number: int,
    *,
    token: str,
    at: float,
    submitter: str,
    lost: str | None = None,
    seen: str | None = None,
    gpus: int | None = None,
    limit_s: float | None = None,
) -> None:
    """Record that a further job of a run is handed over under a token of its own; its jobs so far keep theirs.

    `gpus` (over all nodes) and `limit_s` (seconds) are what it asks for.
    `lost` is the token of a hand-over that is known to have died; `seen` the token that the run had when it was
    found free to go on. Raises SubmittedTwice where another one of the run is under way, or has come and gone since.
    """
    with _run(db, number) as connection:
        query = "SELECT token, submission, submitter FROM runs WHERE number = ?"
        old, submission, by = connection.execute(query, (number,)).fetchone()
        if (submission in ("submitting", "unconfirmed") and old != lost) or (seen is not None and old != seen):
            raise SubmittedTwice(number, by, under_way=True)
        connection.execute("UPDATE jobs SET token = ? WHERE run = ? AND token IS NULL", (old, number))
        connection.execute(
            "UPDATE runs SET token = ?, handed = ?, submission = 'submitting', submitter = ?, message = NULL, "
            "cancelled = NULL WHERE number = ?",
            (token, at, submitter, number),
        )
        ingest.store_size(connection, number, gpus=gpus, limit_s=limit_s)


def end_again(db: Path, number: int, *, token: str, gpus: int | None = None, limit_s: float | None = None) -> None:
    """Record that a further job was refused: the run is as it was, under its earlier token and size."""
    with _run(db, number) as connection:
        connection.execute(
            "UPDATE runs SET token = ?, handed = NULL, submission = 'submitted' WHERE number = ?", (token, number)
        )
        ingest.store_size(connection, number, gpus=gpus, limit_s=limit_s)


def set_submission(db: Path, number: int, submission: str, message: str | None = None) -> None:
    """Record where the hand-over to the scheduler stands (`unconfirmed`, `refused`), and why."""
    set_submissions(db, [number], submission, message)


def set_submissions(db: Path, numbers: Sequence[int], submission: str, message: str | None = None) -> None:
    """Record the same of all runs of one job."""
    with transaction(db) as connection:
        for number in numbers:
            ingest.set_submission(connection, number, submission, message)
            settle(connection, number, now=time.time())


def set_cancelled(db: Path, number: int, at: float) -> None:
    """Record when arctl asked to cancel a run (Unix seconds); its state follows when the scheduler says so."""
    with _run(db, number) as connection:
        connection.execute("UPDATE runs SET cancelled = ? WHERE number = ?", (at, number))


def tag(db: Path, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> tuple[str, ...]:
    """Add and remove tags; returns those that the run has then, sorted, for run.yaml."""
    with _run(db, number) as connection:
        for word in sorted(set(remove)):
            connection.execute("DELETE FROM tags WHERE run = ? AND tag = ?", (number, word))
        _add_tags(connection, number, set(add) - set(remove))
        found = connection.execute("SELECT tag FROM tags WHERE run = ? ORDER BY tag", (number,)).fetchall()
    return tuple(word for (word,) in found)


def note(db: Path, number: int, text: str) -> None:
    """Replace a run's note."""
    with _run(db, number) as connection:
        connection.execute("UPDATE runs SET note = ? WHERE number = ?", (text, number))


def _add(connection: sqlite3.Connection, rows: Sequence[RunRow], *, fingerprint: str | None = None) -> None:
    """Insert what is no fact of a scheduler or a trainer; those are settled from their own tables."""
    for row in rows:
        if row.sweep is not None:
            connection.execute(
                "INSERT INTO sweeps (name, created) VALUES (?, ?) ON CONFLICT DO NOTHING", (row.sweep, row.created)
            )
        told = {column: getattr(row, name) for name, column in _TOLD.items()}
        if row.params is not None:
            told["params"] = json.dumps(row.params, ensure_ascii=False, allow_nan=False)
        told |= {"fingerprint": fingerprint, **_UNSETTLED}
        connection.execute(
            f"INSERT INTO runs ({', '.join(told)}) VALUES ({', '.join('?' * len(told))})", tuple(told.values())
        )
        _add_tags(connection, row.number, set(row.tags))


def _add_tags(connection: sqlite3.Connection, number: int, words: set[str]) -> None:
    for word in sorted(words):
        connection.execute("INSERT INTO tags (run, tag) VALUES (?, ?) ON CONFLICT DO NOTHING", (number, word))


@contextmanager
def _run(db: Path, number: int) -> Iterator[sqlite3.Connection]:
    """Give a transaction that changes one run, and settle it. Raises NotFoundError where there is no such run."""
    with transaction(db) as connection:
        if connection.execute("SELECT 1 FROM runs WHERE number = ?", (number,)).fetchone() is None:
            cure = "`arctl ls --all` lists the runs"
            raise NotFoundError(f"there is no {run_name(number)}", where=str(db), cure=cure)
        yield connection
        settle(connection, number, now=time.time())
