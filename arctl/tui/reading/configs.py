"""The settings of all runs that a column, an order or a filter asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from arctl.tui.wants import Panel, Want

if TYPE_CHECKING:
    from arctl.settings import Workspace


@dataclass(frozen=True, eq=False)
class ConfigsPanel(Panel):
    """Settings by run."""

    configs: Mapping[int, Mapping[str, object]]
    """For each run that has any of them, dotted key to value."""


@dataclass(frozen=True)
class ConfigsWant(Want):
    """Asks for some settings of all runs."""

    lane: ClassVar[str] = "configs"
    keys: tuple[str, ...]
    """Dotted keys."""
    runs: int
    """How many runs there are: more of them are another question."""

    def read(self, workspace: Workspace) -> ConfigsPanel:
        """Read them."""
        from arctl.registry import read

        return ConfigsPanel(self, read.configs(workspace.db, keys=self.keys))
