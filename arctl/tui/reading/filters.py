"""The saved filters of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from arctl.tui.wants import Panel, Want

if TYPE_CHECKING:
    from arctl.settings import Workspace


@dataclass(frozen=True, eq=False)
class FiltersPanel(Panel):
    """Filters by name."""

    saved: Mapping[str, str]
    """The text of each."""


@dataclass(frozen=True)
class FiltersWant(Want):
    """Asks for them."""

    lane: ClassVar[str] = "filters"

    def read(self, workspace: Workspace) -> FiltersPanel:
        """Read them."""
        from arctl.filtering.saved import saved

        return FiltersPanel(self, dict(saved(workspace)))
