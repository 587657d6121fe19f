"""What comes out of the registry: plain frozen rows, never a session or a database object.

Points and summaries are named tuples, because a list of 10,000 runs makes 100,000 of them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from arctl.states import State

_LOWER_LEAVES = frozenset({"loss", "data_wait", "skipped", "error"})
_LOWER_FAMILIES = ("gap/", "sys/")


def lower_is_better(metric: str) -> bool:
    """Tell whether smaller values of a metric are better, as the table in docs/run-directory.md has it."""
    leaf = metric.rpartition("/")[2].partition("@")[0]
    return metric.startswith(_LOWER_FAMILIES) or leaf in _LOWER_LEAVES or leaf.endswith(("_loss", "_error"))


def json_number(value: float | None) -> float | str | None:
    """Return what JSON can carry: finite numbers and None as they are, the others as the contract's strings."""
    if value is None or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


class MetricSummary(NamedTuple):
    """Last and extreme values of one metric of a run, over its stitched curve."""

    name: str
    """`val/top1`."""
    last: float | None
    """Value at the highest step; NaN where that is what was logged (see `json_number`)."""
    last_step: int
    """Step of `last`."""
    last_epoch: float | None
    """Epoch of `last`."""
    min: float | None
    """Smallest finite value; None where no value was finite."""
    max: float | None
    """Largest finite value; None where no value was finite."""
    min_epoch: float | None
    """Epoch at which `min` was reached first."""
    max_epoch: float | None
    """Epoch at which `max` was reached first."""

    @property
    def best(self) -> float | None:
        """The smallest or the largest value, whichever is better for this metric."""
        return self.min if lower_is_better(self.name) else self.max

    @property
    def best_epoch(self) -> float | None:
        """Epoch at which `best` was reached first."""
        return self.min_epoch if lower_is_better(self.name) else self.max_epoch


def best(summary: MetricSummary, metric: str | None = None) -> tuple[float | None, float | None]:
    """Return the best value and its epoch; `metric` names the direction where it is not the summary's own name."""
    if lower_is_better(metric or summary.name):
        return summary.min, summary.min_epoch
    return summary.max, summary.max_epoch


_PACKED = struct.Struct("<iq6d")
"""Metric id, last step; last, last epoch, min, max, min epoch, max epoch, NaN for none. 60 bytes."""


def pack(summaries: Iterable[MetricSummary], ids: Mapping[str, int]) -> bytes:
    """Return summaries as the registry stores them; `ids` gives the number of each metric's name."""
    return b"".join(
        _PACKED.pack(ids[s.name], s.last_step, *(math.nan if value is None else value for value in (s.last, *s[3:])))
        for s in summaries
    )


def unpack(packed: bytes, names: Mapping[int, str]) -> dict[str, MetricSummary]:
    """Return summaries by metric name; metrics that `names` does not hold are left out."""
    found: dict[str, MetricSummary] = {}
    for number, step, last, epoch, low, high, low_epoch, high_epoch in _PACKED.iter_unpack(packed):
        if (name := names.get(number)) is None:
            continue
        if low != low:
            low = high = low_epoch = high_epoch = None
        # A tenth of a million of them in a long list: the constructor's own call would cost as much again.
        cells = (name, last, step, epoch, low, high, low_epoch, high_epoch)
        found[name] = tuple.__new__(MetricSummary, cells)
    return found


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
    """When it was made, Unix seconds."""
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
