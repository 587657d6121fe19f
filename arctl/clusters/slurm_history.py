"""How jobs ended that squeue has forgotten, or of which it tells no exit status: sacct for all at once, seldom.

Accounts lag, are off, or are down: a job that they do not know is asked after less and less often.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from arctl.clusters import calls, slurm_parse
from arctl.clusters.base import JobState, whole_of
from arctl.clusters.slurm_call import query
from arctl.errors import SchedulerError
from arctl.settings import SlurmSettings
from arctl.states import ENDED

FIRST_S = 10.0
"""After so long a job that the accounts did not know is asked after again, seconds; it doubles."""

LAST_S = 600.0
"""The longest such time, seconds."""

DETAILS = 4
"""How many jobs scontrol is asked after at a time, where the accounts do not tell; an array is one."""

MOST = 1000
"""Jobs of one question to sacct; the rest have their turn later."""

_MANY = 8  # elements of an array from which on the whole array is asked after
_KEPT = 5000


@dataclass
class History:
    """What can be learnt of jobs that have ended."""

    settings: SlurmSettings
    """The site's."""
    forced: bool
    """Whether somebody waits for the answer, so that only the site's own minimum holds."""
    tokens: Mapping[str, str] = field(default_factory=dict)
    """The token that each job carries, which tells it from an older one of the same number."""

    def ends(
        self, forgotten: Collection[str], ended: Collection[JobState], *, since: float | None
    ) -> dict[str, JobState]:
        """Return what is known of jobs that squeue lacks, and of those that it calls ended.

        Of those, each is in the answer. `since` is when the oldest job was submitted, Unix seconds.
        """
        known = {state.job_id: state for state in ended}
        told = self._accounts([*known, *forgotten], since=since)
        found = {name: told[name] for name in forgotten if name in told}
        for job_id, state in known.items():
            account = told.get(job_id)
            found[job_id] = account if account is not None and account.state in ENDED else state
        unsure = [state for job_id, state in known.items() if found[job_id] is state]
        return found | _details(unsure)

    def carriers(self, tokens: Collection[str], *, since: float) -> dict[str, str]:
        """Return the jobs that carried these tokens (of whole jobs) since then: token -> job, the first of several."""
        due = self._due(tokens, kind="tokens")
        if not due:
            return {}
        jobs = _sacct([f"--user={os.getuid()}"], since=since, tokens={})
        found = carried_by(jobs.values() if jobs is not None else (), due)
        self._remember(due, found, kind="tokens")
        return found

    def _accounts(self, job_ids: Iterable[str], *, since: float | None) -> dict[str, JobState]:
        due = self._due(job_ids, kind="jobs")[:MOST]
        if not due:
            return {}
        told = _sacct([f"--jobs={','.join(_short(due))}"], since=since or 0.0, tokens=self.tokens) or {}
        self._remember(due, told, kind="jobs")
        return told

    def _due(self, names: Iterable[str], *, kind: str) -> list[str]:
        """Return those whose turn it is; none where the accounts were asked for such a moment ago."""
        place, now = calls.place(), time.time()
        kept = calls.get(place / "accounts.json") if place is not None else {}
        least_s = min(self.settings.min_poll_s, self.settings.poll_s)
        if not self.forced:
            least_s = max(least_s, self.settings.poll_s / 3)
        if 0 <= now - _number(kept.get(kind)) < least_s:
            return []
        unknown = kept.get("unknown")
        later = unknown if isinstance(unknown, dict) and not self.forced else {}
        return [name for name in names if not now < _pair(later.get(name))[1] < now + 2 * LAST_S]

    def _remember(self, asked: Iterable[str], answered: Collection[str], *, kind: str) -> None:
        place, now = calls.place(), time.time()
        if place is None:
            return
        kept = calls.get(place / "accounts.json")
        known, waiting = set(answered), kept.get("unknown")
        unknown: dict[str, object] = dict(waiting) if isinstance(waiting, dict) else {}
        for name in asked:
            tries = _pair(unknown.pop(name, None))[0] + 1
            if name not in known:
                unknown[name] = [tries, now + min(FIRST_S * 2.0 ** min(tries - 1, 20), LAST_S)]
        newest = dict(list(unknown.items())[-_KEPT:])
        calls.put(place / "accounts.json", {**kept, "schema": "arctl.accounts/1", kind: now, "unknown": newest})


def carried_by(jobs: Iterable[JobState], tokens: Collection[str]) -> dict[str, str]:
    """Return the whole job that carries each of these whole tokens, the one with the smallest number of several."""
    found: dict[str, str] = {}
    wanted = set(tokens)
    for job in jobs:
        token, job_id = whole_of(job.token or ""), whole_of(job.job_id)
        if token in wanted and (token not in found or int(job_id) < int(found[token])):
            found[token] = job_id
    return found


def _sacct(which: list[str], *, since: float, tokens: Mapping[str, str]) -> dict[str, JobState] | None:
    """Ask sacct; None where there is no accounting, or it does not answer."""
    start, at, mark = slurm_parse.time_text(since - 3600.0), time.time(), secrets.token_hex(8)
    form = ["--noheader", "--parsable2", "--allocations", "--duplicates", f"--delimiter={mark}"]
    fields = f"--format={slurm_parse.SACCT_FIELDS}"
    try:
        done = query(["sacct", *which, *form, fields, f"--starttime={start}"], why="accounts")
    except SchedulerError:
        return None
    if done.returncode != 0:
        return None
    lines = [line.replace(mark, "|") for line in done.stdout.split("\n") if mark in line]  # a name may have lines too
    return slurm_parse.sacct_states("\n".join(lines), at=at, tokens=tokens)


def _details(states: Iterable[JobState]) -> dict[str, JobState]:
    """Return ended jobs with their exit status, which scontrol tells while the controller remembers; a few of them."""
    found: dict[str, JobState] = {}
    answers: dict[str, str] = {}
    for state in states:
        whole = whole_of(state.job_id)
        if whole not in answers and len(answers) < DETAILS:
            answers[whole] = _scontrol(whole)
        told = slurm_parse.scontrol_state(answers.get(whole, ""), state.job_id, at=state.at)
        if told is not None and told.state in ENDED:
            found[state.job_id] = replace(told, token=told.token or state.token)
    return found


def _scontrol(job_id: str) -> str:
    try:
        done = query(["scontrol", "--oneliner", "show", "job", job_id], why="end")
    except SchedulerError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _short(job_ids: Collection[str]) -> list[str]:
    """Return what to ask after: an array as a whole where many of its elements are wanted."""
    counts: dict[str, int] = {}
    for job_id in job_ids:
        counts[whole_of(job_id)] = counts.get(whole_of(job_id), 0) + 1
    return list(dict.fromkeys(whole_of(name) if counts[whole_of(name)] >= _MANY else name for name in job_ids))


def _pair(found: object) -> tuple[int, float]:
    match found:
        case [int(tries), float(at)] if 0 <= tries < 1000:
            return tries, at
    return 0, 0.0


def _number(found: object) -> float:
    return float(found) if isinstance(found, int | float) else 0.0
