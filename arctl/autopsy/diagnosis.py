"""What an autopsy looks at (`Case`) and what it finds (`Diagnosis`).

Plain values, so that the rules between them are pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from arctl.clusters.slurm_accounts import Accounts
from arctl.states import State


class Cause(StrEnum):
    """Why a run ended, one word each."""

    GPU_MEMORY = "gpu_memory"
    MEMORY = "memory"
    SHARED_MEMORY = "shared_memory"
    TIME_LIMIT = "time_limit"
    NOT_FINITE = "not_finite"
    LOSS_SCALE = "loss_scale"
    WORKER = "worker"
    MISSING_FILE = "missing_file"
    IMPORT = "import"
    LIBRARY = "library"
    WEIGHTS = "weights"
    DATA = "data"
    CONFIG = "config"
    COLLECTIVE = "collective"
    RENDEZVOUS = "rendezvous"
    PORT = "port"
    PEER = "peer"
    GPU_FAULT = "gpu_fault"
    GPU_ASSERT = "gpu_assert"
    NO_GPU = "no_gpu"
    DRIVER = "driver"
    NETWORK = "network"
    DISK_FULL = "disk_full"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    NOT_EXECUTABLE = "not_executable"
    MODULES = "modules"
    WORKDIR = "workdir"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    PREEMPTED = "preempted"
    NODE_FAILURE = "node_failure"
    NO_LOG = "no_log"
    LAUNCH = "launch"
    DEPENDENCY = "dependency"
    LOST = "lost"
    SIGNAL = "signal"
    PYTHON = "python"
    REFUSED = "refused"
    NO_END = "no_end"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Evidence:
    """What a diagnosis rests on."""

    source: str
    """A file relative to the run directory, or who said it: `sacct`, `runs.db`."""
    line: int | None
    """Line in that file, from 1; None where it is no file."""
    text: str
    """What stands there."""

    @property
    def where(self) -> str:
        """`log-77.txt:120`."""
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True)
class Remedy:
    """Something to do about it."""

    command: str
    """A command line, ready to paste."""
    why: str
    """What it does, a few words."""


@dataclass(frozen=True)
class Diagnosis:
    """Why a run ended as it did."""

    cause: Cause
    """The kind of it."""
    sentence: str
    """In plain words, no full stop."""
    evidence: tuple[Evidence, ...] = ()
    """What it rests on, the most telling first."""
    remedies: tuple[Remedy, ...] = ()
    """What to do, the best first."""


@dataclass(frozen=True)
class Case:
    """All that an autopsy looks at."""

    run: str
    """`run12`."""
    state: State
    """Headline state."""
    cluster: str = "slurm"
    """Where it ran."""
    exit_code: int | None = None
    """Exit status of the job; for one of 128 and more Slurm says 128 less."""
    signal: int | None = None
    """Signal that ended the job."""
    node: str | None = None
    """Where it ran."""
    said: str | None = None
    """What the scheduler gave as its reason."""
    job: str | None = None
    """Job id."""
    message: str | None = None
    """What the registry holds on why it failed."""
    cancelled: float | None = None
    """When arctl was asked to cancel it, Unix seconds."""
    elapsed: float | None = None
    """How long the job ran, seconds."""
    log: str | None = None
    """Name of the job's log; None where none was written."""
    first: int = 1
    """Number of the first of `lines`; 0 where the log is too long to count."""
    lines: tuple[str, ...] = ()
    """The log's last lines."""
    attempt: str | None = None
    """The newest attempt's event file, relative to the run directory."""
    ended: str | None = None
    """Status of its end record."""
    end_line: int | None = None
    """Line of that record."""
    end_message: str | None = None
    """Its message."""
    epoch: float | None = None
    """Newest epoch."""
    epochs: int | None = None
    """Planned epochs."""
    resumable: bool = False
    """Whether a checkpoint is there to go on from."""
    trainer: bool = True
    """Whether arctl's own trainer ran; else a command of the user's."""
    asked: Mapping[str, object] = field(default_factory=dict)
    """What the job asked for: gpus, nodes, cpus, mem, time, partition."""
    dependency: str | None = None
    """Which jobs had to come first: `afterok:76`."""
    config: Mapping[str, object] = field(default_factory=dict)
    """The trainer's configuration by dotted key; empty for a command."""
    command: tuple[str, ...] = ()
    """What the job ran."""
    evaluates: int | None = None
    """The run whose weights it scored; None where it trained."""
    pace: float | None = None
    """Seconds that an epoch took, evaluation included."""
    path: str = ""
    """The run directory."""
    accounts: Accounts | None = None
    """What accounting says; None where nobody asked or answered."""

    def line(self, index: int) -> Evidence:
        """Return one of the log's lines as evidence."""
        return Evidence(self.log or "log", self.first + index if self.first else None, self.lines[index].strip())

    def end(self) -> Evidence:
        """Return the trainer's end record as evidence."""
        return Evidence(self.attempt or "events.jsonl", self.end_line, f"{self.ended}: {self.end_message or ''}")
