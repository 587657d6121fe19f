"""The state of a run is a pure function of two facts: what the scheduler last said, what the trainer last wrote.

No state ever changes because a query failed or did not mention a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The headline state of a run, one word each."""

    SUBMITTING = "submitting"
    """arctl is handing the job to the scheduler."""
    UNCONFIRMED = "unconfirmed"
    """The scheduler may or may not have taken the job; its token decides."""
    REFUSED = "refused"
    """The scheduler said no; nothing was queued."""
    PENDING = "pending"
    """The job waits in the queue."""
    RUNNING = "running"
    """The job runs."""
    SUSPENDED = "suspended"
    """The scheduler has stopped the job for a while."""
    COMPLETED = "completed"
    """The job ended well, and a trainer wrote its end record."""
    FAILED = "failed"
    """The job ended with an error."""
    CANCELLED = "cancelled"
    """Somebody cancelled the job."""
    TIMEOUT = "timeout"
    """The job hit its time limit."""
    OUT_OF_MEMORY = "out_of_memory"
    """The job used more memory than it had asked for."""
    PREEMPTED = "preempted"
    """The job was thrown off its node and not queued again."""
    NODE_FAIL = "node_fail"
    """The node under the job failed."""
    UNKNOWN = "unknown"
    """Nothing is known yet."""


LIVE = frozenset({State.SUBMITTING, State.UNCONFIRMED, State.PENDING, State.RUNNING, State.SUSPENDED, State.UNKNOWN})
"""States that can still change: what sync looks at."""

ENDED = frozenset(State) - LIVE
"""States that last."""


@dataclass(frozen=True)
class SchedulerFact:
    """What the scheduler last said of a job."""

    state: State
    """One of PENDING, RUNNING, SUSPENDED, or an ended state."""
    source: str
    """Who said it: `squeue`, `sacct`, `scontrol`, `local`."""
    at: float
    """When it was said, Unix seconds."""


@dataclass(frozen=True)
class TrainerFact:
    """What the trainer last wrote into the newest attempt."""

    ended: str | None
    """The status of its end record (`completed`, `failed`, `interrupted`), or None while it has none."""
    at: float
    """Time of its newest event, Unix seconds."""


def headline(
    submission: State,
    scheduler: SchedulerFact | None,
    trainer: TrainerFact | None,
    *,
    expects_events: bool = True,
) -> State:
    """Return the state to show for a run.

    `submission` is where the hand-over stands: SUBMITTING, UNCONFIRMED, REFUSED, or PENDING once a job id is known.
    `expects_events` is False for runs of a user's own command, which may write no events: a job that the
    scheduler calls completed is then believed, unless the command itself wrote that it failed.

    What needs a clock (files that arrive late, a scheduler that has forgotten the job) is in `registry.settle`.
    """
    if submission is State.REFUSED:
        return State.REFUSED
    if scheduler is None:
        return _without_scheduler(submission, trainer)
    ended = None if trainer is None else trainer.ended
    match scheduler.state:
        case State.COMPLETED:
            good = ended == "completed" or (not expects_events and ended != "failed")
            return State.COMPLETED if good else State.FAILED
        case State.FAILED if ended == "interrupted":
            return State.TIMEOUT  # it took the warning before the limit, saved, and left with an exit status of its own
        case State.PENDING if trainer is not None and ended is None and trainer.at > scheduler.at:
            return State.RUNNING  # it writes already; the scheduler was asked before it began
    return scheduler.state


def _without_scheduler(submission: State, trainer: TrainerFact | None) -> State:
    if trainer is None:
        return submission
    match trainer.ended:
        case "completed":
            return State.COMPLETED
        case "failed":
            return State.FAILED
        case "interrupted":
            return State.UNKNOWN
    return State.RUNNING
