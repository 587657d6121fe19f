"""The log of what this user's arctl processes asked of the scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from arctl.tui.wants import Panel, Want

if TYPE_CHECKING:
    from arctl.clusters.calls import Call
    from arctl.settings import Workspace

MOST = 400
"""Calls that are shown."""

SINCE_S = 86400.0
"""How far back the log is read, seconds."""


@dataclass(frozen=True, eq=False)
class CallsPanel(Panel):
    """Calls of the scheduler's programs."""

    calls: tuple[Call, ...]
    """Newest first."""
    minute: int
    """How many began within the last minute."""
    least_s: float
    """The least time between two questions about the queue, seconds: the site's rule in arctl.yaml."""


@dataclass(frozen=True)
class CallsWant(Want):
    """Asks for the log."""

    at: float
    """When it was asked (Unix seconds): each time it is read again."""
    lane: ClassVar[str] = "calls"

    def read(self, workspace: Workspace) -> CallsPanel:
        """Read the log's end."""
        from arctl.clusters.calls import recent

        found = recent(since=self.at - SINCE_S)
        minute = sum(call.at >= self.at - 60.0 for call in found)
        slurm = workspace.settings.slurm
        return CallsPanel(self, tuple(found[::-1][:MOST]), minute, min(slurm.min_poll_s, slurm.poll_s))
