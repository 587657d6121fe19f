"""What a newer schema knows of runs and an older one did not, filled in for old runs: a little at each sync.

The newest runs come first. Where somebody else writes, or nobody may, it waits: nothing depends on it but speed and
what a list can be filtered by.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from arctl.errors import ArctlError
from arctl.registry import digests, ingest
from arctl.registry.chores import pending, reached, runs_below
from arctl.registry.connect import Connection, transaction
from arctl.rundir import RunDir
from arctl.settings import Workspace

SECONDS = 0.1
"""How long one sync is held up by it, about."""

_RUNS = 20
_POINTS = 20_000
_Task = Callable[[Workspace, Connection, int], bool]


def catch_up(workspace: Workspace, *, seconds: float = SECONDS) -> None:
    """Fill in what old runs lack for about `seconds`; what is left waits for the next time."""
    tasks: Mapping[str, _Task] = {"files": _files, "digests": _digests}
    until = time.monotonic() + seconds
    with suppress(ArctlError):
        for name in pending(workspace.db):
            more = name in tasks
            while more and time.monotonic() < until:
                with transaction(workspace.db) as connection:
                    more = _some(workspace, connection, name, tasks[name], until)


def _some(workspace: Workspace, connection: Connection, name: str, task: _Task, until: float) -> bool:
    """Go through some runs; returns whether there were any."""
    numbers = runs_below(connection, name, limit=_RUNS)
    for number in numbers:
        if not task(workspace, connection, number):
            return True
        reached(connection, name, number)
        if time.monotonic() > until:
            break
    if not numbers:
        reached(connection, name, None)
    return bool(numbers)


def _files(workspace: Workspace, connection: Connection, number: int) -> bool:
    """Store what a run's own files say of its configuration and its newest job; a lost one says nothing."""
    from arctl.indexed import config_of, size_of_run
    from arctl.runfile import read_run

    directory = RunDir(workspace.run_dir(number))
    with suppress(ArctlError, OSError):
        size = size_of_run(directory, read_run(directory.run_yaml))
        ingest.store_size(connection, number, gpus=size.gpus, limit_s=size.limit_s)
    ingest.store_config(connection, number, config_of(directory))
    return True


def _digests(workspace: Workspace, connection: Connection, number: int) -> bool:
    """Digest points of a run; returns whether that is all of them."""
    return digests.catch_up(connection, number, most=_POINTS) == 0
