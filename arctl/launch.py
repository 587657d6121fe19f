"""Submitting: intent row with a token, run directory, scheduler, job id. Whatever dies between is healed by the token.

A run directory appears whole or not at all; a job that may be queued is never sent twice.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from arctl.clusters import open_cluster
from arctl.clusters.base import Submission
from arctl.errors import ArctlError, NotFoundError, SchedulerError, SubmitUnconfirmed
from arctl.plan import Plan, Request, Resources, next_number, place, plan
from arctl.registry import read, write
from arctl.rundir import RunDir, run_name
from arctl.runfile import JobFile, RunFile, change_run, read_run, write_run
from arctl.settings import Workspace

STALE_S = 3600.0
"""A staging directory older than this was left by a submission that was killed, seconds."""


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


def rehearse(workspace: Workspace, request: Request) -> Plan:
    """Return what a submission would do, under the number that it would get now."""
    return plan(workspace, request, number=next_number(workspace, read.numbers(workspace.db)))


def submit(workspace: Workspace, request: Request) -> Launched:
    """Check a request, make its run and queue its job.

    Raises what `plan` raises before anything is made; SubmitRefused (the run stays, as refused), SubmitUnconfirmed
    (the run stays, and `arctl sync` finds its job by the token), ArctlError for a full disk (nothing stays).
    """
    checked = rehearse(workspace, request)
    token, created = f"arctl-{secrets.token_hex(6)}", time.time()
    number = _intend(workspace, checked, token, created)
    try:
        placed = place(workspace, checked, number=number, token=token)
        record = _record(placed, number, token, created)
        directory = _make(workspace, placed, record)
    except BaseException as error:
        _settle(workspace, number, "refused", f"never queued: {_words(error)}")
        raise
    return _hand_over(workspace, placed, record, directory)


def again(workspace: Workspace, number: int, *, resources: Resources | None = None, **changes: object) -> Request:
    """Return the request that repeats a run: its configuration, resources and words, with some of them changed.

    Raises NotFoundError where its directory is gone.
    """
    directory = RunDir(workspace.run_dir(number))
    if not directory.run_yaml.is_file():
        cure = "a run can be repeated while its directory is there"
        raise NotFoundError(f"{run_name(number)} has no run.yaml", where=str(directory.path), cure=cure)
    old = read_run(directory.run_yaml)
    own = old.model is None
    before = Request(
        name=old.name,
        tags=tuple(old.tags),
        note=old.note,
        cluster=old.cluster,
        template=old.template,
        command=tuple(old.command) if own else (),
        config=None if own else directory.config,
        preset=None if own else old.preset,
        resources=(resources or Resources()).over(old.values),
        group=old.group,
        rerun_of=number,
    )
    return replace(before, **changes)  # type: ignore[arg-type]


def _intend(workspace: Workspace, checked: Plan, token: str, created: float) -> int:
    request = checked.request
    return write.new_run(
        workspace.db,
        name=checked.name,
        token=token,
        created=created,
        cluster=checked.cluster,
        template=checked.template.name,
        model=request.model,
        data=request.data,
        preset=request.preset,
        tags=request.tags,
        note=request.note,
        group=request.group,
        rerun_of=request.rerun_of,
        expects_events=checked.config is not None,
        floor=next_number(workspace, ()) - 1,
    )


def _record(placed: Plan, number: int, token: str, created: float) -> RunFile:
    request = placed.request
    return RunFile(
        number=number,
        token=token,
        name=placed.name,
        created=created,
        model=request.model,
        data=request.data,
        preset=request.preset,
        tags=request.tags,
        note=request.note,
        group=request.group,
        template=placed.template.name,
        values=placed.values,
        command=placed.command,
        cluster=placed.cluster,
        rerun_of=request.rerun_of,
        submission="submitting",
    )


def _make(workspace: Workspace, placed: Plan, record: RunFile) -> RunDir:
    """Write the run directory beside its place and rename it there whole."""
    final = workspace.run_dir(record.number)
    stage = workspace.runs / f".stage-{record.token}"
    try:
        workspace.runs.mkdir(exist_ok=True)
        _sweep(workspace.runs)
        stage.mkdir()
        staged = RunDir(stage)
        _write(staged.script, placed.script)
        if placed.config is not None:
            _write(staged.config, placed.config_text())
        write_run(staged.run_yaml, record)
        if final.exists():
            raise ArctlError("a run directory of this number appeared", where=str(final), cure="submit again")
        stage.rename(final)
        _sync_directory(workspace.runs)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    return RunDir(final)


def _hand_over(workspace: Workspace, placed: Plan, record: RunFile, directory: RunDir) -> Launched:
    submitted = time.time()
    try:
        cluster = open_cluster(placed.cluster, workspace)
        job_id = cluster.submit(
            Submission(
                script=directory.script,
                run_dir=directory.path,
                token=record.token,
                log=directory.log_pattern(),
                directives=placed.directives,
            )
        )
    except BaseException as error:
        certain = isinstance(error, SchedulerError) and not isinstance(error, SubmitUnconfirmed)
        submission = "refused" if certain else "unconfirmed"
        _settle(workspace, record.number, submission, _words(error))
        _amend(directory, lambda run: replace(run, submission=submission))
        raise
    job = JobFile(placed.cluster, job_id, submitted)
    try:
        write.record_job(workspace.db, record.number, cluster=placed.cluster, job_id=job_id, submitted=submitted)
        change_run(directory.run_yaml, lambda run: _with_job(run, job))
    except ArctlError as error:
        raise SubmitUnconfirmed(
            f"job {job_id} is queued, but this could not be recorded: {_words(error)}",
            where=str(directory.path),
            cure="make room, then `arctl sync` finds it by its token",
        ) from error
    return Launched(record.number, job_id, placed.cluster, directory.path)


def _settle(workspace: Workspace, number: int, submission: str, message: str) -> None:
    """Record how a hand-over ended; where even that fails, the row stays until a sync looks for its token."""
    try:
        write.set_submission(workspace.db, number, submission, message)
    except ArctlError:
        return


def _amend(directory: RunDir, how: Callable[[RunFile], RunFile]) -> None:
    try:
        change_run(directory.run_yaml, how)
    except ArctlError:
        return


def _with_job(run: RunFile, job: JobFile) -> RunFile:
    """Add a job, unless a sync has found it by the token meanwhile."""
    known = any((other.cluster, other.id) == (job.cluster, job.id) for other in run.jobs)
    return replace(run, submission="submitted", jobs=run.jobs if known else (*run.jobs, job))


def _words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(runs: Path) -> None:
    """Remove what killed submissions left behind."""
    for stage in runs.glob(".stage-*"):
        if time.time() - stage.stat().st_mtime > STALE_S:
            shutil.rmtree(stage, ignore_errors=True)
