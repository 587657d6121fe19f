"""What the Config tab reads: a run's set-up against its preset, the marked run, or the run that it repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from arctl.tui.wants import Panel, Want

if TYPE_CHECKING:
    from arctl.configured import Configured
    from arctl.settings import Workspace


@dataclass(frozen=True)
class ConfigWant(Want):
    """The set-up of a run."""

    number: int
    """The run."""
    against: str | int | None = "preset"
    """`preset`, another run's number, or None for nothing."""
    stamp: object = None
    """Changes where the files may have."""

    lane: ClassVar[str] = "run"

    def read(self, workspace: Workspace) -> Panel:
        """Read configuration, environment and state of the code."""
        from arctl.configured import configured

        return ConfigPanel(self, configured(workspace, self.number, against=self.against))


@dataclass(frozen=True, eq=False)
class ConfigPanel(Panel):
    """The set-up of a run next to another one's."""

    found: Configured
    """Every key."""
