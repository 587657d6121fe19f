"""What the list of runs shows, as a frozen value: the watcher makes it, the widgets draw it, nobody changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arctl.registry.rows import RunRow

if TYPE_CHECKING:
    from arctl.forecast import Outlook


@dataclass(frozen=True)
class Trouble:
    """Why what is shown may be old."""

    since: float
    """When it began, Unix seconds."""
    what: str
    """One line, safe to show, with its cure."""


@dataclass(frozen=True)
class Snapshot:
    """The runs of a workspace at one moment."""

    runs: tuple[RunRow, ...] = ()
    """Newest first."""
    trends: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    """For each run, a few values of val/top1 in time order."""
    outlooks: Mapping[int, Outlook] = field(default_factory=dict)
    """For each run that has not ended, when it will."""
    hours: Mapping[int, float] = field(default_factory=dict)
    """GPU-hours of each run that held any."""
    changed: frozenset[int] | None = None
    """Runs that read differently than in the snapshot before; None for any."""
    complete: bool = False
    """False while only the newest runs have been read, for the first paint."""
    at: float = 0.0
    """When the registry was read, Unix seconds; 0 before the first read."""
    synced: float | None = None
    """When disk and scheduler were last asked and both answered."""
    trouble: Trouble | None = None
    """What keeps it from being fresh."""
    calls: int = 0
    """Programs of the scheduler that this user's arctl processes called in the last minute."""
