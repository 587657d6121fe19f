"""Submitting: intent row with a token, run directory, scheduler, job id. Whatever dies between is healed by the token.

A job that may be queued is never sent twice. It is one run, or an array whose elements are runs of their own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arctl.clusters import open_cluster
from arctl.clusters.base import Submission, whole_of
from arctl.errors import ArctlError, NotFoundError, SchedulerError, SubmitUnconfirmed
from arctl.plan import Plan, check_together, next_number, place, plan
from arctl.registry import read, write
from arctl.request import Request, Resources
from arctl.rundir import RunDir, run_name
from arctl.runfile import RunFile, change_run, read_run
from arctl.settings import Workspace
from arctl.staging import NewRun, make


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
    return rehearse_all(workspace, [request])[0]


def rehearse_all(workspace: Workspace, requests: Sequence[Request]) -> list[Plan]:
    """Return what submissions would do: one job array where their template is for one, else a job each."""
    return plan(workspace, requests, first=next_number(workspace, read.numbers(workspace.db)))


def submit(workspace: Workspace, request: Request) -> Launched:
    """Check a request, make its run and queue its job.

    Raises what `plan` raises before anything is made; SubmitRefused (the run stays, as refused), SubmitUnconfirmed
    (the run stays, and `arctl sync` finds its job by the token), ArctlError for a full disk (nothing stays).
    """
    return _send(workspace, [rehearse(workspace, request)])[0]


def submit_array(workspace: Workspace, requests: Sequence[Request]) -> list[Launched]:
    """Check requests, make their runs and queue them as the elements of one job array: `77_0`, `77_1`, ...

    They may differ in name, configuration, tags and note alone. Raises as `submit` does, for all of the runs.
    """
    return _send(workspace, rehearse_all(workspace, [replace(request, together=True) for request in requests]))


def again(workspace: Workspace, number: int, *, resources: Resources | None = None, **changes: object) -> Request:
    """Return the request that repeats a run: its configuration, resources and words, with some of them changed.

    The element of an array becomes a job of its own, by the usual template.
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
        template=None if whole_of(old.token) != old.token else old.template,
        command=tuple(old.command) if own else (),
        config=None if own else directory.config,
        preset=None if own else old.preset,
        resources=(resources or Resources()).over(old.values),
        group=old.group,
        rerun_of=number,
    )
    return replace(before, **changes)  # type: ignore[arg-type]


def _send(workspace: Workspace, plans: Sequence[Plan]) -> list[Launched]:
    """Make the runs of one job and queue it: all of them, or none."""
    token, created = f"arctl-{secrets.token_hex(6)}", time.time()
    tokens = [f"{token}_{index}" if one.template.array else token for index, one in enumerate(plans)]
    check_together(plans)
    numbers: list[int] = []
    try:
        for one, own in zip(plans, tokens, strict=True):
            numbers.append(_intend(workspace, one, own, created))
        placed = place(workspace, plans, numbers=numbers, token=token)
        named = zip(placed, numbers, tokens, strict=True)
        records = [_record(one, number, own, created) for one, number, own in named]
        new = [_new(one, record) for one, record in zip(placed, records, strict=True)]
        directories = make(workspace, new, links=placed[0].log.parents[1] if placed[0].template.array else None)
    except BaseException as error:
        for number in numbers:
            _settle(workspace, number, "refused", f"never queued: {_words(error)}")
        raise
    return _hand_over(workspace, placed[0], token, dict(zip(numbers, directories, strict=True)))


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


def _new(placed: Plan, record: RunFile) -> NewRun:
    return NewRun(record, placed.script, None if placed.config is None else placed.config_text())


def _hand_over(workspace: Workspace, placed: Plan, token: str, runs: Mapping[int, RunDir]) -> list[Launched]:
    """Send the job of runs (number -> directory), the first of which holds the script that is sent."""
    submitted = time.time()
    first = next(iter(runs.values()))
    array = len(runs) if placed.template.array else None
    job = Submission(first.script, first.path, token, placed.log, placed.directives, array)
    try:
        job_id = open_cluster(placed.cluster, workspace).submit(job)
    except BaseException as error:
        certain = isinstance(error, SchedulerError) and not isinstance(error, SubmitUnconfirmed)
        submission = "refused" if certain else "unconfirmed"
        for number, directory in runs.items():
            _settle(workspace, number, submission, _words(error))
            _amend(directory, lambda run: replace(run, submission=submission))
        raise
    launched = [
        Launched(number, f"{job_id}_{index}" if array else job_id, placed.cluster, directory.path)
        for index, (number, directory) in enumerate(runs.items())
    ]
    for run in launched:
        _confirm(workspace, run, submitted)
    return launched


def _confirm(workspace: Workspace, run: Launched, submitted: float) -> None:
    """Record the job of a run, in the registry and in run.yaml."""
    try:
        write.record_job(workspace.db, run.number, cluster=run.cluster, job_id=run.job_id, submitted=submitted)
        change_run(RunDir(run.run_dir).run_yaml, lambda file: file.with_job(run.cluster, run.job_id, submitted))
    except ArctlError as error:
        raise SubmitUnconfirmed(
            f"job {run.job_id} is queued, but this could not be recorded: {_words(error)}",
            where=str(run.run_dir),
            cure="make room, then `arctl sync` finds it by its token",
        ) from error


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


def _words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)
