"""What a workspace no longer needs: copies of code that no run names, links to runs that are gone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from arctl.registry import read
from arctl.settings import Workspace
from arctl.snapshot import prune


@dataclass(frozen=True)
class Cleaned:
    """What was removed."""

    snapshots: tuple[str, ...]
    """Hashes of code snapshots that no run names."""
    spared: tuple[str, ...]
    """Those that stay because a job wrote files into them."""
    arrays: tuple[str, ...]
    """Tokens of arrays whose run directories are all gone."""


def clean(workspace: Workspace) -> Cleaned:
    """Remove what no run of the registry needs; what was made within the last hour stays.

    Raises ArctlError where the registry cannot be read: then nobody knows what is needed.
    """
    named = {row.code for row in read.runs(workspace.db, metrics=()) if row.code}
    pruned = prune(workspace, named)
    gone = _without_runs(workspace)
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return Cleaned(pruned.removed, pruned.spared, tuple(path.name for path in gone))


def _without_runs(workspace: Workspace) -> list[Path]:
    """Return the link directories of arrays all of whose runs are gone."""
    place = workspace.state / "array"
    found = sorted(place.iterdir()) if place.is_dir() else []
    return [path for path in found if path.is_dir() and not any(link.exists() for link in path.iterdir())]
