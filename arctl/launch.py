"""Submitting: intent rows with tokens, run directories, scheduler, job ids. Whatever dies between is healed by a token.

A job that may be queued is never sent twice. It is one run, or an array whose elements are runs of their own.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace

from arctl import evaluation, recipe
from arctl.clusters import open_cluster
from arctl.clusters.base import whole_of
from arctl.errors import NotFoundError, SchedulerError, UsageError
from arctl.handover import Job, Launched, make_and_send, settle_all, submitter, words
from arctl.indexed import leaves, size_of_script
from arctl.plan import DRY_TOKEN, Code, Placement, Plan, admit, check_together, cut, live_code, next_number, place
from arctl.registry import read, write
from arctl.request import Request, Resources, When
from arctl.rundir import RunDir, run_name
from arctl.runfile import read_run
from arctl.settings import Workspace
from arctl.states import ENDED, State

__all__ = ["Launched", "again", "rehearse", "rehearse_all", "submit", "submit_array", "submit_plans"]

USUAL_ARRAY = 1000
"""Elements of an array where the scheduler does not say how many it takes: Slurm's own default."""


def rehearse(workspace: Workspace, request: Request) -> Plan:
    """Return what a submission would do, under the number that it would get now."""
    return rehearse_all(workspace, [request])[0]


def rehearse_all(
    workspace: Workspace, requests: Sequence[Request], *, throttle: int | None = None, quick: bool = False
) -> list[Plan]:
    """Return what submissions would do: as few job arrays as may be where their template is for one, else a job each.

    Nothing is written; the token is given when they are submitted. `quick` leaves the lists of videos unread.
    """
    jobs = _jobs(workspace, admit(workspace, requests, quick=quick))
    number = next_number(workspace, read.numbers(workspace.db))
    dependency = dependency_of(workspace, jobs[0][0].request.when, jobs[0][0].cluster)
    placed: list[Plan] = []
    code = _code(workspace, jobs[0][0], dry=True)
    for job, most in zip(jobs, shares(throttle, len(jobs)), strict=True):
        numbers = range(number + len(placed), number + len(placed) + len(job))
        where = Placement(DRY_TOKEN, code, dependency, most)
        placed += place(workspace, job, numbers=numbers, where=where)
    return placed


def submit(workspace: Workspace, request: Request) -> Launched:
    """Check a request, make its run and queue its job.

    Raises what `plan.admit` raises before anything is made; SubmittedTwice (nothing is made), SubmitRefused (the run
    stays, as refused), SubmitUnconfirmed (the run stays, and `arctl sync` finds its job by the token), ArctlError for
    a full disk (nothing stays).
    """
    return submit_array(workspace, [request], together=False)[0]


def submit_array(
    workspace: Workspace,
    requests: Sequence[Request],
    *,
    throttle: int | None = None,
    together: bool = True,
    tell: Callable[[Launched], None] = lambda run: None,
) -> list[Launched]:
    """Check requests, make their runs and queue them as elements of job arrays: `77_0`, `77_1`, ...

    They may differ in name, configuration, tags and note alone. Where the scheduler takes fewer elements at a time,
    several arrays are sent, as few as may be; `throttle` is how many elements may run at a time, over all of them.
    `tell` hears of each run that is queued. Raises as `submit` does: what was queued before stays, the rest is refused.
    """
    plans = admit(workspace, [replace(request, together=True) for request in requests] if together else requests)
    if together:
        check_together(plans)
    return submit_plans(workspace, plans, throttle=throttle, tell=tell)


def submit_plans(
    workspace: Workspace,
    plans: Sequence[Plan],
    *,
    throttle: int | None = None,
    tell: Callable[[Launched], None] = lambda run: None,
    say: Callable[[str], None] = lambda text: None,
) -> list[Launched]:
    """Submit what `rehearse_all` has planned, or `plan.admit` has checked, as `submit_array` does.

    `say` hears what is to be known of the copy of the code.
    """
    jobs = _jobs(workspace, plans)
    first = plans[0]
    dependency = dependency_of(workspace, first.request.when, first.cluster)
    if not first.script:  # nobody has rehearsed it: what is wrong with it is said before anything is made
        _tried(workspace, first)
    code, created = _code(workspace, first, say=say), time.time()
    tokens = [draw_token() for _ in jobs]
    most = shares(throttle, len(jobs))
    wheres = [Placement(token, code, dependency, share) for token, share in zip(tokens, most, strict=True)]
    numbers = _intend(workspace, jobs, wheres, created)
    launched: list[Launched] = []
    for job, where in zip(jobs, wheres, strict=True):
        own = numbers[len(launched) : len(launched) + len(job)]
        try:
            launched += make_and_send(workspace, Job(job, own, where, created), submitted=time.time())
        except BaseException as error:
            _give_up(workspace, own, numbers[len(launched) + len(job) :], error)
            raise
        for run in launched[-len(job) :]:
            tell(run)
    return launched


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
    if old.values.get("fused"):
        cure = f"`{shlex.join(old.command)}` fuses the same again"
        raise UsageError("it was fused from other runs and never was a job", where=run_name(number), cure=cure)
    if old.evaluates is not None:
        return replace(evaluation.again(workspace, old, resources=resources), **changes)  # type: ignore[arg-type]
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
        snapshot=None if old.code else False,
    )
    return replace(before, **changes)  # type: ignore[arg-type]


def dependency_of(workspace: Workspace, when: When, cluster: str) -> str | None:
    """Return what a job waits for in the scheduler's words: `afterok:77,afterany:78_2`; None for nothing.

    Raises NotFoundError for a run that there is not, UsageError for one whose job it cannot wait for.
    """
    found = [("afterany", number) for number in when.after] + [("afterok", number) for number in when.after_ok]
    rows = {row.number: row for row in read.runs(workspace.db, numbers=[number for _, number in found], metrics=())}
    parts: list[str] = []
    for kind, number in found:
        row, where = rows.get(number), f"--{'after-ok' if kind == 'afterok' else 'after'} {run_name(number)}"
        if row is None:
            raise NotFoundError(f"there is no {run_name(number)}", where=where, cure="`arctl ls --all` lists the runs")
        if row.state in ENDED:
            if kind == "afterok" and row.state is not State.COMPLETED:
                raise UsageError(f"it has ended as {row.state}: the job would never start", where=where, cure="--after")
            continue
        if row.cluster != cluster or row.job_id is None:
            why = f"it is on {row.cluster}" if row.cluster != cluster else "no job of it is known yet"
            raise UsageError(why, where=where, cure="wait for it with `arctl wait`")
        parts.append(f"{kind}:{row.job_id}")
    return ",".join(parts) or None


def shares(throttle: int | None, count: int) -> list[int | None]:
    """Split how many elements may run at a time over `count` arrays, at least one in each."""
    if throttle is None:
        return [None] * count
    return [max(1, throttle // count + (1 if place < throttle % count else 0)) for place in range(count)]


def draw_token() -> str:
    """Return a new token."""
    return f"arctl-{secrets.token_hex(6)}"


def kept_code(workspace: Workspace, record: Mapping[str, object], *, of: int) -> Code:
    """Return the code of an earlier run, by what its run.yaml says of it. Raises NotFoundError where it is gone."""
    from arctl.snapshot import find, python_path, trainer_of

    tree = find(workspace, str(record.get("hash")))
    if tree is None:
        where = str(workspace.root / str(record.get("path")))
        cure = f"`arctl rerun {run_name(of)}` takes the code of now"
        raise NotFoundError("the code that the run began with is gone, or was changed", where=where, cure=cure)
    before = os.environ.get("PYTHONPATH", "")
    return Code(tree, python_path(tree, root=workspace.root, trainer=trainer_of(tree), before=before), record)


def _jobs(workspace: Workspace, plans: Sequence[Plan]) -> list[list[Plan]]:
    """Return the plans job by job, arrays no larger than the scheduler takes them."""
    if not plans[0].template.array or len(plans) == 1:
        return cut(plans, None)
    try:
        most = open_cluster(plans[0].cluster, workspace).capabilities().largest_array
    except SchedulerError:
        most = USUAL_ARRAY
    return cut(plans, most)


def _code(
    workspace: Workspace, plan: Plan, *, dry: bool = False, say: Callable[[str], None] = lambda text: None
) -> Code:
    """Return where the job finds its code: a snapshot of now, unless live code is wanted; a dry one is not made."""
    if plan.request.snapshot is False:
        return live_code(workspace)
    if plan.request.code is not None:
        return kept_code(workspace, plan.request.code, of=plan.request.evaluates or 0)
    from arctl.snapshot import look, python_path, take

    taken = (look if dry else take)(workspace, trainer=recipe.trainer_package() if plan.config is not None else None)
    for note in taken.notes:
        say(note)
    if taken.new and taken.left_out:
        say(f"not copied with the code, because they may hold secrets: {', '.join(taken.left_out)}")
    before = os.environ.get("PYTHONPATH", "")
    path = python_path(taken.path, root=workspace.root, trainer=taken.trainer, before=before)
    return Code(taken.path, path, taken.facts())


def _intend(
    workspace: Workspace, jobs: Sequence[Sequence[Plan]], wheres: Sequence[Placement], created: float
) -> list[int]:
    """Record the intents of all runs at once and return their numbers."""
    intents = [
        replace(_intent(plan, Job(job, (), where, created).token_of(index), created), **asdict(size))
        for job, where in zip(jobs, wheres, strict=True)
        for size in [size_of_script(_tried(workspace, job[0]).script)]
        for index, plan in enumerate(job)
    ]
    fingerprint = None if jobs[0][0].request.again else _fingerprint([plan for job in jobs for plan in job])
    code = wheres[0].code.record
    intents = [replace(intent, code=None if code is None else str(code["hash"])) for intent in intents]
    floor = next_number(workspace, ()) - 1
    return write.new_runs(workspace.db, intents, fingerprint=fingerprint, floor=floor)


def _tried(workspace: Workspace, plan: Plan) -> Plan:
    """Return a plan with the script that it would get, whatever its number and its code."""
    if plan.script:
        return plan
    return place(workspace, [plan], numbers=[1], where=Placement(DRY_TOKEN, live_code(workspace)))[0]


def _intent(plan: Plan, token: str, created: float) -> write.Intent:
    request = plan.request
    return write.Intent(
        name=plan.name,
        token=token,
        created=created,
        cluster=plan.cluster,
        template=plan.template.name,
        model=request.model,
        data=request.data,
        preset=request.preset,
        tags=request.tags,
        note=request.note,
        group=request.group,
        sweep=request.sweep,
        params=request.params,
        rerun_of=request.rerun_of,
        evaluates=request.evaluates,
        expects_events=plan.config is not None,
        once=request.once,
        submitter=submitter(),
        config=None if plan.config is None else leaves(plan.config),
    )


def _fingerprint(plans: Sequence[Plan]) -> str:
    """Return a hash of what was asked, by which the same submission is known while the first is under way."""
    told = [(plan.request, plan.config) for plan in plans]
    return hashlib.sha256(repr(told).encode(errors="surrogateescape")).hexdigest()[:32]


def _give_up(workspace: Workspace, own: Sequence[int], rest: Sequence[int], error: BaseException) -> None:
    """Record of runs that were never handed over that they were not; those of a job that was tried have their word."""
    tried = {row.number for row in read.runs(workspace.db, numbers=own, metrics=()) if row.submission != "submitting"}
    lost = [number for number in own if number not in tried]
    made = [number for number in lost if RunDir(workspace.run_dir(number)).run_yaml.exists()]
    settle_all(workspace, [number for number in lost if number not in made], "refused", f"never queued: {words(error)}")
    if rest:
        settle_all(workspace, rest, "refused", f"never queued: an array before it failed: {words(error)}")
