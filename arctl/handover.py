"""Handing a job to its scheduler: run directories that appear whole, one sbatch, the id recorded.

Whatever dies in between leaves runs that are `submitting` or `unconfirmed`, which `arctl sync` settles by their token.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from arctl.clusters import open_cluster
from arctl.clusters.base import Submission
from arctl.errors import ArctlError, SchedulerError, SubmitUnconfirmed
from arctl.plan import Placement, Plan, elements_place, place
from arctl.registry import write
from arctl.rundir import RunDir, run_name
from arctl.runfile import JobFile, RunFile, Written, add_job, change_run
from arctl.runtext import text_of
from arctl.settings import Workspace
from arctl.staging import FEW, NewRun, make, together


@dataclass(frozen=True)
class Launched:
    """A run whose job is queued."""

    number: int
    """12 for `run12`."""
    job_id: str
    """`77`."""
    cluster: str
    """`slurm` or `local`."""
    run_dir: Path
    """Its directory."""

    @property
    def run(self) -> str:
        """What people type: `run12`."""
        return run_name(self.number)

    def facts(self) -> dict[str, object]:
        """Return what `--json` prints."""
        return {"run": self.run, "job_id": self.job_id, "cluster": self.cluster, "run_dir": str(self.run_dir)}


@dataclass(frozen=True)
class Job:
    """What goes to the scheduler at once: one run, or the elements of an array."""

    plans: Sequence[Plan]
    """Its runs."""
    numbers: Sequence[int]
    """Their numbers."""
    where: Placement
    """What they share."""
    created: float
    """When they were made, Unix seconds."""

    def token_of(self, index: int) -> str:
        """Return the token of a run: that of the job, or of one of its elements."""
        return f"{self.where.token}_{index}" if self.plans[0].template.array else self.where.token


def submitter() -> str:
    """Return who hands over: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def make_and_send(workspace: Workspace, job: Job, *, submitted: float) -> list[Launched]:
    """Make the run directories of a job, all or none, and queue it. Its runs are intended already.

    Raises what `clusters.base.Cluster.submit` raises, ArctlError or OSError for a disk that is full.
    """
    placed = place(workspace, job.plans, numbers=job.numbers, where=job.where)
    new = [_new(one, job, index) for index, one in enumerate(placed)]
    array = placed[0].template.array
    directories = make(workspace, new, links=elements_place(workspace, job.where.token) if array else None)
    texts = {one.number: one.text for one in new}
    made = Made(placed, job.numbers, directories, directories[0].script, job.where.token, texts)
    return send(workspace, made, submitted=submitted)


@dataclass(frozen=True)
class Made:
    """A job whose runs stand on the disk."""

    plans: Sequence[Plan]
    """Its runs, placed."""
    numbers: Sequence[int]
    """Their numbers."""
    directories: Sequence[RunDir]
    """Their directories."""
    script: Path
    """What is sent."""
    token: str
    """Names the job in the scheduler."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """What each run.yaml says, by run number, as far as it was written just now."""

    def written(self) -> Mapping[int, Written]:
        """Return what stands in the run.yaml files that are new."""
        found = {}
        for number, directory in zip(self.numbers, self.directories, strict=True):
            if number in self.texts:
                stat = directory.run_yaml.stat()
                found[number] = Written(self.texts[number], stat.st_ino, stat.st_mtime_ns)
        return found


def send(workspace: Workspace, made: Made, *, submitted: float) -> list[Launched]:
    """Queue the job of runs that stand on the disk, and record its id; where that fails, record how it stands."""
    first, numbers, directories = made.plans[0], made.numbers, made.directories
    array = len(made.plans) if first.template.array else None
    job = Submission(made.script, directories[0].path, made.token, first.log, first.directives, array)
    written = made.written()
    try:
        job_id = open_cluster(first.cluster, workspace).submit(job)
    except BaseException as error:
        certain = isinstance(error, SchedulerError) and not isinstance(error, SubmitUnconfirmed)
        submission = "refused" if certain else "unconfirmed"
        settle_all(workspace, numbers, submission, words(error))
        for directory in directories:
            _amend(directory, lambda run: replace(run, submission=submission), flush=len(numbers) <= FEW)
        raise
    launched = [
        Launched(number, f"{job_id}_{index}" if array else job_id, first.cluster, directory.path)
        for index, (number, directory) in enumerate(zip(numbers, directories, strict=True))
    ]
    _confirm(workspace, launched, submitted, written)
    return launched


def settle_all(workspace: Workspace, numbers: Sequence[int], submission: str, message: str) -> None:
    """Record how a hand-over ended; where even that fails, the rows stay until a sync looks for their tokens."""
    try:
        write.set_submissions(workspace.db, numbers, submission, message)
    except ArctlError:
        return


def words(error: BaseException) -> str:
    """Return what went wrong, for the runs that it befell."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)


def _confirm(
    workspace: Workspace, launched: Sequence[Launched], submitted: float, written: Mapping[int, Written]
) -> None:
    """Record the job of each run in run.yaml, which is the truth, then in the registry; each although the other fails.

    Whoever dies in between leaves runs that the registry calls `submitting`: a sync finds their jobs in run.yaml.
    """
    first = launched[0]
    troubles: list[ArctlError] = []

    def note(run: Launched) -> None:
        job = JobFile(run.cluster, run.job_id, submitted)
        try:
            path = RunDir(run.run_dir).run_yaml
            add_job(path, job, written=written.get(run.number), flush=len(launched) <= FEW)
        except ArctlError as error:
            troubles.append(error)

    together([functools.partial(note, run) for run in launched])
    try:
        jobs = {run.number: run.job_id for run in launched}
        write.record_jobs(workspace.db, jobs, cluster=first.cluster, submitted=submitted)
    except ArctlError as error:
        troubles.append(error)
    if troubles:
        raise SubmitUnconfirmed(
            f"job {first.job_id} is queued, but this could not be recorded: {words(troubles[0])}",
            where=str(first.run_dir),
            cure="make room, then `arctl sync` finds it by its token",
        ) from troubles[0]


def _amend(directory: RunDir, how: Callable[[RunFile], RunFile], *, flush: bool) -> None:
    try:
        change_run(directory.run_yaml, how, flush=flush)
    except ArctlError:
        return


def _new(placed: Plan, job: Job, index: int) -> NewRun:
    request = placed.request
    record = RunFile(
        number=job.numbers[index],
        token=job.token_of(index),
        name=placed.name,
        created=job.created,
        model=request.model,
        data=request.data,
        preset=request.preset,
        tags=request.tags,
        note=request.note,
        group=request.group,
        sweep=request.sweep,
        params=request.params,
        code=placed.code,
        once=request.once,
        template=placed.template.name,
        values=placed.values,
        command=placed.command,
        cluster=placed.cluster,
        rerun_of=request.rerun_of,
        evaluates=request.evaluates,
        submission="submitting",
    )
    config = None if placed.config is None else placed.config_text()
    return NewRun(record.number, record.token, text_of(record), placed.script, config)
