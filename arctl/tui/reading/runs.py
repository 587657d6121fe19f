"""The list of runs as the dashboard reads it: the newest first, all of them soon after, then only what changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arctl.states import LIVE

if TYPE_CHECKING:
    from arctl.forecast import Outlook
    from arctl.registry.listing import RunList
    from arctl.registry.rows import RunRow
    from arctl.settings import Workspace

LIST_METRICS = ("val/top1", "train/top1", "val/loss", "gap/top1", "step/loss")
"""The metrics that the table and a run's heading show, whatever columns are chosen."""

FIRST = 120
"""Runs that the first paint shows: more than any screen has lines."""

TREND_WIDTH = 24
"""Values of a sparkline."""

TREND_BATCH = 200
"""Sparklines of ended runs that one look adds, so that ten thousand runs do not hold up the screen."""

HOURS_BATCH = 500
"""Runs whose GPU-hours one look sums up, the newest first."""

MINUTE = 60.0


def run_list(workspace: Workspace, metrics: Sequence[str] = ()) -> RunList:
    """Return the list of the runs that `arctl ls` lists: evaluations that are complete are left out."""
    from arctl.registry.listing import RunList

    wanted = (*LIST_METRICS, *(name for name in metrics if name not in LIST_METRICS))
    return RunList(workspace.db, metrics=wanted, evaluated=False)


def trends(workspace: Workspace, numbers: Sequence[int]) -> Mapping[int, tuple[float, ...]]:
    """Return at most `TREND_WIDTH` values of val/top1 for each run, in time order."""
    from arctl.registry import read

    found = read.sparkline(workspace.db, numbers, "val/top1", TREND_WIDTH)
    return {number: tuple(found.get(number, ())) for number in numbers}


def outlooks(workspace: Workspace, runs: Sequence[RunRow]) -> Mapping[int, Outlook]:
    """Return when each run that has not ended will."""
    live = [row for row in runs if row.state in LIVE]
    if not live:
        return {}
    from arctl.forecast import outlooks as forecast

    return forecast(workspace.db, live, now=time.time())


def hours(workspace: Workspace, numbers: Sequence[int]) -> Mapping[int, float]:
    """Return the GPU-hours that each run has held."""
    from arctl.forecast import held_hours

    return held_hours(workspace.db, numbers=numbers) if numbers else {}


def calls() -> int:
    """Return how many programs of the scheduler this user's arctl processes called in the last minute."""
    from arctl.clusters.calls import recent

    return len(recent(since=time.time() - MINUTE))
