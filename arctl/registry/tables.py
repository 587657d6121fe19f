"""The schema of runs.db, as SQLModel classes. Imported only to create a registry.

Points are a clustered table without row ids: the values of one metric of one run lie side by side, in step order.
Summaries are packed (`rows.pack`), so that a list of 10,000 runs needs no points and little parsing.
"""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel


class Run(SQLModel, table=True):
    """What a run is, and below that the facts about it that lists show, settled by `ingest.settle`."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("runs_name", "name"),
        Index("runs_watched", "number", sqlite_where=text("watched = 1")),
        Index("runs_once", "once", unique=True, sqlite_where=text("once IS NOT NULL")),
        Index("runs_unsettled", "fingerprint", sqlite_where=text("submission IN ('submitting', 'unconfirmed')")),
        Index("runs_evaluating", "evaluates", sqlite_where=text("evaluates IS NOT NULL")),
        Index("runs_revision", "revision"),
    )

    number: int = Field(primary_key=True)
    token: str = Field(unique=True)
    name: str
    created: float
    model: str | None = None
    data: str | None = None
    preset: str | None = None
    cluster: str
    template: str
    group_name: str | None = None
    sweep: str | None = Field(default=None, foreign_key="sweeps.name")
    rerun_of: int | None = None
    note: str = ""
    expects_events: bool = True
    submission: str = "submitting"
    cancelled: float | None = None
    # settled
    state: str = "submitting"
    watched: bool = True
    job_id: str | None = None
    node: str | None = None
    reason: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    heard: float | None = None
    started: float | None = None
    ended: float | None = None
    message: str | None = None
    epoch: float | None = None
    epochs: int | None = None
    step: int | None = None
    last_event: float | None = None
    attempts: int = 0
    damaged: int = 0
    dropped: int = 0
    # since schema 2
    params: str | None = None
    """JSON: what an element of a sweep sets, dotted key to value."""
    code: str | None = None
    """Hash of the code snapshot that the job runs."""
    fingerprint: str | None = None
    """Hash of what was asked, by which a double submission is known while the first is under way."""
    once: str | None = None
    """A key that one run alone may have."""
    submitter: str | None = None
    """`host:pid` of the arctl that hands the run over."""
    handed: float | None = None
    """When the newest hand-over began; None is `created`."""
    # since schema 3
    evaluates: int | None = None
    """The run whose weights this one scores; None for every other run."""
    # since schema 4
    gpus: int | None = None
    """GPUs that its newest job asks for, over all nodes; None where nobody knows."""
    limit_s: float | None = None
    """Time limit that its newest job asks for, seconds; None without one."""
    revision: int | None = None
    """Higher than that of any run before, each time something about this one changes that lists show."""


class Sweep(SQLModel, table=True):
    """A set of runs that were submitted together."""

    __tablename__ = "sweeps"

    name: str = Field(primary_key=True)
    created: float


class Tag(SQLModel, table=True):
    """A word on a run."""

    __tablename__ = "tags"
    __table_args__ = {"sqlite_with_rowid": False}

    run: int = Field(primary_key=True, foreign_key="runs.number")
    tag: str = Field(primary_key=True)


class Job(SQLModel, table=True):
    """One job of a run, and what the scheduler last said of it."""

    __tablename__ = "jobs"
    __table_args__ = {"sqlite_with_rowid": False}

    run: int = Field(primary_key=True, foreign_key="runs.number")
    cluster: str = Field(primary_key=True)
    job_id: str = Field(primary_key=True)
    submitted: float
    state: str | None = None
    source: str | None = None
    asked_at: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    node: str | None = None
    reason: str | None = None
    started: float | None = None
    ended: float | None = None
    token: str | None = None
    """What names this job in the scheduler; None is the run's own token (schema 2)."""


class Attempt(SQLModel, table=True):
    """One start of the trainer: what its event file said, and how far that file has been read (offset to last_seq)."""

    __tablename__ = "attempts"
    __table_args__ = {"sqlite_with_rowid": False}

    run: int = Field(primary_key=True, foreign_key="runs.number")
    ordinal: int = Field(primary_key=True)
    name: str
    read_to: int = 0
    inode: int = 0
    last_seq: int = -1
    keep: int | None = None
    """Highest step that counts, because a later attempt went on from there; None: all of them."""
    host: str | None = None
    started: float | None = None
    resumed_step: int | None = None
    epochs: int | None = None
    epoch: float | None = None
    step: int | None = None
    last_event: float | None = None
    status: str | None = None
    ended: float | None = None
    exit_code: int | None = None
    message: str | None = None
    damaged: int = 0
    warnings: int = 0
    last_warning: str | None = None


class Metric(SQLModel, table=True):
    """The name behind a metric's number."""

    __tablename__ = "metrics"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)


class Point(SQLModel, table=True):
    """One value. SQLite has no NaN: NULL is NaN; infinities stay."""

    __tablename__ = "points"
    __table_args__ = {"sqlite_with_rowid": False}

    run: int = Field(primary_key=True)
    metric: int = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    step: int = Field(primary_key=True)
    epoch: float
    t: float
    value: float | None = None


class Summary(SQLModel, table=True):
    """Last, smallest and largest value of each metric of a run, packed."""

    __tablename__ = "summaries"

    run: int = Field(primary_key=True, foreign_key="runs.number")
    packed: bytes


class Config(SQLModel, table=True):
    """The trainer's configuration of a run, so that a list can be filtered by it (schema 4)."""

    __tablename__ = "configs"

    run: int = Field(primary_key=True, foreign_key="runs.number")
    packed: str
    """JSON: dotted key to leaf, secrets hidden."""


class Digest(SQLModel, table=True):
    """Points of one attempt in blocks (`digests`), from which a long curve is drawn; the points stay (schema 4)."""

    __tablename__ = "digests"

    run: int = Field(primary_key=True)
    metric: int = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    last: int = Field(primary_key=True)
    """Step of the last point; the attempt's points up to here are in this row or in one before it."""
    first: int
    """Step of the first point."""
    count: int
    """Points."""
    packed: bytes


class Chore(SQLModel, table=True):
    """What is still to be filled in for runs of an older schema, some at each sync (schema 4)."""

    __tablename__ = "chores"

    name: str = Field(primary_key=True)
    below: int
    """Runs of smaller numbers are still to be done."""


class Poll(SQLModel, table=True):
    """When a scheduler was last asked, by whichever arctl, and what went wrong then."""

    __tablename__ = "polls"
    __table_args__ = {"sqlite_with_rowid": False}

    cluster: str = Field(primary_key=True)
    asked_at: float
    answered_at: float | None = None
    error: str | None = None


def statements() -> list[str]:
    """Return the DDL of every table and index, in the order in which they can be created."""
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.schema import CreateIndex, CreateTable

    dialect = sqlite.dialect()
    ddl: list[str] = []
    for table in SQLModel.metadata.sorted_tables:
        ddl.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        ddl += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return ddl
