"""What the screen shows, as frozen values: the watcher makes them, the widgets draw them, nobody changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from arctl.registry.rows import RunRow

if TYPE_CHECKING:
    from arctl.compare import Comparison
    from arctl.confusion import Confusion
    from arctl.curves import Curve


class Tab(StrEnum):
    """The tabs of a run, in order."""

    CURVES = "Curves"
    LOG = "Log"
    CONFIG = "Config"
    CONFUSION = "Confusion"

    def step(self, by: int) -> Tab:
        """Return the tab that is `by` places to the right, around the end."""
        tabs = list(Tab)
        return tabs[(tabs.index(self) + by) % len(tabs)]


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
    at: float = 0.0
    """When the registry was read, Unix seconds; 0 before the first read."""
    synced: float | None = None
    """When disk and scheduler were last asked and both answered."""
    trouble: Trouble | None = None
    """What keeps it from being fresh."""


@dataclass(frozen=True)
class Want:
    """A request for what a tab shows of a run."""

    number: int
    tab: Tab
    chart: int = 0
    """Which group of metrics the Curves tab begins with."""
    again: bool = field(default=False, compare=False)
    """The screen has it already: it need not be sent where nothing changed."""


@dataclass(frozen=True, eq=False)
class Chart:
    """Curves that share one canvas."""

    title: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, eq=False)
class CurvesPanel:
    """What the Curves tab shows."""

    want: Want
    charts: tuple[Chart, ...]
    """The wanted group of metrics and the next one, for a tall screen."""
    titles: tuple[str, ...]
    """All groups of metrics that the run has."""


@dataclass(frozen=True)
class LogPanel:
    """What the Log tab shows."""

    want: Want
    name: str
    """The log's file name."""
    lines: tuple[str, ...]
    """The last lines, safe to show."""


@dataclass(frozen=True)
class ConfigPanel:
    """What the Config tab shows."""

    want: Want
    lines: tuple[str, ...]
    """`config.yaml` and `run.yaml`, safe to show."""


@dataclass(frozen=True, eq=False)
class ConfusionPanel:
    """What the Confusion tab shows."""

    want: Want
    confusion: Confusion


@dataclass(frozen=True)
class EmptyPanel:
    """Why a tab has nothing to show."""

    want: Want
    why: str
    """One line, safe to show, with its cure."""


Panel = CurvesPanel | LogPanel | ConfigPanel | ConfusionPanel | EmptyPanel


@dataclass(frozen=True, eq=False)
class Versus:
    """Two runs side by side."""

    a: int
    b: int
    comparison: Comparison | None
    charts: tuple[Chart, ...]
    """Curves of both runs on one canvas, one chart for each metric."""
    why: str = ""
    """Why they cannot be compared, where they cannot."""
