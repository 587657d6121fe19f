"""The System tab as it is read: how well the run computes, as small charts, and what is out of bounds in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from arctl.tui.wants import EmptyPanel, Panel, Want

if TYPE_CHECKING:
    from arctl.curves import Points
    from arctl.plots import Drawing
    from arctl.raster import Curve
    from arctl.settings import Workspace
    from arctl.why.alarms import Alarm

CHARTS = (
    ("GPU computes", "perf/gpu_util", False),
    ("waits for data", "perf/data_wait", False),
    ("clips/s", "perf/clips_per_s", False),
    ("GPU memory, peak", "sys/gpu_mem", False),
    ("memory, peak", "sys/rss", False),
    ("gradient norm", "optim/grad_norm", True),
    ("learning rate", "optim/lr", False),
    ("loss scale", "optim/loss_scale", True),
    ("skipped steps", "optim/skipped", False),
)
"""Title, metric, and whether its values span orders of magnitude."""

_NEWEST = 400
"""Steps at the end of a long run that are looked at one by one."""


@dataclass(frozen=True)
class SystemWant(Want):
    """Asks for a run's figures of the machine and the optimizer."""

    lane: ClassVar[str] = "run"
    number: int
    """The run."""
    width: int
    """Cells across."""
    height: int
    """Cells down."""
    ascii: bool = False
    """Whether it is drawn with ASCII only."""

    def read(self, workspace: Workspace) -> Panel:
        """Read the curves and draw them."""
        from arctl import curves
        from arctl.registry import read

        db = workspace.db
        names = set(read.metric_names(db, [self.number]))
        known = [name for _, name, _ in CHARTS if name in names]
        if not known:
            why = "nothing of the machine yet: figures come with the first steps that the trainer writes"
            return EmptyPanel(self, why)
        found = {name: curves.load_points(db, self.number, name, columns=2 * self.width) for name in known}
        lines = {name: curves.curve_of(points, x="step") for name, points in found.items()}
        newest = {
            name: points
            if points.mean is None
            else curves.load_points(db, self.number, name, span=(float(points.step[-1]) - _NEWEST, math.inf))
            for name, points in found.items()
        }
        return _panel(self, lines, newest)


@dataclass(frozen=True, eq=False)
class SystemPanel(Panel):
    """The figures, drawn for a size."""

    drawing: Drawing
    """Alarms, then charts."""
    alarms: tuple[Alarm, ...]
    """What is out of bounds."""


def _panel(want: SystemWant, lines: dict[str, Curve], newest: dict[str, Points]) -> SystemPanel:
    from arctl.plots import Drawing, small
    from arctl.plots.paint import fill

    found = _alarms(newest)
    told = {alarm.metric for alarm in found}
    charts = [
        small.Small(title, lines[name], log=log, alarm=name in told) for title, name, log in CHARTS if name in lines
    ]
    words = [((f"! {alarm.text}", "1;38;5;203"),) for alarm in found]
    span = min(float(line.x[0]) for line in lines.values()), max(float(line.x[-1]) for line in lines.values())
    room = max(2, want.height - len(words))
    body = [*words, *small.grid(charts, width=want.width, height=room, span=span, ascii=want.ascii)]
    return SystemPanel(want, Drawing(tuple(fill(body, want.width, want.height)), ()), found)


def _alarms(newest: dict[str, Points]) -> tuple[Alarm, ...]:
    from arctl.why.alarms import RECENT, Tail, alarms

    tails = {
        name: Tail([round(step) for step in points.step[-2 * RECENT :].tolist()], points.value[-2 * RECENT :].tolist())
        for name, points in newest.items()
    }
    return alarms(tails, device="GPU" if "sys/gpu_mem" in newest else "model")
