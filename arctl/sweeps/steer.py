"""Steering a sweep under way: how many elements run at a time, and which are not worth going on with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from arctl.clusters.base import whole_of
from arctl.errors import UsageError
from arctl.launch import shares
from arctl.settings import Workspace
from arctl.states import State
from arctl.sweeps import store
from arctl.sweeps.board import Board, Entry
from arctl.text import safe_line

_LIMIT = re.compile(r"\s*([A-Za-z0-9_./@-]{1,200})\s*([<>])\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(%?)\s*")


@dataclass(frozen=True)
class Throttled:
    """What became of the wish to let another number of elements run at a time."""

    arrays: dict[str, int]
    """Job arrays with elements that wait -> how many of them may run at a time now; 0 is no limit."""
    waiting: int
    """Elements that wait."""
    running: int
    """Elements that run; they run on, whatever the limit."""


@dataclass(frozen=True)
class Limit:
    """`val/top1<0.3`: what an element that is not worth going on with looks like."""

    metric: str
    """The metric."""
    below: bool
    """True for `<`."""
    number: float
    """The value; `30%` is 0.3."""

    def holds(self, value: float) -> bool:
        """Say whether a value is on the wrong side."""
        return value < self.number if self.below else value > self.number


def read_limit(text: str) -> Limit:
    """Return the limit that was typed. Raises UsageError."""
    match = _LIMIT.fullmatch(text)
    if match is None:
        shown = safe_line(text, limit=80)
        raise UsageError(f"cannot read {shown!r}", where="--below", cure="write METRIC<NUMBER, as in 'val/top1<0.3'")
    number = float(match[3]) / (100 if match[4] else 1)
    return Limit(match[1], match[2] == "<", number)


def throttle(workspace: Workspace, board: Board, count: int) -> Throttled:
    """Let at most `count` elements of a sweep run at a time, over all its arrays; 0 lets all of them.

    Raises UsageError where nothing of it waits as an element of a Slurm array, SchedulerError where Slurm says no.
    """
    waiting = [entry for entry in board.entries if _stands(entry, State.PENDING)]
    running = sum(_stands(entry, State.RUNNING) for entry in board.entries)
    runs = [entry.run for entry in waiting if entry.run is not None and entry.run.job_id is not None]
    arrays = sorted({whole_of(str(run.job_id)) for run in runs if run.cluster == "slurm" and "_" in str(run.job_id)})
    if not arrays:
        local = any(run.cluster == "local" for run in runs)
        cure = "`slots:` in arctl.yaml is how many jobs run at a time here" if local else "see `arctl sweep show`"
        what = "this machine has a queue of its own" if local else "no element of this sweep waits in a job array"
        raise UsageError(what, where=board.name, cure=cure)
    from arctl.clusters.slurm_update import set_throttles

    each = [share or 0 for share in shares(count or None, len(arrays))]
    limits = dict(zip(arrays, each, strict=True))
    set_throttles(limits)
    if board.sweep is not None:
        store.set_max_parallel(workspace, board.sweep, count or None)
    return Throttled(limits, len(waiting), running)


def worst(board: Board, count: int) -> list[Entry]:
    """Return the `count` elements under way with the worst results, the worst first; those without one are spared.

    Worst of all are those that have diverged.
    """
    sign = -1.0 if board.lower else 1.0
    found = [entry for entry in board.entries if entry.alive and (entry.diverged or entry.value is not None)]
    return sorted(found, key=lambda entry: (not entry.diverged, sign * (entry.value or 0.0)))[:count]


def beyond(board: Board, limit: Limit) -> list[Entry]:
    """Return the elements under way whose result is on the wrong side of a limit; `board` is of its metric."""
    return [entry for entry in board.entries if entry.alive and entry.value is not None and limit.holds(entry.value)]


def under_way(board: Board) -> list[Entry]:
    """Return the elements that have not ended."""
    return [entry for entry in board.entries if entry.alive]


def numbers(entries: Sequence[Entry]) -> list[int]:
    """Return the runs of elements."""
    return [entry.run.number for entry in entries if entry.run is not None]


def _stands(entry: Entry, state: State) -> bool:
    return entry.run is not None and entry.run.state is state
