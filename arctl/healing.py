"""Hand-overs that never came back: the job is adopted by its token, or said to be lost. Nothing is ever sent again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from arctl.clusters.base import JobState
from arctl.errors import ArctlError
from arctl.registry import ingest, read
from arctl.registry.connect import transaction
from arctl.registry.rows import JobRow, WatchedRun
from arctl.rundir import RunDir, run_name
from arctl.settings import Workspace
from arctl.states import State

HEAL_AFTER_S = 5.0
"""A hand-over that is this old may have died: its token is looked for, seconds."""

LOST_AFTER_S = 240.0
"""A hand-over that is this old, and whose token no job carries in an answer given since, has died, seconds.

sbatch tries for 150 s, and a controller may take twice its MessageTimeout over what it was sent.
"""

HEAL_FOR_S = 7 * 86400.0
"""So long its token is looked for, seconds."""


UNSEEN_S = 60.0
"""So long after our scancel a job that Slurm knows nothing of counts as cancelled, seconds."""


def cancelled_unseen(
    jobs: Mapping[str, WatchedRun], told: Mapping[str, JobState], *, now: float
) -> dict[str, JobState]:
    """Return the jobs that we cancelled, and of which Slurm, which has answered, has kept nothing.

    It forgets elements of an array that never started, in queue and accounts, and where no accounts are kept all jobs:
    then our own scancel, which it took, is the evidence.
    """
    return {
        job_id: JobState(job_id, State.CANCELLED, now, "scancel", ended=run.cancelled)
        for job_id, run in jobs.items()
        if run.cluster != "local"
        and job_id not in told
        and run.cancelled is not None
        and now - run.cancelled > UNSEEN_S
    }


def is_lost(run: WatchedRun, *, now: float) -> bool:
    """Tell whether nobody knows what became of a run's newest hand-over; the run may have older jobs."""
    return run.submission in ("submitting", "unconfirmed") and HEAL_AFTER_S < now - run.created < HEAL_FOR_S


def settled_after(run: WatchedRun, *, now: float) -> float:
    """Return since when an answer counts, Unix seconds: at first for finding the job, later for finding none."""
    return run.created + (LOST_AFTER_S if now - run.created > LOST_AFTER_S else 0.0)


def heal(
    workspace: Workspace,
    run: WatchedRun,
    job_id: str | None,
    *,
    now: float,
    settle: Callable[[Any, Iterable[int]], None],
) -> str | None:
    """Adopt the job that carries a run's token; where nobody knows it for long, say so. Returns what went wrong.

    run.yaml is told first: whoever dies before the registry is told too leaves a run that is still looked for.
    """
    job_id = job_id or _written(workspace, run)
    if job_id is None:
        if now - run.created > LOST_AFTER_S:
            _say_lost(workspace, run, settle)
        return None
    trouble = _write(workspace, run, job_id)
    with transaction(workspace.db) as connection:
        ingest.set_submission(connection, run.number, "submitted")
        ingest.store_job(connection, JobRow(run.number, run.cluster, job_id, run.created))
        settle(connection, {run.number})
    return trouble


def said_lost(token: str, message: str | None) -> bool:
    """Tell whether a run's message says that no job carries its token, by an answer that counts."""
    return (message or "").startswith(_lost(token))


def _written(workspace: Workspace, run: WatchedRun) -> str | None:
    """Return the job that run.yaml knows although the registry does not: a scheduler may have forgotten it by now."""
    from arctl.runfile import read_run

    try:
        known = read_run(RunDir(workspace.run_dir(run.number)).run_yaml)
    except ArctlError:
        return None
    if known.token != run.token or known.submission != "submitted" or not known.jobs:
        return None
    return known.jobs[-1].id


def _write(workspace: Workspace, run: WatchedRun, job_id: str) -> str | None:
    from arctl.runfile import change_run

    try:
        path = RunDir(workspace.run_dir(run.number)).run_yaml
        change_run(path, lambda file: file.with_job(run.cluster, job_id, run.created))
    except ArctlError as error:
        return f"{run_name(run.number)} is job {job_id}, which its run.yaml does not say: {error}"
    return None


def _lost(token: str) -> str:
    return f"no job carries {token}"


def _say_lost(workspace: Workspace, run: WatchedRun, settle: Callable[[Any, Iterable[int]], None]) -> None:
    cure = "rerun` sends it anew" if run.job is None else f"resume {run_name(run.number)}` sends it again"
    what = f"{_lost(run.token)}: it was never queued, or is forgotten (`arctl {cure})"
    known = read.runs(workspace.db, numbers=[run.number], metrics=())
    if run.submission == "submitting" or any(row.message != what for row in known):
        with transaction(workspace.db) as connection:
            ingest.set_submission(connection, run.number, "unconfirmed", what)
            settle(connection, {run.number})
