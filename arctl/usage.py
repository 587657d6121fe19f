"""What runs have cost: hours and GPU-hours, and how many of them were wasted. Needs no accounting of the scheduler.

Time held is from a job's start to its end, times the GPUs that its script asks for. Time wasted is what came after
the last checkpoint of a start that did not end well.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from arctl.clusters.asked import asked, header
from arctl.errors import DataError
from arctl.registry import ledger, read
from arctl.registry.ledger import Start
from arctl.registry.rows import JobRow, RunRow
from arctl.rundir import RunDir, run_name
from arctl.runfile import read_run
from arctl.saves import last_save
from arctl.settings import Workspace
from arctl.states import LIVE, State
from arctl.tail import read_small

Stretch = tuple[float, float]
"""A time from and a time to, Unix seconds."""

WAYS = ("run", "sweep", "tag", "month", "model", "group", "state")
"""By what usage can be summed up."""

NONE = "(none)"
"""Stands for runs without a sweep, tag, model or group."""

_SLACK_S = 300.0
"""How far the clocks of a node and of the scheduler may differ, seconds."""
_SCRIPT = 1 << 18
_COUNTS = re.compile(r"gres|gpu|node|task|\s-[NnG]")


@dataclass(frozen=True)
class Held:
    """What one job of a run has held."""

    gpus: int
    """GPUs, over all nodes."""
    whole: tuple[Stretch, ...]
    """When it held them; a job that runs holds them until now."""
    wasted: tuple[Stretch, ...]
    """Of that, what led nowhere."""


@dataclass(frozen=True)
class Spent:
    """What one run has held."""

    run: RunRow
    """The run."""
    jobs: tuple[Held, ...]
    """By job, oldest first; jobs that never started are left out."""

    @property
    def gpus(self) -> int:
        """GPUs of its newest job."""
        return self.jobs[-1].gpus if self.jobs else 0


@dataclass(frozen=True)
class Entry:
    """A line of the accounts."""

    key: str
    """`run12`, a sweep, a tag, `2026-11`, ..."""
    runs: frozenset[int] = field(default_factory=frozenset)
    """Runs that are in it."""
    hours: float = 0.0
    """Time that their jobs ran, hours."""
    gpu_hours: float = 0.0
    """The same times the GPUs of each."""
    wasted_hours: float = 0.0
    """Of `hours`, what led nowhere."""
    wasted_gpu_hours: float = 0.0
    """Of `gpu_hours`, what led nowhere."""
    live: int = 0
    """How many of the runs hold something now."""


def spent(workspace: Workspace, *, now: float | None = None, numbers: Sequence[int] | None = None) -> list[Spent]:
    """Return what each run (or each of `numbers`) has held, newest first, without those whose jobs never started."""
    moment = time.time() if now is None else now
    jobs: dict[int, list[JobRow]] = {}
    for job in read.every_job(workspace.db):
        jobs.setdefault(job.run, []).append(job)
    starts: dict[int, list[Start]] = {}
    for start in ledger.starts(workspace.db):
        starts.setdefault(start.run, []).append(start)
    found = []
    for run in read.runs(workspace.db, metrics=(), numbers=numbers):
        directory = RunDir(workspace.run_dir(run.number))
        held = _jobs(run, jobs.get(run.number, []), starts.get(run.number, []), directory, moment)
        if held:
            found.append(Spent(run, tuple(held)))
    return found


def accounts(spendings: Iterable[Spent], *, by: str, since: float | None = None) -> list[Entry]:
    """Sum up by one of `WAYS`: months in their order, all else from the dearest to the cheapest.

    Only time after `since` (Unix seconds) counts. A run with two tags is in the entries of both.
    """
    shares: dict[str, list[tuple[Spent, float, float]]] = {}
    for one in spendings:
        for key, begin, end in _shares(one, by):
            shares.setdefault(key, []).append((one, begin, end))
    entries = [_entry(key, parts, since) for key, parts in shares.items()]
    entries = [entry for entry in entries if entry.runs]
    if by == "month":
        return sorted(entries, key=lambda entry: entry.key)
    return sorted(entries, key=lambda entry: (-entry.gpu_hours, -entry.hours, min(entry.runs)))


def total(spendings: Iterable[Spent], *, since: float | None = None) -> Entry:
    """Return the sum over all runs, each counted once."""
    return _entry("total", [(one, 0.0, math.inf) for one in spendings], since)


def this_month(workspace: Workspace, *, now: float | None = None) -> Entry:
    """Return what all runs have held since the month began, local time: `arctl usage --since 2026-11` has it too."""
    moment = time.time() if now is None else now
    here = time.localtime(moment)
    begin = time.mktime((here.tm_year, here.tm_mon, 1, 0, 0, 0, 0, 0, -1))
    rows = read.runs(workspace.db, metrics=())
    touched = [row.number for row in rows if row.ended is None or row.ended >= begin - _SLACK_S]
    found = total(spent(workspace, now=moment, numbers=touched), since=begin)
    return replace(found, key=f"{here.tm_year:04d}-{here.tm_mon:02d}")


def _entry(key: str, parts: Iterable[tuple[Spent, float, float]], since: float | None) -> Entry:
    """Return the sum of what runs held, each between two times."""
    runs, live = set(), 0
    hours = gpu_hours = wasted_hours = wasted_gpu_hours = 0.0
    for one, first, end in parts:
        begin = first if since is None else max(first, since)
        held = [(job.gpus, _hours(job.whole, begin, end), _hours(job.wasted, begin, end)) for job in one.jobs]
        if sum(whole for _, whole, _ in held) <= 0.0:
            continue
        runs.add(one.run.number)
        live += one.run.state in (State.RUNNING, State.SUSPENDED)
        for gpus, whole, wasted in held:
            hours, gpu_hours = hours + whole, gpu_hours + whole * gpus
            wasted_hours, wasted_gpu_hours = wasted_hours + wasted, wasted_gpu_hours + wasted * gpus
    return Entry(key, frozenset(runs), hours, gpu_hours, wasted_hours, wasted_gpu_hours, live)


def _shares(one: Spent, by: str) -> list[tuple[str, float, float]]:
    """Return the entries that a run belongs to, each with the time for which it does."""
    if by == "month":
        return _months([stretch for job in one.jobs for stretch in job.whole])
    run = one.run
    words: Mapping[str, Callable[[], Sequence[str | None]]] = {
        "run": lambda: [run_name(run.number)],
        "sweep": lambda: [run.sweep],
        "tag": lambda: run.tags or [None],
        "model": lambda: [run.model],
        "group": lambda: [run.group],
        "state": lambda: [str(run.state).replace("_", " ")],
    }
    return [(word or NONE, 0.0, math.inf) for word in words[by]()]


def _months(held: Sequence[Stretch]) -> list[tuple[str, float, float]]:
    """Return the months, in local time, that stretches touch, each with its begin and end."""
    found: dict[str, tuple[str, float, float]] = {}
    for begin, end in held:
        moment = begin
        while moment < end:
            here = time.localtime(moment)
            first = time.mktime((here.tm_year, here.tm_mon, 1, 0, 0, 0, 0, 0, -1))
            after = time.mktime((here.tm_year, here.tm_mon + 1, 1, 0, 0, 0, 0, 0, -1))
            name = f"{here.tm_year:04d}-{here.tm_mon:02d}"
            found[name] = (name, first, after)
            moment = after
    return list(found.values())


def _jobs(run: RunRow, jobs: Sequence[JobRow], starts: Sequence[Start], directory: RunDir, now: float) -> list[Held]:
    """Return what each job of a run held, and what it held in vain."""
    found = []
    for order, job in enumerate(sorted(jobs, key=lambda job: job.submitted), start=1):
        own = [start for start in starts if start.job_id == job.job_id]
        pieces = list(_job(job, own, directory, now))
        if pieces:
            found.append(_held(_gpus(directory, order), pieces))
    known = {job.job_id for job in jobs}
    strange = [start for start in starts if start.job_id not in known]  # begun by hand
    pieces = []
    for start in strange:
        alive = start is starts[-1] and start.status is None and run.state in LIVE
        pieces += _piece(_times(start), start, directory, vain=start.status != "completed" and not alive)
    return [*found, _held(_gpus(directory, 1), pieces)] if pieces else found


def _job(job: JobRow, own: Sequence[Start], directory: RunDir, now: float) -> Iterator[tuple[Stretch, Stretch]]:
    """Give each stretch for which a job ran, with the part of it that was in vain."""
    last, running = _interval(job, own, now)
    newest = own[-1] if own and last is not None and (own[-1].started or 0.0) >= last[0] - _SLACK_S else None
    for start in own:
        if start is not newest:
            yield from _piece(_times(start), start, directory, vain=start.status != "completed")
    good = newest.status == "completed" if newest else job.state is State.COMPLETED
    yield from _piece(last, newest, directory, vain=not running and not good)


def _piece(
    stretch: Stretch | None, start: Start | None, directory: RunDir, *, vain: bool
) -> Iterator[tuple[Stretch, Stretch]]:
    """Give a stretch, if there is one, with the part of it after the start's last checkpoint where it was in vain."""
    if stretch is None or stretch[1] <= stretch[0]:
        return
    begin, end = stretch
    saved = last_save(directory.events(start.name)) if vain and start is not None else None
    lost = end if not vain else begin if saved is None else min(max(saved, begin), end)
    yield stretch, (lost, end)


def _held(gpus: int, pieces: Sequence[tuple[Stretch, Stretch]]) -> Held:
    return Held(gpus, _joined(whole for whole, _ in pieces), _joined(lost for _, lost in pieces))


def _interval(job: JobRow, own: Sequence[Start], now: float) -> tuple[Stretch | None, bool]:
    """Return the newest stretch for which the scheduler ran a job, and whether it still does."""
    running = job.state in (State.RUNNING, State.SUSPENDED)
    if job.started is None:
        return None, running
    if running:
        return (job.started, now), True
    if job.state is None or job.state in LIVE:
        return None, False
    seen = [start.ended or start.last_event for start in own]
    end = job.ended or max((moment for moment in seen if moment), default=None) or job.asked_at
    return ((job.started, end), False) if end is not None else (None, False)


def _times(start: Start) -> Stretch | None:
    end = start.ended or start.last_event
    return (start.started, end) if start.started is not None and end is not None else None


def _joined(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return stretches in order, those that overlap as one: two starts of a job at one time hold its GPUs once."""
    out: list[Stretch] = []
    for begin, end in sorted(stretches):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        elif end > begin:
            out.append((begin, end))
    return tuple(out)


def _hours(stretches: Iterable[Stretch], begin: float, end: float) -> float:
    return sum(max(0.0, min(last, end) - max(first, begin)) for first, last in stretches) / 3600.0


@lru_cache(maxsize=1024)
def _asked(directives: str) -> int:
    """Return the GPUs that directives ask for, over all nodes; most runs of a study ask for the same."""
    wanted = asked(directives)
    return wanted.gpus * wanted.nodes


def _gpus(directory: RunDir, order: int) -> int:
    """Return the GPUs of a run's first, second, ... job, from its script; without one, from the run's own record."""
    try:
        for path in (directory.script_of(order), directory.script):
            if script := read_small(path, limit=_SCRIPT):
                lines = header(script.decode("utf-8", "replace"))
                return _asked("\n".join(line for line in lines if _COUNTS.search(line)))
        values = read_run(directory.run_yaml).values
    except DataError:
        return 0
    gpus, nodes = (value if isinstance(value := values.get(name), int) else None for name in ("gpus", "nodes"))
    return (gpus or 0) * (nodes or 1)
