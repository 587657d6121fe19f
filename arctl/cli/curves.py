"""`arctl curves`: learning curves of runs in the terminal, or all their points as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.errors import NotFoundError, UsageError, nearest
from arctl.rundir import run_name
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.curves import Points

_USUAL = ("train/loss", "val/loss", "train/top1", "val/top1")
_WIDE = 130


@click.command("curves")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--metric", "-m", "metrics", multiple=True, metavar="M", help="Such as val/top1; repeatable.")
@click.option("--x", "axis", type=click.Choice(("epoch", "step", "time")), default="epoch", show_default=True)
@click.option("--smooth", type=float, default=0.0, metavar="W", help="Moving average, 0 to 1: try 0.6.")
@click.option("--width", type=click.IntRange(min=20, max=1000), metavar="N", help="Columns; the terminal's by default.")
@click.option("--height", type=click.IntRange(min=6, max=500), metavar="N", help="Lines; the terminal's by default.")
@click.option("--list", "listing", is_flag=True, help="List the metrics that the runs have.")
@click.option("--json", "as_json", is_flag=True, help="Print all points as JSON (arctl.curves/1).")
@click.pass_obj
def curves_command(
    session: Session,
    runs: tuple[str, ...],
    metrics: tuple[str, ...],
    axis: str,
    smooth: float,
    width: int | None,
    height: int | None,
    listing: bool,
    as_json: bool,
) -> None:
    """Plot metrics of runs over epochs, steps or time.

    Loss and top-1 of training (dashed) and validation, unless --metric asks for others. Several runs are laid over
    one another. A vertical line marks a restart.
    """
    session.sync()
    numbers = references(session, runs)
    if listing:
        _list(session, numbers)
        return
    found = _points(session, numbers, metrics)
    if as_json:
        echo_json("arctl.curves/1", {"x": axis, "smooth": smooth, "curves": [_json(p, axis, smooth) for p in found]})
        return
    _say_gaps(found)
    click.echo(_drawing(session, found, axis, smooth, width, height))


def _list(session: Session, numbers: Sequence[int]) -> None:
    from arctl.registry import read

    names = read.metric_names(session.workspace.db, numbers)
    if not names:
        narrate("no metrics yet: they come with the first step that the trainer writes")
    for name in names:
        click.echo(safe_line(name))


def _points(session: Session, numbers: Sequence[int], metrics: Sequence[str]) -> list[Points]:
    """Return the points of each run and metric; a run may lack a metric that another has, but not all may."""
    from arctl.curves import load_points
    from arctl.registry import read

    db = session.workspace.db
    have = {number: set(read.metric_names(db, [number])) for number in numbers}
    known = set().union(*have.values())
    if not known:
        words = ", ".join(run_name(number) for number in numbers)
        raise NotFoundError("no metrics yet", where=words, cure="they come with the first step that the trainer writes")
    for metric in metrics:
        if metric not in known:
            raise NotFoundError(f"no metric {metric!r} in these runs", cure=nearest(metric, known))
    wanted = list(dict.fromkeys(metrics)) or [name for name in _USUAL if name in known] or sorted(known)[:2]
    for number in numbers:
        lacking = [name for name in wanted if name not in have[number]]
        if lacking:
            narrate(f"{run_name(number)} has no {', '.join(lacking)}")
    return [load_points(db, number, name) for name in wanted for number in numbers if name in have[number]]


def _json(points: Points, axis: str, smooth: float) -> dict[str, object]:
    from arctl.curves import smooth as smoothed
    from arctl.registry.rows import json_number

    document: dict[str, object] = {"run": run_name(points.run), "metric": points.metric}
    for name in ("step", "epoch", "time", "value", "attempt"):
        document[name] = [json_number(value) for value in getattr(points, name).tolist()]
    document["step"] = [int(step) for step in points.step]
    if smooth:
        document["smoothed"] = [json_number(value) for value in smoothed(points.value, smooth).tolist()]
    document["restarts"] = list(points.restarts(axis))
    return document


def _say_gaps(found: Sequence[Points]) -> None:
    import numpy as np

    for points in found:
        missing = int((~np.isfinite(points.value)).sum())
        if missing:
            narrate(f"{run_name(points.run)} {points.metric}: {missing} values are not finite, and left out")


def _drawing(
    session: Session, found: Sequence[Points], axis: str, smooth: float, width: int | None, height: int | None
) -> str:
    """Return one panel for each kind of metric: side by side where there is room, else below one another."""
    from arctl import plots
    from arctl.cli.tables import ascii_only, coloured, screen
    from arctl.curves import curve_of
    from arctl.registry import read

    names = {
        row.number: row.name for row in read.runs(session.workspace.db, numbers=[p.run for p in found], metrics=())
    }
    several = len({points.run for points in found}) > 1
    groups: dict[str, list[Points]] = {}
    for points in found:
        groups.setdefault(points.metric.rpartition("/")[2], []).append(points)
    across, down = screen(width=width, height=None if height is None else height + 1)
    beside = across >= _WIDE and len(groups) > 1
    rows = -(-len(groups) // 2) if beside else len(groups)
    wide = (across - 2) // 2 if beside else across
    tall = max(8, (down - 1) // rows)
    if height is not None and height < 6 * rows:
        raise UsageError(f"{height} lines are too few for {rows} panels", where="--height", cure=f"give {6 * rows}")
    panels = []
    for kind, members in groups.items():
        metrics = {points.metric for points in members}
        shown = metrics.pop() if len(metrics) == 1 else kind
        lines = [
            curve_of(p, x=axis, smooth=smooth, label=f"{run_name(p.run)} {names[p.run]}" if several else p.metric)
            for p in members
        ]
        panels.append((shown if several else f"{run_name(members[0].run)} {names[members[0].run]}  {shown}", lines))
    columns = [panels[0::2], panels[1::2]] if beside else [panels]
    drawn = [
        plots.stacked(column, width=wide, heights=[tall] * len(column), colour=coloured(), ascii=ascii_only())
        for column in columns
    ]
    if not beside:
        return drawn[0]
    left, right = drawn
    blank = "\n".join([" " * wide] * (left.count("\n") - right.count("\n")))
    return plots.beside(left, f"{right}\n{blank}" if blank else right)
