"""Has Slurm queue the job again when its time is nearly up or it is preempted; decides by what Slurm says of the job.

A job that exits by itself while Slurm takes its node away has ended for Slurm, and is not queued again: it has to ask
for that first, or to stay until it is killed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from trainer.attempt import Claim
from trainer.errors import Interrupted, RequeueFailed
from trainer.start import Start

MOST = "ARCTL_MAX_REQUEUES"
"""Environment variable: how often a job may be queued again because its time was up; none without it."""
CALL_S, HASTE_S = 30.0, 5.0
"""Longest wait for one answer of scontrol, seconds; and once SIGTERM has come, which SIGKILL will follow."""
ASK_S = 30.0
"""How long a question that fails is repeated, seconds; less where the time limit is nearer."""
STAY_S = 600.0
"""How long to stay where Slurm may still queue the job again by itself, seconds."""
NEAR_S = 900.0
"""A warning that comes so long before the time limit, or in its last quarter, is the warning of the limit, seconds."""
PREEMPTION, TIME_LIMIT = "preemption", "time_limit"

_TAIL = 65536
_FIELD = re.compile(r"(?:^|\s)([A-Za-z]+)=(\S*)")


class Act(StrEnum):
    """What to do about the job."""

    LEAVE = "leave"
    """End; nothing is asked."""
    ASK = "ask"
    """Ask Slurm to queue it again, then end."""
    LIMIT = "limit"
    """End: it has been queued again as often as it may."""
    STAY = "stay"
    """Nobody knows why the signal came: stay, for a job that exits while it is preempted is lost."""


@dataclass(frozen=True)
class Said:
    """What Slurm says of the job."""

    running: bool
    """Whether it runs, and is not ending already."""
    preempted: bool
    """Whether Slurm is taking its node away."""
    allowed: bool
    """Whether it may be queued again: a batch job, without --no-requeue."""
    restarts: int
    """How often it has been queued again."""
    left_s: float
    """Seconds until its time limit; infinite without one."""
    limit_s: float
    """Its time limit, seconds; infinite without one."""


def slurm_job(claim: Claim | None, env: Mapping[str, str]) -> str | None:
    """Return the Slurm job (`77`, `77_3`) that this claim is of; None where it is none."""
    array, task, plain = (env.get(f"SLURM_{name}") for name in ("ARRAY_JOB_ID", "ARRAY_TASK_ID", "JOB_ID"))
    job = f"{array}_{task}" if array and task else plain
    return job if plain and claim is not None and claim.job_id == job else None


def read_job(stdout: str) -> Said | None:
    """Read `scontrol -o show job ID`; None where it is no such answer."""
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(stdout.partition(" UserId=")[2]):  # after the name, which may say anything
        fields.setdefault(name, value)
    if "JobState" not in fields:
        return None
    limit = _seconds(fields.get("TimeLimit", ""))
    return Said(
        running=fields["JobState"] == "RUNNING",
        preempted=fields.get("PreemptTime", "None") not in ("None", "N/A", ""),
        allowed=fields.get("Requeue") == "1" and fields.get("BatchFlag") != "0",
        restarts=int(fields["Restarts"]) if fields.get("Restarts", "").isdecimal() else 0,
        left_s=limit - _seconds(fields.get("RunTime", "")) if limit < math.inf else math.inf,
        limit_s=limit,
    )


def decide(
    said: Said | None, *, restart: int, warned: bool, told: bool, asked: int, most: int
) -> tuple[Act, str | None]:
    """Return what to do, and the cause that is known: PREEMPTION, TIME_LIMIT or None.

    `restart` is the job's restart count of this very attempt; `warned` and `told` say whether SIGUSR2 and SIGTERM have
    come; `asked` of `most` requeues at the time limit are used up.
    """
    if said is None:
        return (Act.STAY if warned and not told else Act.LEAVE), None
    if said.restarts > restart or not said.running:
        return Act.LEAVE, PREEMPTION if said.preempted else None
    if said.preempted:
        return (Act.ASK if said.allowed else Act.LEAVE), PREEMPTION
    if not warned or said.left_s > max(NEAR_S, said.limit_s / 4) or said.left_s == math.inf:
        return Act.LEAVE, None
    if not said.allowed or most <= 0:
        return Act.LEAVE, TIME_LIMIT
    return (Act.ASK if asked < most else Act.LIMIT), TIME_LIMIT


def times_asked(run_dir: Path, job: str) -> int:
    """Return how often attempts of a job have asked to be queued again because its time was up."""
    ends = [_end_record(path) for path in (run_dir / "attempts").glob(f"{job}.*/events.jsonl")]
    return sum(end.get("requeue") == "asked" and end.get("cause") == TIME_LIMIT for end in ends)


def leave(start: Start, *, env: Mapping[str, str]) -> Interrupted:
    """Do what there is to do about the job, the state being saved; return the error to end with.

    In a Slurm job it has written the end record already, and is the `stop.parting`.
    """
    job, claim = slurm_job(start.claim, env), start.claim
    if job is None or claim is None:
        return Interrupted(f"{_stopped(start)}: start again to go on")
    parting = _Parting(start, claim, job, dict(env)).leave()
    start.stop.parting = parting
    return parting


@dataclass(frozen=True)
class _Parting:
    """The end of one attempt of a Slurm job."""

    start: Start
    claim: Claim
    job: str
    env: dict[str, str]

    def leave(self) -> Interrupted:
        """Look at the job, decide, and do it."""
        stop, restart = self.start.stop, self.claim.restart
        asked = times_asked(self.start.run_dir, self.job)
        most = int(text) if (text := self.env.get(MOST, "")).isdecimal() else 0
        said, trouble = self.look()
        act, cause = decide(said, restart=restart, warned=stop.warned, told=stop.told, asked=asked, most=most)
        what = self.told(said, cause)
        if act is Act.ASK:
            return self.ask(what, cause, "" if cause == PREEMPTION else f" (requeue {asked + 1} of {most})")
        if act is Act.STAY:
            return self.stay(what, cause, trouble)
        again = ": start again to go on"
        if act is Act.LIMIT:
            again = f"; its requeues are used up ({asked} of {most}){again}"
        elif said is not None and said.restarts > restart:
            again = "; the job is queued again already"
        parting = Interrupted(f"{what}{again}")
        self.record(parting, "limit" if act is Act.LIMIT else None, cause)
        return parting

    def told(self, said: Said | None, cause: str | None) -> str:
        """Return what has happened, without what follows from it."""
        if cause == PREEMPTION:
            return _stopped(self.start, "preempted")
        if cause == TIME_LIMIT and said is not None:
            return _stopped(self.start, f"stopped {max(0.0, said.left_s):.0f} s before the time limit")
        return _stopped(self.start)

    def ask(self, what: str, cause: str | None, count: str) -> Interrupted:
        """Write the end record, then ask: Slurm may end the job before it has answered."""
        parting = Interrupted(f"{what}; the job is queued again{count}")
        self.record(parting, "asked", cause)
        error = self.repeat(self.requeue)
        if error is None:
            return parting
        if cause == PREEMPTION:
            return self.stay(what, cause, error)
        failed = RequeueFailed(f"{what}, but the job could not be queued again ({error}): start again to go on")
        self.record(failed, "failed", cause)
        return failed

    def stay(self, what: str, cause: str | None, error: str | None) -> Interrupted:
        """Stay until Slurm ends the job: where it is preempted, Slurm queues it again by itself."""
        failed = RequeueFailed(
            f"{what}, but Slurm could not be asked to queue the job again ({error}): "
            "unless it does so by itself, start again to go on"
        )
        self.record(failed, "failed", cause)
        deadline = time.monotonic() + STAY_S
        with contextlib.suppress(KeyboardInterrupt):
            while not self.start.stop.told and time.monotonic() < deadline:
                time.sleep(0.2)
        return failed

    def record(self, parting: Interrupted, requeue: str | None, cause: str | None) -> None:
        """Write an end record and flush it to the disk; of several the last counts."""
        position = self.start.position
        self.start.log.write(
            "end", status="interrupted", exit_code=parting.exit_code, message=str(parting), epoch=position.reached,
            step=position.step, requeue=requeue, cause=cause,
        )  # fmt: skip
        self.start.log.sync()

    def look(self) -> tuple[Said | None, str | None]:
        """Return what Slurm says of the job, and why where it says nothing."""
        found: list[Said] = []

        def once() -> str | None:
            done, error = self.scontrol("--oneliner", "show", "job", self.job)
            found.extend(said for said in [read_job(done)] if said is not None)
            return None if found else error or "scontrol knows no such job"

        error = self.repeat(once)
        return (found[0] if found else None), error

    def requeue(self) -> str | None:
        """Ask once; return why it failed. A job that is queued again all the same has not failed."""
        _, error = self.scontrol("requeue", self.job)
        if error is not None:
            said = read_job(self.scontrol("--oneliner", "show", "job", self.job)[0])
            error = None if said is not None and said.restarts > self.claim.restart else error
        return error

    def repeat(self, question: Callable[[], str | None]) -> str | None:
        """Ask until there is no error, for ASK_S at most and not beyond a SIGTERM; return the last error."""
        deadline = time.monotonic() + ASK_S
        while (error := question()) is not None:
            if self.start.stop.told or time.monotonic() + 2 > deadline or error == _NO_SCONTROL:
                return error
            time.sleep(2)
        return None

    def scontrol(self, *arguments: str) -> tuple[str, str | None]:
        """Call scontrol; return (what it printed, None or why it failed)."""
        timeout = HASTE_S if self.start.stop.told else CALL_S
        drop = ("SLURM_CLUSTERS", "SLURM_TIME_FORMAT", "SCONTROL_")
        env = {name: value for name, value in self.env.items() if not name.startswith(drop)} | {"LC_ALL": "C"}
        try:
            done = subprocess.run(
                [*_UNDISTURBED, "scontrol", *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=timeout, encoding="utf-8", errors="replace", check=False,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            return "", f"scontrol: {type(error).__name__}"
        if done.returncode == 0:
            return done.stdout, None
        if done.returncode == _NOT_FOUND:
            return "", _NO_SCONTROL
        lines = " ".join(done.stderr.split())
        return done.stdout, lines[:200] or f"scontrol ended with status {done.returncode}"


_NO_SCONTROL = "there is no scontrol here"
_NOT_FOUND = 127  # what a shell ends with
_UNDISTURBED = ("/bin/sh", "-c", "trap '' USR1 USR2 TERM INT; exec \"$@\"", "sh")
"""In front of a program: the signals that Slurm sends to every process of a step do not end it half way."""


def _stopped(start: Start, how: str | None = None) -> str:
    how = how or f"stopped by {start.stop.reason or 'a signal to another process'}"
    return f"{how} at step {start.position.step}; the state is saved"


def _end_record(path: Path) -> Mapping[str, object]:
    """Return the last end record of an event file, an empty mapping where it has none that can be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return {}
    for line in reversed(lines):
        if b'"kind":"end"' in line:
            with contextlib.suppress(ValueError):
                found = json.loads(line)
                return found if isinstance(found, dict) else {}
    return {}


def _seconds(text: str) -> float:
    """Translate `1-02:03:04` or `02:03:04`; infinite for `UNLIMITED` and what else is no time."""
    match = re.fullmatch(r"(?:([0-9]+)-)?([0-9]+):([0-9]+):([0-9]+)", text)
    if match is None:
        return math.inf
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
