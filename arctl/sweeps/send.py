"""Sending a sweep: all of it at first, and some of its elements again. An element that is alive is never sent twice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from arctl.errors import ArctlError, UsageError
from arctl.launch import Launched, rehearse_all, submit_plans
from arctl.plan import Plan
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.request import Request, Resources
from arctl.settings import Workspace
from arctl.states import State
from arctl.sweeps import store
from arctl.sweeps.board import Board, Entry, board
from arctl.sweeps.record import Sweep
from arctl.sync import sync

FAILED = frozenset({State.FAILED, State.OUT_OF_MEMORY, State.TIMEOUT, State.NODE_FAIL, State.PREEMPTED})
"""States of elements that `--failed` sends again."""

Tell = Callable[[Launched], None]
"""Hears of each run that is queued."""


@dataclass(frozen=True)
class Chosen:
    """What a resubmission would send, and what it would not."""

    sweep: Sweep
    """The sweep, with the resources that were asked for now."""
    entries: tuple[Entry, ...]
    """The elements that are sent again."""
    alive: int
    """Elements that were meant too, but have a run that is under way."""

    def requests(self, **changes: Any) -> list[Request]:
        """Return one request for each element; `changes` are fields of all of them."""
        return [
            self.sweep.request(entry.element, rerun_of=None if entry.run is None else entry.run.number, **changes)
            for entry in self.entries
        ]


def rehearse_sweep(workspace: Workspace, requests: Sequence[Request], *, max_parallel: int | None) -> list[Plan]:
    """Return what sending these elements would do, all of it checked; nothing is written.

    Raises UsageError where `max_parallel` is wanted of jobs that are no elements of an array.
    """
    plans = rehearse_all(workspace, requests, throttle=max_parallel)
    if max_parallel is not None and not plans[0].template.array:
        what = f"the template {plans[0].template.name!r} makes a job of each element, which start as the queue has room"
        raise UsageError(what, where="max_parallel", cure="leave it out, or take a template for arrays")
    return plans


def send_sweep(
    workspace: Workspace, sweep: Sweep, plans: Sequence[Plan], source: bytes, *, tell: Tell = lambda run: None
) -> list[Launched]:
    """Record a new sweep and queue its elements as `rehearse_sweep` planned them, in as few job arrays as may be.

    Raises UsageError for a name that is taken; otherwise as `launch.submit_array` does: where a scheduler says no
    half-way, what is queued stays, the rest is refused and can be sent by `resend`.
    """
    if _made(workspace, sweep.name):
        raise store.taken(sweep.name)
    store.keep(workspace, sweep, source)
    try:
        return submit_plans(workspace, plans, throttle=sweep.max_parallel, tell=tell)
    except BaseException:
        if not _made(workspace, sweep.name):
            store.forget(workspace, sweep.name)
        raise


def choose(
    workspace: Workspace, name: str, *, states: Collection[State], missing: bool, resources: Resources | None = None
) -> Chosen:
    """Return the elements whose newest run stands in one of `states`, and with `missing` those never queued.

    The registry must be fresh. Raises NotFoundError where the sweep or its record is lost.
    """
    sweep = store.load(workspace, name) if (found := board(workspace, name)).sweep is None else found.sweep
    entries, alive = pick(found, states=states, missing=missing)
    if resources is not None:
        sweep = replace(sweep, resources=resources.over(asdict(sweep.resources)))
    return Chosen(sweep, entries, alive)


def pick(found: Board, *, states: Collection[State], missing: bool) -> tuple[tuple[Entry, ...], int]:
    """Return the elements that `choose` means, and how many more are under way and left alone."""
    entries, alive = [], 0
    for entry in found.entries:
        never = _never_queued(entry.run)
        wanted = (missing and never) or (entry.run is not None and entry.run.state in states)
        if wanted and entry.alive and not never:
            alive += 1
        elif wanted:
            entries.append(entry)
    return tuple(entries), alive


def resend(
    workspace: Workspace,
    name: str,
    chosen: Callable[[], Chosen],
    *,
    check: Callable[[Sequence[Plan]], object] = lambda plans: None,
    tell: Tell = lambda run: None,
    **changes: Any,
) -> list[Launched]:
    """Send elements again: `chosen` is asked once no other arctl on this machine does the same and all is in sync.

    `check` may still stop what is planned; `changes` are fields of the requests. Raises as `send_sweep` does.
    """
    with _alone(workspace, name):
        sync(workspace, force=True)
        now = chosen()
        if not now.entries:
            return []
        plans = rehearse_sweep(workspace, now.requests(**changes), max_parallel=now.sweep.max_parallel)
        check(plans)
        return submit_plans(workspace, plans, throttle=now.sweep.max_parallel, tell=tell)


def _made(workspace: Workspace, name: str) -> bool:
    return any(row.sweep == name for row in read.runs(workspace.db, metrics=()))


def _never_queued(run: RunRow | None) -> bool:
    """Say whether no job of a run was ever queued, by the scheduler's word: refused, or lost by what a sync found."""
    if run is None or run.state is State.REFUSED:
        return True
    said = (run.message or "").startswith(f"no job carries {run.token}")
    return run.state is State.UNCONFIRMED and run.job_id is None and said


@contextmanager
def _alone(workspace: Workspace, name: str) -> Iterator[None]:
    """Hold the sweep's record, so that two resubmissions at once do not send the same elements."""
    path = store.place(workspace, name)
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ArctlError(
            f"cannot be opened: {error.strerror}", where=str(path), cure="check its permissions"
        ) from error
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            what = f"another arctl is sending elements of {name} again"
            raise UsageError(what, where=str(path), cure="wait for it") from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(directory)
