"""What people do: submit, tag, note, cancel. Rare, so through SQLModel (425 ms to import; readers never pay that).

Tags, notes and the like stand in run.yaml too, so that a rebuild finds them: callers change that file as well.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from arctl.errors import NotFoundError
from arctl.registry import ingest
from arctl.registry.connect import begin, explained, open_write
from arctl.registry.rows import JobRow, RunRow
from arctl.registry.settle import settle
from arctl.rundir import run_name
from arctl.states import State

if TYPE_CHECKING:
    from sqlmodel import Session

    from arctl.registry.tables import Run


def create(db: Path) -> None:
    """Make a registry where there is none; one that exists is left as it is.

    Raises RegistryDamaged where run directories lie beside: `arctl rebuild` is the way then.
    """
    open_write(db).close()


def new_run(
    db: Path,
    *,
    name: str,
    token: str,
    created: float,
    cluster: str,
    template: str,
    model: str | None = None,
    data: str | None = None,
    preset: str | None = None,
    tags: Sequence[str] = (),
    note: str = "",
    group: str | None = None,
    sweep: str | None = None,
    rerun_of: int | None = None,
    expects_events: bool = True,
    floor: int = 0,
) -> int:
    """Record the intent to run and return the run's number: one more than any in the registry, and above `floor`.

    `floor` is the highest number that a run directory carries, so that none is used twice.
    """
    with _session(db) as (session, connection):
        number = max(int(connection.execute("SELECT coalesce(max(number), 0) FROM runs").fetchone()[0]), floor) + 1
        row = RunRow(
            number=number,
            name=name,
            token=token,
            model=model,
            data=data,
            preset=preset,
            cluster=cluster,
            template=template,
            created=created,
            state=State.SUBMITTING,
            job_id=None,
            submission="submitting",
            expects_events=expects_events,
            epoch=None,
            epochs=None,
            step=None,
            started=None,
            ended=None,
            exit_code=None,
            message=None,
            node=None,
            reason=None,
            tags=tuple(tags),
            note=note,
            group=group,
            sweep=sweep,
            rerun_of=rerun_of,
            damaged=0,
        )
        _add(session, row)
        settle(connection, number, now=time.time())
    return number


def restore(db: Path, rows: Sequence[RunRow], jobs: Sequence[JobRow]) -> None:
    """Write runs with the numbers that they had, and their jobs, into a new registry: what a rebuild begins with."""
    with _session(db) as (session, connection):
        for row in rows:
            _add(session, row)
        for job in jobs:
            ingest.store_job(connection, job)
        for row in rows:
            settle(connection, row.number, now=time.time())


def record_job(
    db: Path, number: int, *, cluster: str, job_id: str, submitted: float, submission: str = "submitted"
) -> None:
    """Record the job that the scheduler gave a run. Doing it twice is doing it once."""
    with _run(db, number) as (session, connection, row):
        row.submission = submission
        row.message = None
        session.flush()
        ingest.store_job(connection, JobRow(number, cluster, job_id, submitted))


def set_submission(db: Path, number: int, submission: str, message: str | None = None) -> None:
    """Record where the hand-over to the scheduler stands (`unconfirmed`, `refused`), and why."""
    with _run(db, number) as (_, connection, _row):
        ingest.set_submission(connection, number, submission, message)


def set_cancelled(db: Path, number: int, at: float) -> None:
    """Record when arctl asked to cancel a run (Unix seconds); its state follows when the scheduler says so."""
    with _run(db, number) as (session, _, row):
        row.cancelled = at
        session.flush()


def tag(db: Path, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> tuple[str, ...]:
    """Add and remove tags; returns those that the run has then, sorted, for run.yaml."""
    from sqlmodel import select

    from arctl.registry.tables import Tag

    with _run(db, number) as (session, _, _row):
        has = {found.tag: found for found in session.exec(select(Tag).where(Tag.run == number))}
        for word in set(remove) & set(has):
            session.delete(has[word])
        session.add_all(Tag(run=number, tag=word) for word in sorted(set(add) - set(remove) - set(has)))
        session.flush()
    return tuple(sorted((set(has) - set(remove)) | (set(add) - set(remove))))


def note(db: Path, number: int, text: str) -> None:
    """Replace a run's note."""
    with _run(db, number) as (session, _, row):
        row.note = text
        session.flush()


def _add(session: Session, row: RunRow) -> None:
    """Insert what is no fact of a scheduler or a trainer; those are settled from their own tables."""
    from arctl.registry.tables import Run, Sweep, Tag

    if row.sweep is not None and session.get(Sweep, row.sweep) is None:
        session.add(Sweep(name=row.sweep, created=row.created))
        session.flush()
    same = ("number", "token", "name", "created", "model", "data", "preset", "cluster", "template", "sweep")
    more = ("rerun_of", "note", "expects_events", "submission", "cancelled", "message")
    session.add(Run(group_name=row.group, **{name: getattr(row, name) for name in same + more}))
    session.flush()
    session.add_all(Tag(run=row.number, tag=tag) for tag in sorted(set(row.tags)))
    session.flush()


@contextmanager
def _session(db: Path) -> Iterator[tuple[Session, sqlite3.Connection]]:
    """Give a session and its SQLite connection inside one transaction that holds the write lock from its start."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool
    from sqlmodel import Session

    # SQLAlchemy tries its first connection and rolls back: that one must not be the one with the lock.
    tried: list[sqlite3.Connection] = []

    def opened() -> sqlite3.Connection:
        tried.append(begin(db) if tried else sqlite3.connect(":memory:"))
        return tried[-1]

    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool)
    engine.connect().close()
    with explained(db), Session(engine, autoflush=False) as session, session.begin():
        connection = session.connection().connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        yield session, connection


@contextmanager
def _run(db: Path, number: int) -> Iterator[tuple[Session, sqlite3.Connection, Run]]:
    from arctl.registry.tables import Run

    with _session(db) as (session, connection):
        row = session.get(Run, number)
        if row is None:
            raise NotFoundError(
                f"there is no {run_name(number)}", where=str(db), cure="`arctl ls --all` lists the runs"
            )
        yield session, connection, row
        settle(connection, number, now=time.time())
