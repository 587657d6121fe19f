"""Slurm's answers, from text to facts. Pure functions: what they read is checked in tests without a cluster.

Every format that is asked for has fixed fields first and free text last, and times in UTC.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from arctl.clusters.base import JobState, element_of
from arctl.states import ENDED, State
from arctl.text import safe_line

SQUEUE_FORMAT = "%i|%T|%S|%N|%r|%j"
"""Fields of `squeue_states`; the job name comes last."""

SACCT_FIELDS = "JobID,State,ExitCode,Start,End,NodeList,Reason,JobName"
"""Fields of `sacct_states`; the job name comes last."""

STATES: Mapping[str, State] = {
    "PENDING": State.PENDING,
    "CONFIGURING": State.PENDING,
    "POWER_UP_NODE": State.PENDING,
    "REQUEUED": State.PENDING,
    "REQUEUE_HOLD": State.PENDING,
    "REQUEUE_FED": State.PENDING,
    "SPECIAL_EXIT": State.PENDING,
    "RESV_DEL_HOLD": State.PENDING,
    "RUNNING": State.RUNNING,
    "COMPLETING": State.RUNNING,
    "SIGNALING": State.RUNNING,
    "RESIZING": State.RUNNING,
    "STAGE_OUT": State.RUNNING,
    "SUSPENDED": State.SUSPENDED,
    "STOPPED": State.SUSPENDED,
    "COMPLETED": State.COMPLETED,
    "FAILED": State.FAILED,
    "CANCELLED": State.CANCELLED,
    "REVOKED": State.CANCELLED,
    "TIMEOUT": State.TIMEOUT,
    "DEADLINE": State.TIMEOUT,
    "OUT_OF_MEMORY": State.OUT_OF_MEMORY,
    "NODE_FAIL": State.NODE_FAIL,
    "BOOT_FAIL": State.NODE_FAIL,
    "PREEMPTED": State.PREEMPTED,
}
"""Slurm's words for states. A word that is not here says nothing of a job."""

_ID = re.compile(r"\d+(?:_\d+)?")
_PENDING_ARRAY = re.compile(r"(\d+)_\[([\d,:-]+)(?:%\d+)?\]")
_SUBMITTED = re.compile(r"(\d+)(?:;(\S+))?")
_TOKEN = re.compile(r"arctl-[0-9a-f]{12}")
_MOST_ELEMENTS = 100_000


def submitted_id(stdout: str) -> str | None:
    """Return the id that `sbatch --parsable` printed: the last line `77` or `77;clusterB`, after any banner."""
    for line in reversed(stdout.splitlines()):
        if match := _SUBMITTED.fullmatch(line.strip()):
            return match[1]
    return None


def state_of(word: str) -> State | None:
    """Translate `RUNNING`, `CANCELLED by 1000` or a cut `CANCELLED+`; None for a word that is not known."""
    first = word.split()[0].rstrip("+") if word.strip() else ""
    return STATES.get(first)


def exit_of(text: str) -> tuple[int | None, int | None]:
    """Translate `3:0` to (3, None) and `0:9` to (None, 9): exit status, or the signal that ended the job."""
    code, _, signal = text.strip().partition(":")
    if not (code.isdigit() and (signal or "0").isdigit()):
        return None, None
    return (None, int(signal)) if int(signal or "0") else (int(code), None)


def time_of(text: str) -> float | None:
    """Translate `2026-11-21T02:51:15` (UTC) to Unix seconds; None for `Unknown`, `N/A`, `None`."""
    try:
        moment = datetime.datetime.strptime(text.strip(), "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return None
    return moment.replace(tzinfo=datetime.UTC).timestamp()


def time_text(seconds: float) -> str:
    """Write Unix seconds as Slurm reads a time (UTC)."""
    return datetime.datetime.fromtimestamp(max(0.0, seconds), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def token_of(name: str) -> str | None:
    """Return the token that a job's name carries."""
    found = _TOKEN.findall(name)
    return found[-1] if found else None


def expand(job_id: str) -> Iterator[str]:
    """Yield the jobs of an id: `77` and `77_3` are one each, `77_[1-3,7%2]` is 77_1, 77_2, 77_3 and 77_7."""
    if _ID.fullmatch(job_id):
        yield job_id
        return
    match = _PENDING_ARRAY.fullmatch(job_id)
    if match is None:
        return
    for part in match[2].split(","):
        span = re.fullmatch(r"(\d+)(?:-(\d+))?(?::(\d+))?", part)
        if span is None:
            continue
        first, last, step = int(span[1]), int(span[2] or span[1]), int(span[3] or 1)
        for index in range(first, min(last, first + _MOST_ELEMENTS) + 1, max(step, 1)):
            yield f"{match[1]}_{index}"


def squeue_states(stdout: str, *, at: float) -> dict[str, JobState]:
    """Read `squeue -h -o SQUEUE_FORMAT`; lines that make no sense (a banner) are passed over."""
    states: dict[str, JobState] = {}
    for line in stdout.splitlines():
        fields = line.split("|", 5)
        state = state_of(fields[1]) if len(fields) == 6 else None
        if state is None:
            continue
        job_id, _, started, node, reason, name = fields
        fact = JobState(
            job_id=job_id,
            state=state,
            at=at,
            source="squeue",
            node=_word(node),
            reason=_word(reason),
            started=time_of(started) if state is not State.PENDING else None,
            token=token_of(name),
        )
        states.update((one.job_id, one) for one in _each(fact))
    return states


def sacct_states(stdout: str, *, at: float) -> dict[str, JobState]:
    """Read `sacct -nPXD -o SACCT_FIELDS`; of a job that was requeued the last record counts."""
    states: dict[str, JobState] = {}
    for line in stdout.splitlines():
        fields = line.split("|", 7)
        state = state_of(fields[1]) if len(fields) == 8 else None
        if state is None:
            continue
        job_id, _, code, started, ended, node, reason, name = fields
        exit_code, signal = exit_of(code) if state in ENDED else (None, None)
        fact = JobState(
            job_id=job_id,
            state=state,
            at=at,
            source="sacct",
            exit_code=exit_code,
            signal=signal,
            node=_word(node),
            reason=_word(reason),
            started=time_of(started),
            ended=time_of(ended) if state in ENDED else None,
            token=token_of(name),
        )
        states.update((one.job_id, one) for one in _each(fact))
    return states


def scontrol_state(stdout: str, job_id: str, *, at: float) -> JobState | None:
    """Read `scontrol -o show job ID`; None where it does not speak of that job."""
    for line in stdout.splitlines():
        fields = dict(re.findall(r"(?:^|\s)([A-Za-z:/]+)=(\S*)", line))
        own = fields.get("JobId") == job_id
        element = f"{fields.get('ArrayJobId')}_{fields.get('ArrayTaskId')}" == job_id
        state = state_of(fields.get("JobState", ""))
        if state is None or not (own or element):
            continue
        exit_code, signal = exit_of(fields.get("ExitCode", "")) if state in ENDED else (None, None)
        return JobState(
            job_id=job_id,
            state=state,
            at=at,
            source="scontrol",
            exit_code=exit_code,
            signal=signal,
            node=_word(fields.get("NodeList", "")),
            reason=_word(fields.get("Reason", "")),
            started=time_of(fields.get("StartTime", "")),
            ended=time_of(fields.get("EndTime", "")) if state in ENDED else None,
            token=_own_token(token_of(fields.get("JobName", "")), job_id),
        )
    return None


def _each(fact: JobState) -> Iterator[JobState]:
    """Give what was said of a job, or of several elements of an array at once, for each of them."""
    for job_id in expand(fact.job_id.strip()):
        yield replace(fact, job_id=job_id, token=_own_token(fact.token, job_id))


def _own_token(token: str | None, job_id: str) -> str | None:
    return None if token is None else element_of(token, like=job_id)


def _word(text: str) -> str | None:
    word = safe_line(text, limit=200)
    return None if word in {"", "None", "(null)", "n/a", "N/A", "None assigned", "Unknown"} else word
