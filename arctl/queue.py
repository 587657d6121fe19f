"""The jobs of this user in the queue, joined with their runs; elements of an array that wait alike are one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from arctl.clusters import calls, shared, slurm_line
from arctl.clusters.asked import asked, gres_list
from arctl.clusters.base import QueueAnswer, QueuedJob
from arctl.clusters.slurm_line import Waiting
from arctl.errors import DataError, SchedulerError
from arctl.pending import plain
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.settings import SlurmSettings, Workspace
from arctl.states import ENDED, State
from arctl.tail import read_small
from arctl.why.sooner import Place as Standing
from arctl.why.sooner import place_of

FRESH_S = 30.0
"""How old the shared answer may be, seconds."""

_TOKEN = re.compile(r"-arctl-[0-9a-f]{12}(?:_\d+)?$")

UNLIMITED_S = 300 * 86400.0
"""Slurm counts a job without a time limit as a year: an expectation beyond this is none, seconds."""

LOCAL = "this machine"
"""Stands for the partition of a job of the local cluster."""


@dataclass(frozen=True)
class Place:
    """A job in the queue, with its run where it is one of this workspace."""

    job: QueuedJob
    """The job."""
    run: RunRow | None
    """Its run; None for a job of another workspace, and for one that arctl did not submit."""
    cluster: str
    """`slurm` or `local`."""

    @property
    def gpus(self) -> int:
        """GPUs over all of its nodes."""
        return sum(one.count for one in gres_list(self.job.gres) if one.name == "gpu") * (self.job.nodes or 1)

    @property
    def name(self) -> str:
        """The run's name, else the job's, without a token that arctl has put into it."""
        return self.run.name if self.run is not None else _TOKEN.sub("", self.job.name) or self.job.name

    @property
    def why(self) -> str | None:
        """Why it waits, in plain words."""
        if self.job.state is not State.PENDING:
            return None
        if self.cluster == "local":
            return self.job.reason or "it waits for a slot of this machine"
        return plain(self.job.reason or "None")

    def ahead_s(self, now: float) -> float | None:
        """Return in how many seconds Slurm expects it to start, 0 for at once; None where it runs or nobody knows."""
        if self.job.state is not State.PENDING or self.job.started is None:
            return None
        ahead = self.job.started - now
        return max(0.0, ahead) if ahead <= UNLIMITED_S else None


@dataclass(frozen=True)
class Queue:
    """What the queue holds."""

    places: tuple[Place, ...]
    """The jobs that wait or run, those that run first."""
    at: float | None
    """When Slurm said so, Unix seconds; None where it was not asked, because all is on this machine."""
    trouble: str | None = None
    """Why Slurm does not answer now, so that this is what it said before."""


def look(workspace: Workspace | None, *, max_age_s: float | None = FRESH_S) -> Queue:
    """Return the jobs of this user; without a workspace they are Slurm's alone.

    `max_age_s` None leaves the age of Slurm's answer to the budget that all arctl processes share.
    Raises SchedulerError where Slurm does not answer and nothing is known from before.
    """
    runs = _runs(workspace) if workspace is not None else {}
    found = _slurm(workspace, runs, max_age_s)
    here = _local(workspace, runs.values()) if workspace is not None else ()
    return replace(found, places=tuple(sorted([*found.places, *here], key=_order)))


def _runs(workspace: Workspace) -> Mapping[str, RunRow]:
    """Return the live runs by what names their jobs: tokens, and `cluster id`."""
    rows = {row.number: row for row in read.runs(workspace.db, live_only=True, metrics=())}
    named: dict[str, RunRow] = {row.token: row for row in rows.values()}
    for cluster in {row.cluster for row in rows.values()}:
        for job in read.live_jobs(workspace.db, cluster):
            if job.run in rows and job.token:
                named[job.token] = rows[job.run]
    return named


def _slurm(workspace: Workspace | None, runs: Mapping[str, RunRow], max_age_s: float | None) -> Queue:
    """Return the jobs that Slurm holds, or last spoke of; none for a workspace of this machine alone."""
    from arctl.clusters.slurm import SlurmCluster

    alone = workspace is not None and workspace.settings.cluster == "local"
    if alone and not any(run.cluster == "slurm" for run in runs.values()):
        return Queue((), None)
    settings = workspace.settings.slurm if workspace is not None else SlurmSettings()
    trouble = None
    try:
        answer = SlurmCluster(settings).queue(max_age_s=max_age_s)
    except SchedulerError as error:
        directory = calls.place()
        heard = shared.read(directory) if directory is not None else shared.Heard()
        if not heard.at:
            raise
        answer, trouble = QueueAnswer(heard.jobs, heard.at), error.what
    live = [job for job in answer.jobs if job.state not in ENDED]
    places = tuple(Place(job, runs.get(job.token) if job.token else None, "slurm") for job in live)
    return Queue(places, answer.at, trouble)


def _local(workspace: Workspace, runs: Iterable[RunRow]) -> Iterator[Place]:
    """Give the jobs of this machine, as the registry has them."""
    for row in {row.number: row for row in runs}.values():
        if row.cluster != "local" or row.job_id is None:
            continue
        gpus = 0
        with suppress(DataError):
            script = read_small(RunDir(workspace.run_dir(row.number)).script, limit=1 << 18)
            gpus = asked(script.decode("utf-8", "replace")).gpus
        job = QueuedJob(
            job_id=row.job_id,
            state=row.state,
            word=row.state.upper(),
            name=row.name,
            token=row.token,
            partition=LOCAL,
            node=row.node,
            reason=row.reason,
            started=row.started if row.state is State.RUNNING else None,
            gres=f"gpu:{gpus}" if gpus else None,
        )
        yield Place(job, row, "local")


def standings(places: Sequence[Place], *, patient: bool = False) -> Mapping[str, Standing]:
    """Return where jobs stand in their partition's line, by job; those that are held or depend stand in none.

    Asks Slurm for the whole line at most once a minute, and only if something waits; empty where it does not say.
    `patient` leaves a Slurm that did not answer lately alone.
    """
    waiting = [one.job for one in places if one.cluster == "slurm" and one.job.state is State.PENDING]
    if not waiting:
        return {}
    try:
        line = slurm_line.ask(patient=patient).jobs
    except SchedulerError:
        return {}
    by_array: dict[str, list[Waiting]] = {}
    for one in line:
        if one.stands:
            by_array.setdefault(one.job_id.partition("_")[0], []).append(one)
    stand: dict[Waiting, Standing] = {}
    found: dict[str, Standing] = {}
    for job in waiting:
        own = by_array.get(job.job_id.partition("_")[0], [])
        for one in own if len(own) == 1 else [one for one in own if one.is_job(job.job_id)]:
            if one not in stand:
                stand[one] = place_of(one, line)
            if job.job_id not in found or stand[one].number < found[job.job_id].number:
                found[job.job_id] = stand[one]
    return found


def _order(place: Place) -> tuple[object, ...]:
    """Sort key: what runs, the shortest rest first; then what waits, the soonest first."""
    job = place.job
    if job.state is not State.PENDING:
        return (0, job.left_s if job.left_s is not None else float("inf"), _number(job.job_id))
    return (1, job.started or float("inf"), -(job.priority or 0), _number(job.job_id))


def _number(job_id: str) -> list[int]:
    return [int(part) for part in job_id.split("_") if part.isdecimal()]


def folded(places: Sequence[Place], *, each: bool) -> list[list[Place]]:
    """Return the jobs, those elements of an array that wait for the same together."""
    groups: dict[tuple[object, ...], list[Place]] = {}
    for place in places:
        job = place.job
        whole, _, index = job.job_id.partition("_")
        alone = each or not index or job.state is not State.PENDING
        key = (job.job_id,) if alone else (whole, job.word, job.reason, job.partition)
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def span(job_ids: Sequence[str]) -> str:
    """Return one id, or those of an array in Slurm's way: `77_[3-9,12]`."""
    if len(job_ids) == 1:
        return job_ids[0]
    whole = job_ids[0].partition("_")[0]
    return f"{whole}_[{_ranges(sorted(int(word.partition('_')[2]) for word in job_ids))}]"


def run_span(group: Sequence[Place]) -> str:
    """Return the runs of some jobs: `run3`, `run3:run9`, or `run3 +4` where they have gaps."""
    numbers = sorted(place.run.number for place in group if place.run is not None)
    if len(numbers) < 2:
        return run_name(numbers[0]) if numbers else ""
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{run_name(numbers[0])}:{run_name(numbers[-1])}"
    return f"{run_name(numbers[0])} +{len(numbers) - 1}"


def _ranges(numbers: Sequence[int]) -> str:
    """Return numbers as ranges; of many ranges the first three."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in parts]
    return ",".join(words[:3]) + (",..." if len(words) > 3 else "")
