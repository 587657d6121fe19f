"""What can be done with runs that have not ended: cancel them, or wait for their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from arctl.clusters import open_cluster
from arctl.clusters.base import Cluster, JobState
from arctl.errors import ArctlError
from arctl.registry import read, write
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.runfile import change_run
from arctl.settings import Workspace
from arctl.states import ENDED, State
from arctl.sync import sync

POLL_S = 0.5
"""Seconds between two looks at runs that change; Slurm itself is asked at the workspace's own interval."""

CALM_S = 5.0
"""Seconds between two looks once nothing has changed for a while: run directories may lie far away."""

_FAILED = {State.FAILED, State.OUT_OF_MEMORY, State.NODE_FAIL, State.PREEMPTED, State.REFUSED}


@dataclass(frozen=True)
class Outcome:
    """What became of the wish to cancel a run."""

    number: int
    """12 for `run12`."""
    job_id: str | None
    """Its job."""
    asked: bool
    """Whether the scheduler was asked to cancel it."""
    said: str
    """What was done, in words."""

    @property
    def run(self) -> str:
        """What people type: `run12`."""
        return run_name(self.number)

    def facts(self) -> dict[str, object]:
        """Return what `--json` prints."""
        return {"run": self.run, "job_id": self.job_id, "asked": self.asked, "said": self.said}


def cancel(workspace: Workspace, numbers: Sequence[int]) -> list[Outcome]:
    """Ask the schedulers to cancel runs; those that have ended are only named.

    A job id that now belongs to another job is left alone. Raises SchedulerError where a scheduler does not answer.
    """
    rows = {row.number: row for row in read.runs(workspace.db, numbers=numbers, metrics=())}
    outcomes: dict[int, Outcome] = {}
    for name in sorted({row.cluster for row in rows.values()}):
        here = [row for row in rows.values() if row.cluster == name]
        outcomes.update({outcome.number: outcome for outcome in _cancel_on(workspace, name, here)})
    return [outcomes[number] for number in numbers]


def wait(
    workspace: Workspace,
    numbers: Sequence[int],
    *,
    timeout: float | None = None,
    poll: float = POLL_S,
    tell: Callable[[str], None] = lambda text: None,
) -> Mapping[int, State]:
    """Sync until all of these runs have ended or `timeout` seconds have passed, and return their states.

    `tell` hears of each change of a state and of each epoch, and of a scheduler that does not answer.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    heard: set[str] = set()
    pause = poll
    while True:
        report = sync(workspace)
        troubles = (*report.scheduler_errors, *report.troubles)
        rows = sorted(read.runs(workspace.db, numbers=numbers, metrics=("val/top1",)), key=lambda row: row.number)
        for line in (*(f"warning: {trouble}" for trouble in troubles), *map(_progress, rows)):
            if line not in heard:
                tell(line)
                heard.add(line)
                pause = poll
        states = {row.number: row.state for row in rows}
        if all(state in ENDED for state in states.values()):
            return states
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return states
        time.sleep(pause if left is None else min(pause, left))
        pause = min(pause * 1.2, max(poll, CALM_S))


def exit_status(states: Iterable[State]) -> int:
    """Return what `arctl wait` ends with: 0 completed, 10 failed, 11 cancelled, 12 time limit, 124 not ended yet.

    Of several, a failure counts most, then the time limit, then a cancellation.
    """
    found = set(states)
    if found - ENDED:
        return 124
    if found & _FAILED:
        return 10
    if State.TIMEOUT in found:
        return 12
    return 11 if State.CANCELLED in found else 0


def _jobs_of(cluster: Cluster, live: Sequence[RunRow]) -> dict[int, str]:
    """Return the job of each run, found by its token where no hand-over has come back; those unknown are absent."""
    known = {
        row.number: row.job_id for row in live if row.job_id and row.submission not in ("submitting", "unconfirmed")
    }
    lost = {row.token: row for row in live if row.number not in known}
    since = min((row.handed or row.created for row in lost.values()), default=0.0)
    found = cluster.find(list(lost), since=since) if lost else {}
    return known | {lost[token].number: job_id for token, job_id in found.items()}


def _cancel_on(workspace: Workspace, name: str, rows: Sequence[RunRow]) -> list[Outcome]:
    cluster = open_cluster(name, workspace)
    ended = [Outcome(row.number, row.job_id, False, f"already {row.state}") for row in rows if row.state in ENDED]
    live = [row for row in rows if row.state not in ENDED]
    jobs = _jobs_of(cluster, live)
    answers = cluster.states(list(jobs.values()), since=min((row.created for row in live), default=None))
    outcomes = []
    wanted = []
    for row in live:
        job_id = jobs.get(row.number)
        if job_id is None:
            outcomes.append(Outcome(row.number, None, False, "no job of it is known yet; `arctl sync`, then try again"))
        elif _foreign(row, answers.get(job_id), unnamed="job-name" in workspace.settings.slurm.skip):
            outcomes.append(Outcome(row.number, job_id, False, f"job {job_id} is another job by now: left alone"))
        else:
            wanted.append((row, job_id))
    cluster.cancel([job_id for _, job_id in wanted])
    for row, job_id in wanted:
        _remember(workspace, row.number)
        outcomes.append(Outcome(row.number, job_id, True, f"job {job_id} on {name} is being cancelled"))
    return ended + outcomes


def _foreign(row: RunRow, answer: JobState | None, *, unnamed: bool) -> bool:
    """Tell whether an id is another job's by now, as its name shows: a live one always has one, an account may lag.

    `unnamed` says that jobs of this site do not carry their token.
    """
    if answer is None or answer.token == row.token:
        return False
    return answer.token is not None or not (unnamed or answer.source == "sacct")


def _remember(workspace: Workspace, number: int) -> None:
    """Record when somebody asked, in the registry and in run.yaml, for the day on which the registry is rebuilt."""
    at = time.time()
    write.set_cancelled(workspace.db, number, at)
    path = RunDir(workspace.run_dir(number)).run_yaml
    try:
        change_run(path, lambda run: replace(run, cancelled=at))
    except ArctlError:
        return


def _progress(row: RunRow) -> str:
    """Return one line about a run; a line like the last one is not told again."""
    parts = [f"{run_name(row.number)}: {row.state}"]
    if row.epoch is not None and row.epochs is not None:
        parts.append(f"epoch {int(row.epoch)}/{row.epochs}")
    best = row.metrics.get("val/top1")
    if best is not None and best.max is not None:
        parts.append(f"best val/top1 {best.max:.3f}")
    if row.message is not None:
        parts.append(row.message)
    return ", ".join(parts)
