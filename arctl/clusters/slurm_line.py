"""Everybody's waiting jobs, by one squeue that all arctl of a user share for a minute: who stands before whom."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from arctl.clusters.once import once
from arctl.clusters.slurm_call import no_answer, query
from arctl.clusters.slurm_parse import duration_of, expand, time_of
from arctl.text import safe_line

FRESH_S = 60.0
"""How long an answer is believed, seconds."""

FORMAT = "%i|%Q|%P|%U|%S|%l|%E|%r"
"""Fields of `read_line`; the reason comes last."""

NAME = "line.json"
"""The kept answer, in the directory that `calls.place` gives."""

_SITTING_OUT = frozenset({"Dependency", "DependencyNeverSatisfied", "BeginTime", "JobHeldUser", "JobHeldAdmin"})


@dataclass(frozen=True)
class Waiting:
    """A job that waits, or an array of which `elements` wait."""

    job_id: str
    """`77`, `77_3` or `77_[4-9%2]`."""
    elements: int
    """How many jobs it stands for."""
    priority: int
    """The higher, the sooner."""
    partition: str
    """Where it waits; a job that may go to several stands here once for each."""
    uid: int
    """Whose it is."""
    start: float | None
    """When Slurm expects it to start, Unix seconds."""
    limit_s: float | None
    """Time limit, seconds."""
    dependency: str
    """What it waits for: `afterok:76(unfulfilled)`."""
    reason: str
    """Why it waits, in Slurm's words."""

    @property
    def stands(self) -> bool:
        """Whether it stands in line: neither held nor waiting for a time or another job."""
        return self.priority > 0 and self.reason not in _SITTING_OUT

    def is_job(self, job_id: str) -> bool:
        """Tell whether this is the job, or the array that the element belongs to."""
        return job_id in expand(self.job_id) or self.job_id == job_id


@dataclass(frozen=True)
class Line:
    """The line, and when it was asked for."""

    jobs: tuple[Waiting, ...]
    """All that this user may see."""
    at: float
    """Unix seconds."""


def ask(*, max_age_s: float = FRESH_S, patient: bool = False) -> Line:
    """Return the waiting jobs of all users, from the user's cache where that is young enough; `patient` as `once`.

    Raises SchedulerError where Slurm is missing or does not answer.
    """
    kept = once(NAME, ("mark", "line"), _ask, max_age_s=max_age_s, patient=patient)
    return Line(read_line(kept["line"], mark=kept["mark"]), float(kept["at"]))


def _ask() -> dict[str, str]:
    mark = f"{secrets.token_hex(8)}|"
    form = ["--noheader", "--states=PENDING", "--priority", f"--format={mark}{FORMAT}"]
    done = query(["squeue", *form], why="line")
    if done.returncode != 0:
        raise no_answer("squeue", done.stderr)
    return {"mark": mark, "line": done.stdout}


def read_line(stdout: str, *, mark: str = "") -> tuple[Waiting, ...]:
    """Read `squeue --noheader --priority --format=MARK FORMAT`; lines that make no sense are passed over."""
    return tuple(_waiting(stdout, mark))


def _waiting(stdout: str, mark: str) -> Iterator[Waiting]:
    for line in stdout.splitlines():
        fields = [safe_line(field, limit=400) for field in line.removeprefix(mark).split("|", 7)]
        if not line.startswith(mark) or len(fields) != 8 or not all(re.fullmatch(r"\d+", fields[at]) for at in (1, 3)):
            continue
        job_id, priority, partition, uid, start, limit, dependency, reason = fields
        yield Waiting(
            job_id=job_id,
            elements=sum(1 for _ in expand(job_id)) or 1,
            priority=int(priority),
            partition=partition,
            uid=int(uid),
            start=time_of(start),
            limit_s=duration_of(limit),
            dependency="" if dependency == "(null)" else dependency,
            reason=reason,
        )
