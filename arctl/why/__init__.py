"""Why a run waits, is slow, or ended: one sentence, what it rests on, and what to do. The top of `arctl why`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from arctl.autopsy import case_of, diagnose
from arctl.autopsy.diagnosis import Evidence, Remedy
from arctl.clusters.directives import seconds
from arctl.clusters.slurm_accounts import accounts_of
from arctl.clusters.slurm_call import query
from arctl.clusters.slurm_parse import time_of
from arctl.errors import ArctlError, NotFoundError, SchedulerError
from arctl.facts import read_facts
from arctl.healing import said_lost
from arctl.pending import Kind
from arctl.registry import read
from arctl.registry.rows import AttemptRow, RunRow
from arctl.rundir import RunDir, run_name
from arctl.runfile import read_run
from arctl.settings import Workspace
from arctl.states import State
from arctl.tail import last_lines
from arctl.why.answer import Answer
from arctl.why.health import Life, epoch_seconds, pulse_of, running
from arctl.why.waiting import look, waiting, waiting_here

__all__ = ["Answer", "explain"]

NOW_S = 5.0
"""An answer this old still counts as what is so now, seconds."""

_NO_LIMIT_S = 360 * 86400.0
"""Slurm writes an end a year away for a job without a limit."""


def explain(workspace: Workspace, number: int) -> Answer:
    """Say why a run is as the registry has it: sync first.

    Asks Slurm only what the run's state calls for: squeue and scontrol for one that waits, scontrol for one that runs,
    sacct for one that ended badly. Raises NotFoundError for an unknown run.
    """
    row = read.run(workspace.db, number)
    if row is None:
        raise NotFoundError(f"no run {run_name(number)}", cure="`arctl ls` lists them")
    now = time.time()
    match row.state:
        case State.PENDING:
            return _waiting(workspace, row, now=now)
        case State.RUNNING:
            return _running(workspace, row, now=now)
        case State.SUSPENDED:
            return _plain(row, "suspended", "Slurm has stopped it for a while, and goes on with it by itself")
        case State.SUBMITTING | State.UNCONFIRMED | State.UNKNOWN:
            return _unsure(row)
        case State.COMPLETED:
            return _plain(row, "completed", "it completed: nothing is wrong")
    return _ended(workspace, row)


def _waiting(workspace: Workspace, row: RunRow, *, now: float) -> Answer:
    if row.cluster == "local":
        live = read.live_jobs(workspace.db, "local")
        busy = sum(job.state is State.RUNNING for job in live)
        mine = _order(row.job_id)
        before = sum(job.state is not State.RUNNING and _order(job.job_id) < mine for job in live)
        return waiting_here(row, running=busy, before=before)
    runs = {job.job_id: job.run for job in read.every_job(workspace.db) if job.cluster == row.cluster}
    queue = look(str(row.job_id))
    answer = waiting(row, workspace.run_dir(row.number), queue, runs=runs, now=now)
    proposes = answer.remedies and answer.cause in (Kind.WAITS, Kind.SITE)
    if proposes and now - queue.at > NOW_S:  # what is free changes by the second: look again
        queue = look(str(row.job_id), max_age_s=NOW_S)
        answer = waiting(row, workspace.run_dir(row.number), queue, runs=runs, now=now)
    return answer


def _running(workspace: Workspace, row: RunRow, *, now: float) -> Answer:
    directory = workspace.run_dir(row.number)
    files = RunDir(directory)
    attempts = read.attempts(workspace.db, row.number)
    pulse = pulse_of(directory, attempts, read.curve(workspace.db, row.number, "train/loss"))
    facts = read_facts(directory).values
    config = {key: value for key, value in facts.items() if "." in key}
    cpus = facts.get("resources.cpus")
    limit, requeues = _asked(files, attempts)
    life = Life(
        limit_end=_limit_end(row, limit),
        requeues=requeues,
        config=config,
        cpus=cpus if isinstance(cpus, int) else None,
        resumable=(files.checkpoints / "manifest.json").exists(),
        log=_last_line(files, row),
    )
    return running(row, pulse, life, now=now)


def _ended(workspace: Workspace, row: RunRow) -> Answer:
    jobs = read.jobs(workspace.db, row.number)
    slurm = row.cluster == "slurm" and bool(jobs) and row.state is not State.REFUSED
    case = case_of(
        workspace.run_dir(row.number),
        row,
        jobs=jobs,
        attempts=read.attempts(workspace.db, row.number),
        accounts=accounts_of(jobs[-1].job_id, token=jobs[-1].token or row.token) if slurm else None,
        pace=epoch_seconds(read.curve(workspace.db, row.number, "train/loss")),
    )
    found = diagnose(case)
    facts = {"exit_code": case.exit_code, "signal": case.signal, "node": case.node, "job": case.job}
    return Answer(case.run, row.state, str(found.cause), found.sentence, found.evidence, found.remedies, (), facts)


def _plain(row: RunRow, cause: str, sentence: str) -> Answer:
    said = Evidence("runs.db", None, row.reason or row.message or str(row.state))
    return Answer(run_name(row.number), row.state, cause, sentence, (said,))


def _unsure(row: RunRow) -> Answer:
    sentences = {
        State.SUBMITTING: "it is being handed to the scheduler",
        State.UNCONFIRMED: "nobody knows yet whether the scheduler has its job",
        State.UNKNOWN: "the scheduler knows its job no longer, no account of it was found, and it wrote no end",
    }
    remedy = Remedy("arctl sync", f"looks for the job by its token {row.token}; it is never sent twice")
    if said_lost(row.token, row.message):
        sentences[State.UNCONFIRMED] = "it was never queued: no job carries its token"
        again = "resume" if row.job_id and row.evaluates is None else "rerun"
        remedy = Remedy(f"arctl {again} {run_name(row.number)}", "sends it anew")
    elif row.state is State.UNKNOWN:
        again, why = ("resume", "goes on from its checkpoint in a further job")
        if row.evaluates is not None:
            again, why = ("rerun", "scores it once more")
        remedy = Remedy(f"arctl {again} {run_name(row.number)}", why)
    said = Evidence("runs.db", None, row.message or row.submission)
    return Answer(run_name(row.number), row.state, str(row.state), sentences[row.state], (said,), (remedy,))


def _asked(files: RunDir, attempts: Sequence[AttemptRow]) -> tuple[float | None, int]:
    """Return the time limit that was asked for, seconds, and how often it may still be queued again at it."""
    try:
        values = read_run(files.run_yaml).values
        limit = seconds(str(values["time"])) if values.get("time") else None
    except (ArctlError, OSError):
        return None, 0
    env = values.get("env")
    most = str(env.get("ARCTL_MAX_REQUEUES", "")).strip("'\"") if isinstance(env, Mapping) else ""
    job = attempts[-1].name.rpartition(".")[0] if attempts else ""
    used = sum(
        attempt.status == "interrupted" and attempt.name.startswith(f"{job}.") and "preempt" not in str(attempt.message)
        for attempt in attempts
    )
    return limit, max(0, int(most) - used) if most.isdecimal() else 0


def _limit_end(row: RunRow, limit: float | None) -> float | None:
    """Return when the time limit ends: Slurm's word, which an administrator may have moved, else start and limit."""
    if row.cluster == "slurm" and row.job_id:
        try:
            done = query(["scontrol", "--oneliner", "show", "job", row.job_id], why="why")
        except SchedulerError:
            done = None
        match = re.search(r"\bEndTime=(\S+)", done.stdout) if done is not None and done.returncode == 0 else None
        end = time_of(match[1]) if match else None
        if end is not None:
            return end if end - time.time() < _NO_LIMIT_S else None
    return row.started + limit if row.started is not None and limit is not None else None


def _last_line(files: RunDir, row: RunRow) -> Evidence | None:
    if row.job_id is None:
        return None
    path = files.log(row.job_id)
    with suppress(ArctlError, OSError):
        lines = [line for line in last_lines(path, 20) if line.strip()]
        return Evidence(path.name, None, lines[-1].strip()) if lines else None
    return None


def _order(job_id: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", job_id or ""))
