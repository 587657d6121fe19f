"""One squeue for all of a user's runs and all open arctl processes: who needs the queue reads what the last one heard.

The answer lies in the user's cache with its age. One process at a time asks anew: seldom while nothing changes, later
and later while Slurm does not answer. The load on the controller grows neither with runs nor with dashboards.
"""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from arctl.clusters import calls, slurm_parse
from arctl.clusters.base import QueuedJob
from arctl.clusters.claim import Claim, claim
from arctl.clusters.slurm_call import QUERY_TIMEOUT_S, no_answer, query
from arctl.errors import SchedulerError
from arctl.settings import SlurmSettings
from arctl.states import ENDED, State
from arctl.text import safe_line

CALM_S = 300.0
"""The longest time between two questions while nothing changes and Slurm answers, and the longest back-off, seconds."""

BACK_OFF_S = 30.0
"""The first back-off after a question that was not answered, seconds; it doubles."""

NEW_S = 120.0
"""A job that was queued less long ago is about to change, seconds."""

WAIT_S = 10.0
"""How long somebody else's question is waited for where there is an older answer, seconds."""

_PATIENCE_S = QUERY_TIMEOUT_S + 15.0
_POLL_S = 0.05
_STEADY = frozenset({"PENDING", "RUNNING", "SUSPENDED"})


@dataclass(frozen=True)
class Heard:
    """What the shared file holds: the newest answer, and how asking went."""

    at: float = 0.0
    """When the answer was asked for, Unix seconds; 0 where there is none."""
    stdout: str = ""
    """What squeue said, with a mark in front of each line."""
    mark: str = ""
    """The mark."""
    tried: float = 0.0
    """When the last question ended, answered or not, Unix seconds."""
    error: str | None = None
    """Why the last question was not answered."""
    failures: int = 0
    """Questions since the last answer that were not answered."""
    wait_s: float = 0.0
    """How long the next question is put off after the last, seconds."""
    early: float = 0.0
    """When it was last asked sooner than the budget has it, Unix seconds."""
    gist: str = ""
    """A digest of what counts as a change: which jobs there are, their states, nodes and reasons."""

    @property
    def jobs(self) -> tuple[QueuedJob, ...]:
        """All of this user's jobs."""
        return _jobs(self.stdout, self.mark)


@dataclass(frozen=True)
class _Wish:
    """What somebody wants to know."""

    max_age_s: float | None
    newer_than: float
    at: float


class SharedQueue:
    """The queue as this user's arctl processes know it."""

    def __init__(self, settings: SlurmSettings) -> None:
        self._usual_s = settings.poll_s
        self._least_s = min(settings.min_poll_s, settings.poll_s)

    def answer(self, *, max_age_s: float | None = None, newer_than: float = 0.0) -> Heard:
        """Return what the queue holds, at most `max_age_s` seconds old; None leaves the age to the budget.

        One that was asked for before `newer_than` (Unix seconds) is renewed sooner than the budget has it. Slurm is
        asked early once in `slurm.poll_s` seconds; at 0, for a person who waits, every `slurm.min_poll_s` seconds.
        Raises SchedulerError where Slurm does not answer, or did not lately: what is known stays as old as it is.
        """
        wish = _Wish(max_age_s, newer_than, time.time())
        place = calls.place()
        if place is None:
            return _settled(self._ask(Heard(), wish))
        while True:
            heard = read(place)
            if (fresh := self._fresh(heard, wish)) is not None:
                return _settled(fresh)
            try:
                mine = claim(place / "queue.claim", patience_s=_PATIENCE_S)
            except OSError:
                return _settled(self._ask(heard, wish))
            if mine is not None:
                return _settled(self._ask_for_all(place, mine, wish))
            if heard.tried and (max_age_s is None or time.time() - wish.at > WAIT_S):
                return _settled(heard)
            time.sleep(_POLL_S)

    def _ask_for_all(self, place: Path, mine: Claim, wish: _Wish) -> Heard:
        """Ask, and leave the answer for everybody; with the claim in hand, look first whether somebody just did."""
        try:
            heard = read(place)
            fresh = self._fresh(heard, wish)
            if fresh is None:
                fresh = self._ask(heard, wish)
                _write(place, fresh)
            return fresh
        finally:
            with suppress(OSError):
                mine.release()

    def _fresh(self, heard: Heard, wish: _Wish) -> Heard | None:
        """Return what was heard if it will do: it is young enough, or asking again would be too soon."""
        now = time.time()
        if heard.error is not None:
            patient = wish.max_age_s is None or _told_to_wait(heard.error)
            wait_s = heard.wait_s if patient else self._least_s
            return heard if 0 <= now - heard.tried < wait_s or wish.at <= heard.tried <= now else None
        wanted_s = heard.wait_s if wish.max_age_s is None else wish.max_age_s
        if heard.at < wish.newer_than <= now:
            wanted_s = min(wanted_s, self._usual_s / 3)
        if wish.max_age_s != 0.0 and 0 <= now - heard.early < self._usual_s:
            wanted_s = max(wanted_s, min(heard.wait_s, self._usual_s))
        return heard if 0 <= now - heard.at < max(wanted_s, self._least_s) or wish.at <= heard.at <= now else None

    def _ask(self, before: Heard, wish: _Wish) -> Heard:
        at, mark = time.time(), secrets.token_hex(8)
        try:
            stdout = ask(mark)
        except SchedulerError as error:
            failures = before.failures + 1
            wait_s = min(BACK_OFF_S * 2 ** min(failures - 1, 10), CALM_S) * random.uniform(0.8, 1.2)
            return replace(before, tried=time.time(), error=str(error), failures=failures, wait_s=wait_s)
        jobs = _jobs(stdout, mark)
        gist = _gist(jobs)
        calm = gist == before.gist and not _about_to_change(jobs, at, before.wait_s)
        wait_s = min(max(2 * before.wait_s, self._usual_s), max(CALM_S, self._usual_s)) if calm else self._usual_s
        early = at if wish.max_age_s != 0.0 and at - before.at < before.wait_s else before.early
        return Heard(at, stdout, mark, time.time(), wait_s=wait_s, early=early, gist=gist)


def ask(mark: str) -> str:
    """Ask squeue for all of this user's jobs, in one wide format, each line with `mark` in front.

    Raises SchedulerError where it does not answer.
    """
    form = f"--format={mark}{slurm_parse.SQUEUE_FORMAT}"
    done = query(["squeue", f"--user={os.getuid()}", "--noheader", "--array", "--states=all", form], why="queue")
    if done.returncode != 0:
        raise no_answer("squeue", done.stderr)
    return done.stdout


def read(place: Path) -> Heard:
    """Return what was heard last; an empty `Heard` where nobody has asked yet, or the file is damaged."""
    try:
        found = calls.get(place / "queue.json")
        if found.pop("schema") != "arctl.queue/1":
            return Heard()
        numbers = (found[name] for name in ("at", "tried", "wait_s", "failures", "early"))
        texts = (found[name] for name in ("stdout", "mark", "gist"))
        good = all(isinstance(cell, int | float) for cell in numbers) and all(isinstance(cell, str) for cell in texts)
        return Heard(**found) if good else Heard()
    except (KeyError, TypeError):
        return Heard()


def _write(place: Path, heard: Heard) -> None:
    """Leave what was heard for everybody; where that fails (a full disk) each asks for himself."""
    calls.put(place / "queue.json", {"schema": "arctl.queue/1", **asdict(heard)})


def _settled(heard: Heard) -> Heard:
    if heard.error is None:
        return heard
    left = heard.wait_s - (time.time() - heard.tried)
    again = f"; it is asked again in {left:.0f} s" if left > 1 else ""
    raise SchedulerError(f"{safe_line(heard.error)}{again}")


def _told_to_wait(error: str) -> bool:
    return "rate limit" in error.lower()


@lru_cache(maxsize=2)
def _jobs(stdout: str, mark: str) -> tuple[QueuedJob, ...]:
    return slurm_parse.queued_jobs(stdout, mark=mark)


def _gist(jobs: tuple[QueuedJob, ...]) -> str:
    """Return a digest of the jobs that have not ended: that one is forgotten at last is no change."""
    alive = sorted((job.job_id, job.word, job.node, job.reason) for job in jobs if job.state not in ENDED)
    return hashlib.sha256(repr(alive).encode("utf-8", "replace")).hexdigest()[:16]


def _about_to_change(jobs: tuple[QueuedJob, ...], now: float, wait_s: float) -> bool:
    """Tell whether a job is on its way to another state: just queued, starting, ending, or due within the interval."""

    def soon(at: float | None) -> bool:
        return at is not None and at - now < 2 * wait_s

    return any(
        job.word not in _STEADY
        or now - (job.submitted or 0.0) < NEW_S
        or (job.state is State.RUNNING and job.left_s is not None and soon(now + job.left_s))
        or (job.state is State.PENDING and soon(job.started))
        for job in jobs
        if job.state not in ENDED
    )
