"""What comes out of the registry: plain frozen rows, never a session or a database object.

Points and summaries are named tuples, because a list of 10,000 runs makes 100,000 of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from arctl.registry.summary import MetricSummary, best, json_number, lower_is_better, pack, unpack
from arctl.states import State

__all__ = [
    "AttemptRow",
    "JobRow",
    "MetricSummary",
    "Offset",
    "Point",
    "RunRow",
    "WatchedRun",
    "best",
    "json_number",
    "lower_is_better",
    "pack",
    "unpack",
]


class Point(NamedTuple):
    """One value of a metric."""

    step: int
    """Optimizer step, from 1."""
    epoch: float
    """Epoch; 3.25 is a quarter through the fourth."""
    t: float
    """Wall time, Unix seconds."""
    value: float
    """The value; may be NaN or infinite."""
    attempt: int
    """Ordinal of the attempt that wrote it, from 1."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as lists and details show it."""

    number: int
    """12 for `run12`."""
    name: str
    """Name, not unique."""
    token: str
    """Names the job in the scheduler."""
    model: str | None
    """Catalog name; None for a run of a user's own command."""
    data: str | None
    """Data set."""
    preset: str | None
    """Preset."""
    cluster: str
    """`slurm` or `local`."""
    template: str
    """Job template."""
    created: float
    """When it was made, Unix seconds."""
    state: State
    """Headline state."""
    job_id: str | None
    """Newest job, `77` or `77_3`."""
    submission: str
    """`submitting`, `unconfirmed`, `refused` or `submitted`."""
    expects_events: bool
    """False for a user's own command, which may write none."""
    epoch: float | None
    """Newest epoch that the trainer wrote of."""
    epochs: int | None
    """Planned epochs."""
    step: int | None
    """Newest step that the trainer wrote of."""
    started: float | None
    """When the job began to run, Unix seconds."""
    ended: float | None
    """When it ended, Unix seconds."""
    exit_code: int | None
    """Exit status of the job, else of the trainer."""
    message: str | None
    """Why it failed, one line."""
    node: str | None
    """Where it runs or ran."""
    reason: str | None
    """Why it is pending."""
    tags: tuple[str, ...]
    """Tags, sorted."""
    note: str
    """Free text."""
    group: str | None
    """Group."""
    sweep: str | None
    """Sweep."""
    rerun_of: int | None
    """The run that this one repeats."""
    damaged: int
    """Event lines that could not be read."""
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)
    """Summaries by metric name; empty where they were not asked for."""
    cancelled: float | None = None
    """When arctl was asked to cancel it, Unix seconds."""
    signal: int | None = None
    """Signal that ended the job."""
    heard: float | None = None
    """When the scheduler last spoke of the job, Unix seconds."""
    last_event: float | None = None
    """Time of the trainer's newest event, Unix seconds."""
    attempts: int = 0
    """How often the trainer was started."""
    dropped: int = 0
    """Points left out because the run had too many metric names."""
    params: Mapping[str, object] | None = None
    """What the run sets as an element of a sweep, dotted key to value; None outside of one."""
    code: str | None = None
    """Hash of the code snapshot that its job runs; None for live code."""
    submitter: str | None = None
    """`host:pid` of the arctl that handed it over."""
    handed: float | None = None
    """When its newest hand-over began, Unix seconds; None is `created`."""
    once: str | None = None
    """A key that one run alone may have."""
    evaluates: int | None = None
    """The run whose weights this one scores; None for every other run."""
    gpus: int | None = None
    """GPUs that its newest job asks for, over all nodes; None where nobody knows."""
    limit_s: float | None = None
    """Time limit that its newest job asks for, seconds; None without one, and where nobody knows."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job of a run, and what the scheduler last said of it."""

    run: int
    """Run number."""
    cluster: str
    """Where it was sent."""
    job_id: str
    """`77`, or `77_3` for an array's element."""
    submitted: float
    """When, Unix seconds."""
    state: State | None = None
    """None until the scheduler has spoken of it."""
    source: str | None = None
    """`squeue`, `sacct`, `scontrol` or `local`."""
    asked_at: float | None = None
    """When the scheduler said it, Unix seconds."""
    exit_code: int | None = None
    """Exit status."""
    signal: int | None = None
    """Signal that ended it."""
    node: str | None = None
    """Node."""
    reason: str | None = None
    """Why it is pending."""
    started: float | None = None
    """When it began to run, Unix seconds."""
    ended: float | None = None
    """When it ended, Unix seconds."""
    token: str | None = None
    """What names this job in the scheduler; None is the run's own token."""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One start of the trainer."""

    run: int
    """Run number."""
    ordinal: int
    """1 for the first."""
    name: str
    """`<job>.<restart>`."""
    host: str | None
    """Where it ran."""
    started: float | None
    """Time of its start event, Unix seconds."""
    ended: float | None
    """Time of its end record, Unix seconds."""
    status: str | None
    """`completed`, `failed`, `interrupted`, or None while it has no end record."""
    last_event: float | None
    """Time of its newest event, Unix seconds."""
    resumed_step: int | None
    """Step of the checkpoint that it went on from."""
    message: str | None = None
    """Message of its end record."""
    damaged: int = 0
    """Lines that could not be read."""
    warnings: int = 0
    """Warnings that it wrote."""
    last_warning: str | None = None
    """The newest of them, one line."""


class Offset(NamedTuple):
    """How far an event file has been read."""

    offset: int
    """Bytes."""
    inode: int
    """Inode of the file that was read."""
    last_seq: int
    """Newest `seq`, -1 for none."""
    step: int = 0
    """Newest step, 0 for none."""
    epoch: float = 0.0
    """Newest epoch, 0 for none."""


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """What a sync has to know of a run that can still change."""

    number: int
    """Run number."""
    token: str
    """Names its job in the scheduler."""
    cluster: str
    """Where it was sent."""
    created: float
    """When its newest hand-over began, Unix seconds."""
    submission: str
    """`submitting`, `unconfirmed` or `submitted`."""
    state: State
    """Headline state as stored."""
    ended: float | None
    """When it ended, Unix seconds."""
    trainer: str | None
    """Status of the newest attempt's end record."""
    job: JobRow | None
    """Its newest job."""
    offsets: Mapping[str, Offset]
    """How far each attempt's event file has been read, by attempt name, oldest attempt first."""
    cancelled: float | None = None
    """When arctl asked to cancel it, Unix seconds."""
