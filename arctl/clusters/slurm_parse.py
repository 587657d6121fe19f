"""Slurm's answers, from text to facts. Pure functions: what they read is checked in tests without a cluster.

Every format that is asked for has fixed fields first and free text last, and times in UTC.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from arctl.clusters.base import JobState, QueuedJob, element_of
from arctl.states import ENDED, State
from arctl.text import safe_line

SQUEUE_FORMAT = "%i|%T|%P|%S|%V|%l|%L|%Q|%D|%C|%m|%b|%q|%a|%N|%E|%r|%j"
"""Fields of `queued_jobs`; the job name comes last."""

SACCT_FIELDS = "JobID,State,ExitCode,Submit,Start,End,NodeList,Reason,JobName"
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

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_ID = re.compile(r"\d+(?:_\d+)?")
_PENDING_ARRAY = re.compile(r"(\d+)_\[([\d,:-]+)(?:%\d+)?\]")
_SUBMITTED = re.compile(r"(\d+)(?:;(\S+))?")
_TOKEN = re.compile(r"arctl-[0-9a-f]{12}")
_MOST_ELEMENTS = 100_000
_NO_LIMIT = "365-00:00:00"  # what squeue says of a running job without a limit
_QUEUE_BARS, _SACCT_BARS = SQUEUE_FORMAT.count("|"), SACCT_FIELDS.count(",")


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
    if not _TIME.fullmatch(text := text.strip()):
        return None
    try:
        return datetime.datetime.fromisoformat(f"{text}+00:00").timestamp()
    except ValueError:
        return None


def time_text(seconds: float) -> str:
    """Write Unix seconds as Slurm reads a time (UTC)."""
    return datetime.datetime.fromtimestamp(max(0.0, seconds), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def duration_of(text: str) -> float | None:
    """Translate `1-02:03:04`, `2:03:04` or `3:04` to seconds; None for `UNLIMITED` or `INVALID`."""
    match = re.fullmatch(r"(?:([0-9]{1,7})-)?(?:([0-9]{1,7}):)?([0-9]{1,7}):([0-9]{2})", text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


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


def queued_jobs(stdout: str, *, mark: str = "") -> tuple[QueuedJob, ...]:
    """Read `squeue -h --array -o MARK SQUEUE_FORMAT`; lines that make no sense (a banner) are passed over.

    A `mark` that nobody could know beforehand (16 random hex digits, say), in front of the format, tells a line of
    squeue from the second line of somebody's job name.
    """
    jobs: list[QueuedJob] = []
    for line in stdout.split("\n"):
        fields = line.removeprefix(mark).split("|", _QUEUE_BARS)
        state = state_of(fields[1]) if line.startswith(mark) and len(fields) == _QUEUE_BARS + 1 else None
        if state is not None:
            job = _queued(fields, state)
            jobs += (
                replace(job, job_id=job_id, token=_own_token(job.token, job_id)) for job_id in expand(fields[0].strip())
            )
    return tuple(jobs)


def squeue_states(stdout: str, *, at: float, mark: str = "") -> dict[str, JobState]:
    """Read the same answer for the states alone, by job."""
    return states_of(queued_jobs(stdout, mark=mark), at=at)


def states_of(jobs: Iterable[QueuedJob], *, at: float) -> dict[str, JobState]:
    """Return the states of jobs in the queue, as squeue told them at `at`, by job."""
    return {
        job.job_id: JobState(
            job_id=job.job_id,
            state=job.state,
            at=at,
            source="squeue",
            node=job.node,
            reason=job.reason,
            started=None if job.state is State.PENDING else job.started,
            token=job.token,
        )
        for job in jobs
    }


def sacct_states(stdout: str, *, at: float, tokens: Mapping[str, str] | None = None) -> dict[str, JobState]:
    """Read `sacct -nPXD -o SACCT_FIELDS`: of a job's records the one submitted last counts, as after a requeue.

    Ids are given anew after years, or weeks: `tokens` (job -> the token that it carries) says whose records to believe.
    """
    chosen: dict[str, tuple[int, float, JobState]] = {}
    for line in stdout.split("\n"):
        fields = line.split("|", _SACCT_BARS)
        state = state_of(fields[1]) if len(fields) == _SACCT_BARS + 1 else None
        if state is None:
            continue
        for fact in _each(_accounted(fields, state, at=at)):
            wanted = (tokens or {}).get(fact.job_id)
            own = 2 if wanted is None or fact.token == wanted else int(fact.token is None)  # a name can come late
            rank = own, time_of(fields[3]) or 0.0, fact
            if fact.job_id not in chosen or rank[:2] >= chosen[fact.job_id][:2]:
                chosen[fact.job_id] = rank
    return {job_id: fact for job_id, (_, _, fact) in chosen.items()}


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


def _queued(fields: Sequence[str], state: State) -> QueuedJob:
    """Read the fields of one line; the id as it stands, of however many elements."""
    job_id, word, partition, start, submit, limit, left, priority, nodes, cpus, mem, *rest, name = fields
    gres, qos, account, node, dependency, reason = (_word(text) for text in rest)
    unlimited = limit.strip() == _NO_LIMIT
    return QueuedJob(
        job_id=job_id,
        state=state,
        word=safe_line(word, limit=40),
        name=safe_line(name, limit=200),
        token=token_of(name),
        partition=_word(partition),
        node=node,
        reason=reason,
        started=time_of(start),
        submitted=time_of(submit),
        limit_s=None if unlimited else duration_of(limit),
        left_s=None if unlimited else duration_of(left),
        priority=_number(priority),
        cpus=_number(cpus),
        mem=_word(mem),
        gres=gres,
        nodes=_number(nodes),
        dependency=dependency,
        qos=qos,
        account=account,
    )


def _accounted(fields: Sequence[str], state: State, *, at: float) -> JobState:
    """Read the fields of one record; the id as it stands, of however many elements."""
    job_id, _, code, _, started, ended, node, reason, name = fields
    exit_code, signal = exit_of(code) if state in ENDED else (None, None)
    never_ran = state is State.CANCELLED and _word(node) is None
    if never_ran:
        started, exit_code = "", None
    return JobState(
        job_id=job_id,
        state=state,
        at=at,
        source="sacct",
        exit_code=exit_code,
        signal=signal,
        node=_word(node),
        reason=_word(reason)
        if state is State.PENDING
        else None,  # it is why the job last waited, also when it has ended
        started=None if state is State.PENDING else time_of(started),
        ended=time_of(ended) if state in ENDED else None,
        token=token_of(name),
    )


def _number(text: str) -> int | None:
    """Translate digits; None for what else squeue writes (`1-2` nodes, `N/A`)."""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text.strip()) else None


def _each(fact: JobState) -> Iterator[JobState]:
    """Give what was said of a job, or of several elements of an array at once, for each of them."""
    for job_id in expand(fact.job_id.strip()):
        yield replace(fact, job_id=job_id, token=_own_token(fact.token, job_id))


def _own_token(token: str | None, job_id: str) -> str | None:
    return None if token is None else element_of(token, like=job_id)


def _word(text: str) -> str | None:
    word = safe_line(text, limit=200)
    return None if word in {"", "None", "(null)", "n/a", "N/A", "None assigned", "Unknown"} else word
