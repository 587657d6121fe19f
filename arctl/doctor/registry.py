"""runs.db and the run directories: whole, of this arctl's time, and agreeing with one another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from arctl.doctor.line import Line, Status
from arctl.registry import health, lease
from arctl.registry.trouble import REBUILD
from arctl.rundir import RunDir, number_of, run_name
from arctl.settings import Workspace

if TYPE_CHECKING:
    from arctl.doctor import Ground

SECONDS = 2.5
"""How long the pages of runs.db are looked at."""

STALE_S = 3600.0
"""Something half made that is older was left by an arctl that was killed, seconds."""


def check(ground: Ground) -> Iterator[Line]:
    """Look at the registry and at what lies beside it; nothing outside of a workspace."""
    workspace = ground.workspace
    if workspace is None:
        return
    found = health.examine(workspace.db, seconds=SECONDS)
    if found is None:
        yield from _missing(workspace)
        return
    yield _whole(found)
    if found.unconfirmed:
        said = f"{found.unconfirmed} runs may or may not have been queued"
        yield _line(Status.WARN, "unconfirmed", said, "`arctl sync` looks for them as soon as the scheduler answers")
    if found.journal != "delete" or "-wal" in found.left:
        said = f"another program has set its journal to {found.journal}, which network file systems spoil"
        yield _line(Status.WARN, "journal", said, "end that program; the next `arctl sync` sets it back")
    if found.registry and found.schema == health.KNOWN:
        yield from _directories(workspace)
    yield from _lease(workspace)
    yield from _stages(workspace)


def _lease(workspace: Workspace) -> Iterator[Line]:
    """Tell which machine may write to the registry, where another one does."""
    found = lease.holder(workspace.db)
    if found is None or found[0].is_here:
        return
    owner, age = found
    if age < lease.LIVE_S:
        said = f"arctl on {owner} writes to it, last {age:.0f} s ago: here you can only look"
        yield _line(Status.WARN, "lease", said, "work there, or end it; `arctl --take-over` takes the registry over")
    else:
        yield _line(Status.OK, "lease", f"left by {owner}; the next command that writes takes it over")


def _missing(workspace: Workspace) -> Iterator[Line]:
    some = [path for path in _listed(workspace.runs) if number_of(path) is not None]
    if some:
        said = f"runs.db is missing although there are {len(some)} run directories"
        yield _line(Status.FAIL, "runs.db", said, "`arctl rebuild` makes it from them")
    else:
        yield _line(Status.OK, "runs.db", "none yet: the first submission makes it")


def _whole(found: health.Health) -> Line:
    if not found.registry and (found.schema or found.size):
        return _line(Status.FAIL, "runs.db", "this database is not a registry of arctl", REBUILD)
    if found.troubles:
        return _line(Status.FAIL, "runs.db", f"damaged: {found.troubles[0]}", REBUILD)
    if found.schema > health.KNOWN:
        said = f"a newer arctl wrote it (schema {found.schema}, this one knows {health.KNOWN})"
        return _line(Status.FAIL, "runs.db", said, "use that arctl, or upgrade this one")
    checked = "whole" if found.whole else f"no damage found in {SECONDS:.0f} s of looking"
    said = f"{found.runs} runs, {found.size / (1 << 20):.1f} MiB, schema {found.schema}, {checked}"
    if found.schema < health.KNOWN:
        said += "; the next command brings it up to date"
    return _line(Status.OK, "runs.db", said)


def _directories(workspace: Workspace) -> Iterator[Line]:
    places = {number: path for path in _listed(workspace.runs) if (number := number_of(path)) is not None}
    known = health.numbers(workspace.db)
    unknown = sorted(number for number, path in places.items() if number not in known and _old(path))
    gone = sorted(known - places.keys())
    empty = sorted(number for number, path in places.items() if not RunDir(path).run_yaml.exists())
    if unknown:
        said = f"{_some(unknown)}: on disk, but not in runs.db"
        yield _line(Status.WARN, "directories", said, "`arctl rebuild` takes them in")
    if gone:
        said = f"{_some(gone)}: in runs.db, but their directories are gone"
        yield _line(Status.WARN, "directories", said, "restore them; `arctl rebuild` would forget them")
    if empty:
        said = f"{_some(empty)}: without run.yaml"
        yield _line(Status.WARN, "directories", said, "restore the file, or move the directories away")
    if not (unknown or gone or empty) and places:
        yield _line(Status.OK, "directories", f"{len(places)} run directories, all of them in runs.db")


def _stages(workspace: Workspace) -> Iterator[Line]:
    patterns = (
        (workspace.runs, ".stage-*"),
        (workspace.state / "code", ".stage-*"),
        (workspace.state / "local", ".new-*"),
    )
    stale = [path for place, pattern in patterns for path in place.glob(pattern) if _old(path)]
    if stale:
        said = f"{len(stale)} half-made directories of an arctl that was killed, such as {stale[0]}"
        yield _line(Status.WARN, "leftovers", said, "the next submission sweeps them away; `rm -r` does too")


def _old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > STALE_S
    except OSError:
        return False


def _listed(place: Path) -> list[Path]:
    try:
        return list(place.iterdir())
    except FileNotFoundError:
        return []


def _some(numbers: list[int]) -> str:
    """Return some runs by name: `run3, run7 and 12 more`."""
    shown = ", ".join(run_name(number) for number in numbers[:3])
    return shown if len(numbers) <= 3 else f"{shown} and {len(numbers) - 3} more"


def _line(status: Status, name: str, said: str, cure: str | None = None) -> Line:
    return Line("registry", status, name, said, cure)
