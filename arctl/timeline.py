"""What happened to a run, in order, from its jobs and attempts: submitted, begun, stopped, gone on, ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from arctl.pending import plain
from arctl.registry.rows import AttemptRow, JobRow, RunRow
from arctl.rundir import run_name
from arctl.states import ENDED, State

_SHORTEST_S = 60.0
"""Seconds in the queue from which on a wait is worth a word."""

_WORDS = {State.OUT_OF_MEMORY: "out of memory", State.NODE_FAIL: "node failure", State.TIMEOUT: "time limit reached"}


@dataclass(frozen=True)
class Moment:
    """One thing that happened."""

    at: float
    """When, Unix seconds."""
    what: str
    """In words, without the time; holds words of others, to be made safe by who shows it."""
    kind: str
    """`made`, `queued`, `began`, `attempt`, `stopped`, `cancel`, `ended` or `now`."""
    good: bool = True
    """False where something went wrong."""

    def facts(self) -> Mapping[str, object]:
        """Return what `--json` prints."""
        return {"at": self.at, "kind": self.kind, "what": self.what, "good": self.good}


def timeline(row: RunRow, jobs: Sequence[JobRow], attempts: Sequence[AttemptRow], *, now: float) -> tuple[Moment, ...]:
    """Return the moments of a run, oldest first; what it does at `now` (Unix seconds) is the last one."""
    found = [*_made(row), *_asked(row)]
    for job in jobs:
        found += _job(job)
    for attempt in attempts:
        found += _attempt(attempt)
    rank = {kind: place for place, kind in enumerate(("made", "queued", "began", "attempt", "stopped", "ended"))}
    found.sort(key=lambda moment: (moment.at, rank.get(moment.kind, 9)))
    return (*found, *_now(row, jobs, now))


def span(seconds: float) -> str:
    """Return a duration in two units: `45 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def _made(row: RunRow) -> Iterator[Moment]:
    if row.rerun_of is not None:
        yield Moment(row.created, f"made, as {run_name(row.rerun_of)} once more", "made")
    elif row.evaluates is not None:
        yield Moment(row.created, f"made, to score {run_name(row.evaluates)}", "made")
    elif row.job_id is None:
        yield Moment(row.created, "made", "made")


def _asked(row: RunRow) -> Iterator[Moment]:
    if row.cancelled is not None:
        yield Moment(row.cancelled, "arctl was asked to cancel it", "cancel")


def _job(job: JobRow) -> Iterator[Moment]:
    yield Moment(job.submitted, f"job {job.job_id} submitted to {job.cluster}", "queued")
    if job.started is not None:
        waited = job.started - job.submitted
        after = f", after {span(waited)} in the queue" if waited >= _SHORTEST_S else ""
        yield Moment(job.started, f"job {job.job_id} began{f' on {job.node}' if job.node else ''}{after}", "began")
    if job.ended is not None and job.state is not None and job.state in ENDED:
        word = _WORDS.get(job.state, str(job.state).replace("_", " "))
        how = f", exit status {job.exit_code}" if job.exit_code else ""
        how += f", signal {job.signal}" if job.signal else ""
        ran = f", after {span(job.ended - job.started)}" if job.started is not None else ""
        good = job.state in (State.COMPLETED, State.CANCELLED)
        yield Moment(job.ended, f"job {job.job_id} ended: {word}{how}{ran}", "ended", good)


def _attempt(attempt: AttemptRow) -> Iterator[Moment]:
    name = f"attempt {attempt.ordinal}"
    if attempt.started is not None:
        place = f" on {attempt.host}" if attempt.host else ""
        resumed = f", from the checkpoint at step {attempt.resumed_step}" if attempt.resumed_step else ""
        yield Moment(attempt.started, f"{name} started{place}{resumed}", "attempt")
    if attempt.ended is not None and attempt.status is not None:
        why = f": {attempt.message}" if attempt.message else ""
        yield Moment(attempt.ended, f"{name} {attempt.status}{why}", "stopped", attempt.status != "failed")


def _now(row: RunRow, jobs: Sequence[JobRow], now: float) -> Iterator[Moment]:
    newest = jobs[-1] if jobs else None
    if row.state is State.PENDING and newest is not None:
        why = f": {plain(row.reason)}" if row.reason else ""
        yield Moment(now, f"pending for {span(now - newest.submitted)}{why}", "now")
    elif row.state is State.RUNNING:
        begun = newest.started if newest is not None and newest.started is not None else row.started
        if begun is not None:
            yield Moment(now, f"running for {span(now - begun)}{f' on {row.node}' if row.node else ''}", "now")
    elif row.state in (State.UNCONFIRMED, State.UNKNOWN, State.SUSPENDED, State.REFUSED, State.SUBMITTING):
        good = row.state is not State.REFUSED
        yield Moment(now, str(row.state) + (f": {row.message}" if row.message else ""), "now", good)
