"""What arctl asks of a place where jobs run: five questions, answered by Slurm and by this machine alike.

A job that nobody mentions is absent from an answer: absence never changes a state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from arctl.states import State


@dataclass(frozen=True)
class Submission:
    """A job that is ready to go."""

    script: Path
    """The rendered job script."""
    run_dir: Path
    """The run directory; it exists."""
    token: str
    """`arctl-` and 12 hex digits: by it the job is found again; `element_of` gives those of an array's elements."""
    log: Path
    """Where output goes: `RunDir.log_pattern`; in an array `PLACE/%a/log-%A_%a.txt`, by links that lead there."""
    directives: Mapping[str, object]
    """The directives in the script: `clusters.directives.directives`."""
    array: int | None = None
    """Number of elements of a job array, or None for a single job."""

    def log_of(self, job_id: str) -> Path:
        """Return where the output of a job or an element goes: `log` with its patterns filled in."""
        index, place = job_id.partition("_")[2], self.log.parent
        name = self.log.name.replace("%j", job_id).replace("%A", whole_of(job_id)).replace("%a", index)
        return (place.with_name(index) if place.name == "%a" else place) / name


@dataclass(frozen=True)
class JobState:
    """What a scheduler says of a job."""

    job_id: str
    """`77`, or `77_3` for an array's element."""
    state: State
    """PENDING, RUNNING, SUSPENDED or an ended state."""
    at: float
    """When it said so, Unix seconds."""
    source: str
    """Who said it: `squeue`, `sacct`, `scontrol`, `local`."""
    exit_code: int | None = None
    """Exit status of an ended job; None while it lives, where nobody knows, and after a signal."""
    signal: int | None = None
    """Number of the signal that ended it."""
    node: str | None = None
    """Where it runs or ran."""
    reason: str | None = None
    """Why it is pending, or why it ended, in the scheduler's words."""
    started: float | None = None
    """Unix seconds."""
    ended: float | None = None
    """Unix seconds."""
    token: str | None = None
    """The token that the job carries, an array's element one of its own (`arctl-..._3`): another one than the run's
    means that the scheduler has given the id to another job."""


@dataclass(frozen=True)
class QueuedJob:
    """A job of this user in the queue, arctl's own or not; an array is a job for each element."""

    job_id: str
    """`77`, or `77_3` for an array's element."""
    state: State
    """PENDING, RUNNING, SUSPENDED or an ended state."""
    word: str
    """The scheduler's own word: `CONFIGURING`, `REQUEUE_HOLD`."""
    name: str
    """The job's name."""
    token: str | None = None
    """The token that it carries, an array's element one of its own."""
    partition: str | None = None
    """Partition, or those that it may go to, with commas."""
    node: str | None = None
    """Where it runs."""
    reason: str | None = None
    """Why it waits, in the scheduler's words."""
    started: float | None = None
    """When it started, or is expected to, Unix seconds."""
    submitted: float | None = None
    """When it was submitted or last queued again, Unix seconds."""
    limit_s: float | None = None
    """Its time limit, seconds; None without one."""
    left_s: float | None = None
    """What is left of the limit, seconds."""
    priority: int | None = None
    """Its priority: the higher, the sooner."""
    nodes: int | None = None
    """Nodes."""
    cpus: int | None = None
    """CPU cores, over all nodes."""
    mem: str | None = None
    """Least memory, as Slurm writes it."""
    gres: str | None = None
    """Generic resources of each node: `gres:gpu:2`."""
    dependency: str | None = None
    """What it waits for."""
    qos: str | None = None
    """Quality of service."""
    account: str | None = None
    """Account."""


@dataclass(frozen=True)
class QueueAnswer:
    """What the queue held, and when that was said."""

    jobs: tuple[QueuedJob, ...]
    """All of this user's jobs."""
    at: float
    """When the scheduler said so, Unix seconds."""


@dataclass(frozen=True)
class Capabilities:
    """What a cluster can do."""

    arrays: bool
    accounting: bool
    time_limit: bool
    gpus: bool
    largest_array: int | None = None
    """Elements that a job array may have; None: any number."""


class Cluster(Protocol):
    """A place where jobs run."""

    name: str

    def capabilities(self) -> Capabilities:
        """Say what this cluster can do. Raises SchedulerError where it does not answer."""
        ...

    def submit(self, submission: Submission) -> str:
        """Queue a job and return its id (`77`).

        Raises SubmitRefused where nothing was queued, SubmitUnconfirmed where nobody can tell, SchedulerError
        where there is no scheduler.
        """
        ...

    def states(self, job_ids: Sequence[str], *, since: float | None = None) -> Mapping[str, JobState]:
        """Ask after all of the jobs at once; `since` is the oldest one's submit time, Unix seconds.

        A job that nobody mentions is absent. Raises SchedulerError where nobody answered.
        """
        ...

    def find(self, tokens: Collection[str], *, since: float) -> Mapping[str, str]:
        """Return the ids of the jobs that carry `tokens`, submitted after `since`; what no job carries is absent.

        For the token of an element (`arctl-..._3`) it is the element's id (`77_3`).
        Raises SchedulerError where nobody answered.
        """
        ...

    def cancel(self, job_ids: Sequence[str]) -> None:
        """End jobs, pending or running; those that have ended already are no error."""
        ...

    def log_path(self, run_dir: Path, job_id: str) -> Path:
        """Return the log of a run's job."""
        ...


def element_of(name: str, *, like: str) -> str:
    """Return the name of an array's element, numbered as `like` is: of token `arctl-ab` like `77_3`, `arctl-ab_3`.

    Without an element in `like` it is `name` as it is.
    """
    _, mark, index = like.partition("_")
    return f"{name}{mark}{index}"


def whole_of(name: str) -> str:
    """Return the job or token of the array that an element belongs to: `77` for `77_3`, and for `77`."""
    return name.partition("_")[0]
