"""From the stored facts of a run to what lists show of it: headline state, times, progress, why it failed.

The one writer of those columns. Facts are the newest job (the scheduler's word) and the newest attempt (the trainer's).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from arctl.states import ENDED, LIVE, SchedulerFact, State, TrainerFact, headline

GRACE_S = 3600.0
"""How long after its end a run's files are still read where the trainer's end record is missing, seconds."""

TRAIL_S = 20.0
"""How long a run that the scheduler calls completed may lack its end record before it has failed, seconds.

Files written on another machine arrive late; on the local cluster nothing is waited for.
"""

FORGOTTEN_S = 600.0
"""After this silence of a scheduler about a live job the trainer's own end record is believed, seconds."""

REQUEUED = frozenset({State.NODE_FAIL, State.PREEMPTED})
"""Ends after which a scheduler may queue the job again."""

REVISED = "revision = (SELECT coalesce(max(revision), 0) + 1 FROM runs)"
"""What belongs into each change of a run that lists show: by it `listing` finds the runs that have changed."""

_BAD_END = ENDED - {State.COMPLETED, State.CANCELLED, State.REFUSED}
_STATES = {str(state): state for state in State}
_SUBMISSION = {
    "submitting": State.SUBMITTING,
    "unconfirmed": State.UNCONFIRMED,
    "refused": State.REFUSED,
    "submitted": State.PENDING,
}


def settle(connection: sqlite3.Connection, number: int, *, now: float) -> bool:
    """Work out a run's headline from its facts and store it; returns whether it failed and nobody knows why yet.

    `now` is Unix seconds. Works inside a transaction of the caller.
    """
    run = _one(
        connection,
        "SELECT submission, expects_events, cluster, message, handed, evaluates, "
        "(SELECT answered_at FROM polls WHERE polls.cluster = runs.cluster) AS answered FROM runs WHERE number = ?",
        number,
    )
    job = _one(connection, "SELECT * FROM jobs WHERE run = ? ORDER BY submitted DESC, job_id DESC LIMIT 1", number)
    attempt = _one(connection, "SELECT * FROM attempts WHERE run = ? ORDER BY ordinal DESC LIMIT 1", number)
    counts = _one(
        connection,
        "SELECT count(*) AS attempts, total(damaged) AS damaged, min(started) AS started, max(epochs) AS epochs, "
        "max(last_event) AS last_event FROM attempts WHERE run = ?",
        number,
    )
    if not run:
        return False
    state = _state(run, job, attempt, now=now)
    ended = None if state in LIVE else job.get("ended") or attempt.get("ended") or job.get("asked_at")
    message = _message(run, attempt, state)
    told: dict[str, Any] = {
        "state": str(state),
        "watched": _watched(state, job, attempt, ended=ended, now=now),
        **{name: job.get(name) for name in ("job_id", "node", "reason", "signal")},
        "heard": job.get("asked_at"),
        "exit_code": _exit_code(job, attempt),
        "started": job.get("started") or counts["started"],
        "ended": ended,
        "message": message,
        **{name: _newest(connection, number, attempt, name) for name in ("epoch", "step")},
        **{name: counts[name] for name in ("attempts", "epochs", "last_event")},
        "damaged": int(counts["damaged"]),
    }
    if run["evaluates"] is not None:  # it tells of another run's epoch, and has none of its own to go through
        told |= {"epoch": None, "epochs": None}
    connection.execute(
        f"UPDATE runs SET {', '.join(f'{name} = ?' for name in told)}, {REVISED} WHERE number = ?",
        (*told.values(), number),
    )
    return message is None and state in _BAD_END


def _exit_code(job: Mapping[str, Any], attempt: Mapping[str, Any]) -> int | None:
    """Return the job's exit status, else the trainer's own: Slurm 22.05 keeps seven bits of it, and says 15 for 143."""
    own: int | None = attempt.get("exit_code")
    told: int | None = job.get("exit_code")
    return own if told is None or (own is not None and own & 0x7F == told) else told


def _one(connection: sqlite3.Connection, query: str, number: int) -> Mapping[str, Any]:
    cursor = connection.execute(query, (number,))
    row = cursor.fetchone()
    return dict(zip((cell[0] for cell in cursor.description), row, strict=True)) if row else {}


def _state(run: Mapping[str, Any], job: Mapping[str, Any], attempt: Mapping[str, Any], *, now: float) -> State:
    scheduler = (
        SchedulerFact(_STATES[job["state"]], job["source"], job["asked_at"]) if job.get("state") in _STATES else None
    )
    trainer = TrainerFact(attempt["status"], attempt["last_event"] or 0.0) if attempt else None
    if run["handed"] is not None and run["submission"] in ("submitting", "unconfirmed"):
        # A further job is being handed over: what is known of the earlier ones no longer counts.
        scheduler = None
        trainer = trainer if trainer is not None and trainer.at > run["handed"] and trainer.ended is None else None
    ended = trainer is not None and trainer.ended in ("completed", "failed")
    if scheduler is not None and scheduler.state in LIVE and ended and now - scheduler.at > FORGOTTEN_S:
        scheduler = None
    if _is_forgotten(run, scheduler) and not ended:
        silent = trainer is None or trainer.ended is not None or now - trainer.at > FORGOTTEN_S
        return State.UNKNOWN if silent else State.RUNNING
    state = headline(
        _SUBMISSION.get(run["submission"], State.PENDING),
        scheduler,
        trainer,
        expects_events=bool(run["expects_events"]),
    )
    if state is State.FAILED and scheduler is not None and scheduler.state is State.COMPLETED and not ended:
        return State.RUNNING if run["cluster"] != "local" and now - scheduler.at < TRAIL_S else state
    return state


def _is_forgotten(run: Mapping[str, Any], scheduler: SchedulerFact | None) -> bool:
    """Tell whether the scheduler has long answered without naming a job that lived when it last did."""
    answered: float | None = run["answered"]
    live = scheduler is not None and scheduler.state in LIVE
    return live and answered is not None and scheduler is not None and answered - scheduler.at > FORGOTTEN_S


def _watched(
    state: State, job: Mapping[str, Any], attempt: Mapping[str, Any], *, ended: float | None, now: float
) -> bool:
    if state in LIVE:
        return True
    if state is State.REFUSED or (state is State.CANCELLED and not attempt and job.get("started") is None):
        return False
    if ended is None or now - ended >= GRACE_S:
        return False
    return attempt.get("status") is None or state in REQUEUED


def _message(run: Mapping[str, Any], attempt: Mapping[str, Any], state: State) -> str | None:
    known: str | None = run["message"]
    if state in (State.SUBMITTING, State.UNCONFIRMED, State.REFUSED):
        return known
    if state in LIVE or state is State.COMPLETED:
        return None
    if attempt.get("status") in ("failed", "interrupted") and attempt["message"]:
        return str(attempt["message"])
    return known


def _newest(connection: sqlite3.Connection, number: int, attempt: Mapping[str, Any], name: str) -> Any:
    """Return the newest attempt's value, or an older one's where the newest has not written one yet."""
    if not attempt or attempt[name] is not None:
        return attempt.get(name)
    query = f"SELECT {name} FROM attempts WHERE run = ? AND {name} IS NOT NULL ORDER BY ordinal DESC LIMIT 1"
    row = connection.execute(query, (number,)).fetchone()
    return row[0] if row else None
