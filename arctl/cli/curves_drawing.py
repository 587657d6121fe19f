"""How `arctl curves` lays out what it draws: a panel for each kind of metric, and what is read from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from arctl import plots
from arctl.cli.context import Session
from arctl.cli.tables import ascii_only, coloured, screen
from arctl.curves import Curve, Points, curve_of, read_at
from arctl.errors import UsageError
from arctl.registry import read
from arctl.rundir import run_name
from arctl.text import safe_line

_WIDE = 130


def lines_of(
    session: Session, found: Sequence[Points], *, x: str, smooth: float, best: bool
) -> tuple[list[Curve], str]:
    """Return the points as lines over `x`, and what stands before the titles of their panels.

    They are labelled by their runs, or by their metrics where there is one run, which the titles then name.
    """
    rows = read.runs(session.workspace.db, numbers=[points.run for points in found], metrics=())
    names = {row.number: f"{run_name(row.number)} {row.name}" for row in rows}
    several = len({points.run for points in found}) > 1
    labels = [names[points.run] if several else points.metric for points in found]
    lines = [curve_of(points, x=x, smooth=smooth, label=label) for points, label in zip(found, labels, strict=True)]
    lines = lines if best else [replace(line, best=None) for line in lines]
    return lines, "" if several else f"{names[found[0].run]}  "


def drawing(
    lines: Sequence[Curve],
    *,
    names: str,
    window: tuple[float, float] | None,
    log: bool,
    at: float | None,
    width: int | None,
    height: int | None,
) -> str:
    """Return one panel for each kind of metric: side by side where there is room, else below one another.

    `names` stands before each title. Raises UsageError where there are fewer lines than the panels need.
    """
    groups: dict[str, list[Curve]] = {}
    for line in lines:
        groups.setdefault(line.metric.rpartition("/")[2], []).append(line)
    across, down = screen(width=width, height=None if height is None else height + 1)
    beside = across >= _WIDE and len(groups) > 1
    rows = -(-len(groups) // 2) if beside else len(groups)
    wide = (across - 2) // 2 if beside else across
    tall = max(8, (down - 1) // rows)
    if height is not None and height < 6 * rows:
        raise UsageError(f"{height} lines are too few for {rows} panels", where="--height", cure=f"give {6 * rows}")
    panels = []
    for kind, members in groups.items():
        metrics = {line.metric for line in members}
        panels.append((names + (metrics.pop() if len(metrics) == 1 else kind), members))
    columns = [panels[0::2], panels[1::2]] if beside else [panels]
    view = plots.View(window=window, log=log)
    drawn = []
    for column in columns:
        heights = [tall] * len(column)
        one = plots.draw(column, width=wide, heights=heights, colour=coloured(), ascii=ascii_only(), view=view)
        one = one if at is None else one.with_cursor(at, ascii=ascii_only())
        drawn.append(one.text(colour=coloured()))
    if not beside:
        return drawn[0]
    left, right = drawn
    blank = "\n".join([" " * wide] * (left.count("\n") - right.count("\n")))
    return plots.beside(left, f"{right}\n{blank}" if blank else right)


def readings(lines: Sequence[Curve], at: float) -> list[str]:
    """Return a line of text for each curve's value at `at`: what, how much, and of which step."""
    said = []
    for line in lines:
        several = line.label != line.metric
        name = f"{line.label} {line.metric}" if several else line.metric
        for one in read_at([line], at):
            smoothed = "" if one.smoothed is None else f" (smoothed {plots.figure(one.metric, one.smoothed)})"
            place = plots.place_text(line.axis, one.x)
            step = "" if line.axis == "step" else f", step {one.step}"
            said.append(safe_line(f"{name} {plots.figure(one.metric, one.value)}{smoothed} at {place}{step}"))
        if not read_at([line], at):
            said.append(safe_line(f"{name} -: begins at {plots.place_text(line.axis, float(line.x[0]))}"))
    return said
