"""`arctl curves`: learning curves of runs in the terminal, their values at a place, or all their points as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.errors import NotFoundError, UsageError, nearest
from arctl.rundir import run_name
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.curves import Curve, Points

_USUAL = ("train/loss", "val/loss", "train/top1", "val/top1")
_PLACE = "in the unit of --x; of time seconds, or 90m, 1h30m, 2d."


@dataclass(frozen=True)
class _Asked:
    """How the curves are to be shown."""

    x: str
    smooth: float
    log: bool
    window: tuple[float | None, float | None]
    at: float | None
    best: bool


@click.command("curves")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--metric", "-m", "metrics", multiple=True, metavar="M", help="Such as val/top1; repeatable.")
@click.option(
    "--x",
    "axis",
    type=click.Choice(("epoch", "step", "time", "hours")),
    default="epoch",
    show_default=True,
    help="The horizontal axis; hours are GPU-hours.",
)
@click.option("--smooth", type=float, default=0.0, metavar="W", help="Moving average, 0 to 1: try 0.6.")
@click.option("--log", is_flag=True, help="Logarithmic vertical axis.")
@click.option("--from", "begin", metavar="X", help=f"Show what lies from here on, {_PLACE}")
@click.option("--to", "end", metavar="X", help="Show what lies up to here.")
@click.option("--at", metavar="X", help="Read the values here: each line's newest point at or before X.")
@click.option("--best/--no-best", default=True, help="Mark the best value of each metric of validation.")
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
    log: bool,
    begin: str | None,
    end: str | None,
    at: str | None,
    best: bool,
    width: int | None,
    height: int | None,
    listing: bool,
    as_json: bool,
) -> None:
    """Plot metrics of runs over epochs, steps, time or GPU-hours.

    Loss and top-1 of training (dashed) and validation, unless --metric asks for others. Several runs are laid over
    one another. A vertical line marks a restart, a diamond the best value.
    """
    asked = _Asked(axis, smooth, log, _window(begin, end, axis), _place(at, axis, "--at"), best)
    session.sync()
    numbers = references(session, runs)
    if listing:
        _list(session, numbers)
        return
    found = _points(session, numbers, metrics)
    if as_json:
        echo_json("arctl.curves/1", {"x": axis, "smooth": smooth, "curves": [_json(p, asked) for p in found]})
        return
    _say_gaps(found, axis)
    from arctl.cli.curves_drawing import drawing, lines_of, readings

    lines, names = lines_of(session, found, x=axis, smooth=smooth, best=best)
    window = _limits(lines, asked.window)
    click.echo(drawing(lines, names=names, window=window, log=log, at=asked.at, width=width, height=height))
    if asked.at is not None:
        for line in readings(lines, asked.at):
            click.echo(line)


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


def _place(text: str | None, axis: str, option: str) -> float | None:
    """Return a place on an axis: a finite number, or of time also a duration."""
    if text is None:
        return None
    try:
        if math.isfinite(value := float(text)):
            return value
    except ValueError:
        parts = re.findall(r"(\d+)([dhms])", text)
        if axis == "time" and parts and "".join(map("".join, parts)) == text:
            return float(sum(int(count) * {"d": 86400, "h": 3600, "m": 60, "s": 1}[unit] for count, unit in parts))
    cure = "give seconds, or 90m, 1h30m, 2d" if axis == "time" else "give a number"
    raise UsageError(f"{text!r} is no place on the axis {axis!r}", where=option, cure=cure)


def _window(begin: str | None, end: str | None, axis: str) -> tuple[float | None, float | None]:
    low, high = _place(begin, axis, "--from"), _place(end, axis, "--to")
    if low is not None and high is not None and low >= high:
        raise UsageError(f"nothing lies from {begin} to {end}", where="--to", cure="give a larger --to")
    return low, high


def _limits(lines: Sequence[Curve], asked: tuple[float | None, float | None]) -> tuple[float, float] | None:
    """Return the window in full; None for everything."""
    low, high = asked
    if low is None and high is None:
        return None
    low = min(float(line.x[0]) for line in lines) if low is None else low
    high = max(float(line.x[-1]) for line in lines) if high is None else high
    if low >= high:
        raise UsageError("nothing lies there", where=f"{low:g} to {high:g}", cure="see all without --from and --to")
    return low, high


def _json(points: Points, asked: _Asked) -> dict[str, object]:
    from arctl.curves import curve_of, read_at
    from arctl.registry.rows import json_number

    curve = curve_of(points, x=asked.x, smooth=asked.smooth)
    low = -math.inf if asked.window[0] is None else asked.window[0]
    high = math.inf if asked.window[1] is None else asked.window[1]
    shown = (curve.x >= low) & (curve.x <= high)
    document: dict[str, object] = {"run": run_name(points.run), "metric": points.metric}
    for name in ("step", "epoch", "time", "hours", "value", "attempt"):
        document[name] = [json_number(value) for value in getattr(points, name)[shown].tolist()]
    document["step"] = [int(step) for step in points.step[shown]]
    if asked.smooth:
        document["smoothed"] = [json_number(value) for value in curve.y[shown].tolist()]
    document["restarts"] = [x for x in points.restarts(asked.x) if low <= x <= high]
    document["best"] = None if curve.best is None else {"x": curve.best[0], "value": curve.best[1]}
    if asked.at is not None:
        read = next(iter(read_at([curve], asked.at)), None)
        document["at"] = read and {
            "x": read.x,
            "step": read.step,
            "epoch": read.epoch,
            "value": json_number(read.value),
        }
    return document


def _say_gaps(found: Sequence[Points], axis: str) -> None:
    import numpy as np

    for points in found:
        missing = int((~np.isfinite(points.value)).sum())
        if missing:
            narrate(f"{run_name(points.run)} {points.metric}: {missing} values are not finite, and left out")
    if axis == "hours":
        for number in sorted({points.run for points in found if not points.gpus}):
            narrate(f"{run_name(number)}: its GPUs are not known, or none: its hours are those for which it ran")
