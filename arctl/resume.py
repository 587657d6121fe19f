"""A further job for a run that stopped before its end: same directory, same configuration, from its checkpoint.

The job has a token of its own, so that it is healed as a first one is; attempts, curves and logs go on where they were.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace

from arctl.errors import ArctlError, SubmitRefused, SubmitUnconfirmed, UsageError
from arctl.handover import Launched, Made, send, submitter, words
from arctl.healing import said_lost
from arctl.indexed import size_of_script
from arctl.launch import again, dependency_of, draw_token, kept_code
from arctl.plan import DRY_TOKEN, Placement, Plan, admit, live_code, place
from arctl.registry import read, write
from arctl.registry.rows import RunRow
from arctl.request import Resources, When
from arctl.rundir import RunDir, run_name
from arctl.runfile import RunFile, change_run, read_run
from arctl.settings import Workspace
from arctl.staging import write_script
from arctl.states import ENDED, State

ALIVE_S = 60.0
"""A trainer that wrote an event this long ago may still run, although its scheduler has lost it, seconds."""


def rehearse_resume(
    workspace: Workspace, number: int, *, resources: Resources | None = None, when: When | None = None
) -> Plan:
    """Return what `resume` would submit. Raises as it does before anything is sent."""
    return _planned(workspace, number, resources, when, token=DRY_TOKEN)[0]


def resume(
    workspace: Workspace, number: int, *, resources: Resources | None = None, when: When | None = None
) -> Launched:
    """Queue a further job of a run that has ended early, or whose last resume died before Slurm had the job.

    `resources` change what it asks for. Raises NotFoundError, UsageError where there is nothing to resume or the run
    may still be alive, and what `launch.submit` raises of the scheduler; a refused job leaves the run as it was.
    """
    token, at = draw_token(), time.time()
    row = read.run(workspace.db, number)  # before it is checked: another resume of it may come in between
    plan, old = _planned(workspace, number, resources, when, token=token)
    directory = RunDir(workspace.run_dir(number))
    script = directory.script_of(len(old.jobs) + 1)
    lost = row.token if row is not None and said_lost(row.token, row.message) else None
    seen, size = row.token if row else None, size_of_script(plan.script)
    write.begin_again(
        workspace.db, number, token=token, at=at, submitter=submitter(), lost=lost, seen=seen, **asdict(size)
    )
    try:
        write_script(script, plan.script)
        change_run(directory.run_yaml, lambda run: run.handed_over_again(token, at))
        (done,) = send(workspace, Made([plan], [number], [directory], script, token), submitted=at)
    except SubmitUnconfirmed:
        raise
    except (ArctlError, OSError) as error:
        script.unlink(missing_ok=True)
        _undo(workspace, directory, old, row)
        if isinstance(error, SubmitRefused):
            raise
        raise ArctlError(f"nothing was queued: {words(error)}", where=str(directory.path), cure="mend that") from error
    return done


def _planned(
    workspace: Workspace, number: int, resources: Resources | None, when: When | None, *, token: str
) -> tuple[Plan, RunFile]:
    row = read.run(workspace.db, number)
    _check(number, row)
    old = read_run(RunDir(workspace.run_dir(number)).run_yaml)
    request = replace(
        again(workspace, number, resources=resources), rerun_of=None, when=when or When(), sweep=old.sweep
    )
    (admitted,) = admit(workspace, [request])
    code = live_code(workspace) if old.code is None else kept_code(workspace, old.code, of=number)
    where = Placement(token, code, dependency_of(workspace, request.when, admitted.cluster))
    (placed,) = place(workspace, [admitted], numbers=[number], where=where)
    return placed, old


def _check(number: int, row: RunRow | None, *, now: float | None = None) -> None:
    """See that a run has ended before its end, and that nothing of it runs any more."""
    name = run_name(number)
    lost = row is not None and said_lost(row.token, row.message) and row.job_id is not None
    if row is None or (row.submission in ("submitting", "unconfirmed") and not lost):
        why = "there is no such run" if row is None else "its hand-over is not settled"
        raise UsageError(why, where=name, cure="`arctl ls --all` lists the runs; `arctl sync` looks for lost jobs")
    if row.evaluates is not None:
        what = f"it evaluates {run_name(row.evaluates)}: an evaluation is repeated, not resumed"
        raise UsageError(what, where=name, cure=f"`arctl rerun {name}`")
    forgotten = row.state is State.UNKNOWN
    if row.state not in ENDED and not lost and not forgotten:
        raise UsageError(f"it is {row.state}", where=name, cure=f"`arctl cancel {name}` first, or wait for its end")
    if row.state is State.COMPLETED:
        raise UsageError("it is complete", where=name, cure=f"`arctl rerun {name}` repeats it")
    if row.job_id is None:
        raise UsageError("it was never queued", where=name, cure=f"`arctl rerun {name}` sends it anew")
    heard = (time.time() if now is None else now) - (row.last_event or 0.0)
    if row.state in (State.NODE_FAIL, State.UNKNOWN) and heard < ALIVE_S:
        what = f"nobody knows of its job any more, but its trainer wrote {heard:.0f} s ago and may still be alive"
        raise UsageError(what, where=name, cure=f"try again when it has been silent for {ALIVE_S:.0f} s")


def _undo(workspace: Workspace, directory: RunDir, old: RunFile, row: RunRow | None) -> None:
    """Put the run back as it was; where even that fails, a sync finds that no job carries its token."""
    try:
        size = {"gpus": row.gpus, "limit_s": row.limit_s} if row else {}
        write.end_again(workspace.db, old.number, token=old.token, **size)  # type: ignore[arg-type]
        change_run(directory.run_yaml, lambda run: replace(run, token=old.token, handed=None, submission="submitted"))
    except ArctlError:
        return
