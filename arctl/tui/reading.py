"""Everything that the dashboard reads, on the watcher's threads: registry, logs, configurations, predictions.

Nothing here knows the screen; nothing on the screen opens a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arctl.errors import ArctlError
from arctl.rundir import RunDir, run_name
from arctl.text import safe_line
from arctl.tui.snapshot import (
    Chart,
    ConfigPanel,
    ConfusionPanel,
    CurvesPanel,
    EmptyPanel,
    LogPanel,
    Panel,
    Tab,
    Versus,
    Want,
)

if TYPE_CHECKING:
    from arctl.curves import Curve
    from arctl.registry.rows import RunRow
    from arctl.settings import Workspace

LIST_METRICS = ("val/top1", "train/top1", "val/loss", "gap/top1", "step/loss")
"""The metrics that the table and a run's heading show."""

LOG_LINES = 2000
"""How many of a log's last lines the Log tab holds."""

POINTS = 400
"""Points of a curve that reach the screen; minima and maxima of what lies between are kept."""

_PAIRS = (("top-1", "top1"), ("loss", "loss"), ("top-5", "top5"))


def runs(workspace: Workspace) -> tuple[RunRow, ...]:
    """Return the runs that `arctl ls` lists, newest first: evaluations that are complete are left out."""
    from arctl.registry import read

    return tuple(read.runs(workspace.db, metrics=LIST_METRICS, evaluated=False))


def trends(workspace: Workspace, numbers: Sequence[int], *, width: int) -> Mapping[int, tuple[float, ...]]:
    """Return at most `width` values of val/top1 for each run, in time order."""
    from arctl.registry import read

    found = read.sparkline(workspace.db, numbers, "val/top1", width)
    return {number: tuple(found.get(number, ())) for number in numbers}


def panel(workspace: Workspace, want: Want) -> Panel:
    """Return what a tab shows of a run; what cannot be read becomes an `EmptyPanel` that says why."""
    try:
        return _READERS[want.tab](workspace, want)
    except ArctlError as error:
        return EmptyPanel(want, safe_line(str(error)))
    except OSError as error:
        return EmptyPanel(want, safe_line(f"{error.filename or run_name(want.number)}: {error.strerror}"))
    except Exception as error:
        return EmptyPanel(want, fault(error))


def versus(workspace: Workspace, a: int, b: int) -> Versus:
    """Return two runs side by side, or why they cannot be compared."""
    from arctl import compare

    try:
        charts = tuple(_charts(workspace, (a, b), ("val/top1", "val/loss")))
        return Versus(a, b, compare.compare(workspace, a, b, force=True), charts)
    except ArctlError as error:
        return Versus(a, b, None, (), safe_line(str(error)))
    except OSError as error:
        return Versus(a, b, None, (), safe_line(str(error)))
    except Exception as error:
        return Versus(a, b, None, (), fault(error))


def fault(error: Exception) -> str:
    """Return a line for an error that should not happen: the screen stays, and it says what to report."""
    return safe_line(f"{type(error).__name__}: {error} (this is a fault of arctl: please report it)")


def chart_groups(names: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Group metrics that belong on one canvas: validation with training, every other one alone."""
    known = set(names)
    groups: list[tuple[str, tuple[str, ...]]] = []
    for title, last in _PAIRS:
        members = tuple(name for name in (f"val/{last}", f"train/{last}") if name in known)
        if members:
            groups.append((title, members))
            known.difference_update(members)
    return groups + [(name, (name,)) for name in sorted(known)]


def _curves(workspace: Workspace, want: Want) -> Panel:
    from arctl.registry import read

    groups = chart_groups(read.metric_names(workspace.db, [want.number]))
    if not groups:
        return EmptyPanel(want, "no metrics yet: curves begin with the first step that the trainer writes")
    first = want.chart % len(groups)
    chosen = [groups[first]] + ([groups[(first + 1) % len(groups)]] if len(groups) > 1 else [])
    charts = tuple(
        Chart(title, tuple(_curve(workspace, want.number, name, label=name) for name in members))
        for title, members in chosen
    )
    return CurvesPanel(want, charts, tuple(title for title, _ in groups))


def _charts(workspace: Workspace, numbers: Sequence[int], metrics: Sequence[str]) -> list[Chart]:
    from arctl.registry import read

    charts = []
    for metric in metrics:
        having = [number for number in numbers if metric in read.metric_names(workspace.db, [number])]
        if having:
            lines = tuple(_curve(workspace, number, metric, label=run_name(number)) for number in having)
            charts.append(Chart(metric, lines))
    return charts


def _curve(workspace: Workspace, number: int, metric: str, *, label: str) -> Curve:
    from arctl import curves, plots  # noqa: F401  (plots: loaded here, so that the first drawing need not wait)

    return curves.reduce(curves.load(workspace.db, number, metric, label=label), columns=POINTS)


def _log(workspace: Workspace, want: Want) -> Panel:
    from arctl.tail import last_lines

    logs = RunDir(workspace.run_dir(want.number)).logs()
    if not logs:
        return EmptyPanel(want, "no log yet: the job has not written a line")
    return LogPanel(want, logs[-1].name, tuple(last_lines(logs[-1], LOG_LINES)))


def _config(workspace: Workspace, want: Want) -> Panel:
    from arctl.secrets import lines_hidden
    from arctl.tail import last_lines

    files = RunDir(workspace.run_dir(want.number))
    lines: list[str] = []
    for path in (files.config, files.run_yaml):
        if path.is_file():
            lines += [f"# {path.name}", *lines_hidden(last_lines(path, LOG_LINES)), ""]
    if not lines:
        return EmptyPanel(want, f"no config.yaml and no run.yaml: was {safe_line(str(files.path))} deleted?")
    return ConfigPanel(want, tuple(lines))


def _confusion(workspace: Workspace, want: Want) -> Panel:
    from arctl import confusion
    from arctl.registry import read

    row = read.run(workspace.db, want.number)
    summary = row.metrics.get("val/top1") if row else None
    best = round(summary.best_epoch) if summary and summary.best_epoch is not None else None
    found = confusion.load(workspace.run_dir(want.number), want.number, best=best)
    return ConfusionPanel(want, found)


_READERS = {Tab.CURVES: _curves, Tab.LOG: _log, Tab.CONFIG: _config, Tab.CONFUSION: _confusion}
