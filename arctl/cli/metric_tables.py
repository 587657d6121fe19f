"""The tables of `arctl metrics`: figures side by side, classes, use of time, speed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from arctl.cli.tables import NOTHING, Cell, Column, say, show_table
from arctl.rundir import run_name

if TYPE_CHECKING:
    from arctl.measuring import Measured
    from arctl.scores.epic import EpicLine
    from arctl.scores.metrics import Scores, Share

SPEEDS = {"batch1": "one clip at a time", "batched": "in batches"}
"""The name of a measured speed, and in words."""

PROBES = {None: "as they are", "shuffled": "shuffled", "reversed": "reversed", "still": "one repeated"}
"""What was done to the frames, in words."""

Line = tuple[str, list[str]]


def show(found: Sequence[Measured], *, per_class: bool) -> None:
    """Print everything: the protocols, then a table for each level and head, then what there is beside it."""
    for index in range(len(found[0].scores)):
        _figures(found, index)
    for index in range(len(found[0].epic)):
        _epic(found, index)
    for one in found:
        if per_class:
            for scores in one.scores:
                _classes(one, scores)
        _probes(one)
        _speed(one)


def share_text(share: Share) -> str:
    """Return a share with its interval: `71.4% [66.3, 76.0]`."""
    if math.isnan(share.value):
        return NOTHING
    return f"{100 * share.value:.1f}% [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _figures(found: Sequence[Measured], index: int) -> None:
    columns = [Column("metric"), *(Column(run_name(one.row.number), right=True) for one in found)]
    lines = _lines([one.scores[index] for one in found])
    if index:
        say("")
    _stamps(found, [one.scores[index].protocol.stamp() for one in found])
    _warned_table(columns, lines, found)


def _stamps(found: Sequence[Measured], stamps: Sequence[str]) -> None:
    """Print each run with its protocol; a warning stands on its line."""
    for one, stamp in zip(found, stamps, strict=True):
        name = f"{run_name(one.row.number)} {one.row.name}"
        say(Cell(name, "bold"), f" after epoch {one.picked.epoch} ({one.picked.chosen})")
        say(Cell(f"  {stamp}", "dim"), Cell(_warning(one), "yellow"))


def _warning(one: Measured) -> str:
    return f"  ! {'; '.join(one.warnings)}" if one.warnings else ""


def _warned_table(columns: Sequence[Column], lines: Sequence[Line], found: Sequence[Measured]) -> None:
    """Print figures, on every line the warning where there is one."""
    words = "; ".join(dict.fromkeys(text for one in found for text in one.warnings))
    extra = (Column("warning", shrink=True),) if words else ()
    tail = (Cell(f"! {words}", "yellow"),) if words else ()
    show_table([*columns, *extra], [(name, *values, *tail) for name, values in lines])


def _lines(scores: Sequence[Scores]) -> list[Line]:
    """Return the figures of several runs, metric by metric."""
    lines: list[Line] = [(f"top-{k}", [share_text(one.top[k]) for one in scores]) for k in scores[0].top]
    plain: tuple[tuple[str, Callable[[Scores], str]], ...] = (
        ("mean-class accuracy", lambda one: _percent(one.mean_class)),
        ("macro F1", lambda one: _percent(one.macro_f1)),
        ("weighted F1", lambda one: _percent(one.weighted_f1)),
        ("NLL, nats", lambda one: _number(one.nll)),
        ("Brier score", _brier),
        ("calibration error", lambda one: _percent(one.ece)),
        ("unreadable", lambda one: f"{one.unreadable} of {one.samples}"),
    )
    return lines + [(name, [text(one) for one in scores]) for name, text in plain]


def _brier(one: Scores) -> str:
    return _number(one.brier) + (f" (+{one.brier_slack:.1g} at most)" if one.brier_slack > 5e-5 else "")


def _percent(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{100 * value:.1f}%"


def _number(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.4f}"


def _epic(found: Sequence[Measured], index: int) -> None:
    columns = [Column("segments"), Column("task"), *(Column(run_name(one.row.number), right=True) for one in found)]
    tables = [one.epic[index] for one in found]
    rows = []
    for given in zip(*(one.lines for one in tables), strict=False):
        first: EpicLine = given[0]
        for place, (k, _) in enumerate(first.top):
            shares = [share_text(line.top[place][1]) for line in given]
            rows.append((first.part, f"{first.task} top-{k}", *shares))
    say("")
    _stamps(found, [one.protocol.stamp() for one in tables])
    show_table(columns, rows, title="EPIC-KITCHENS-100")
    for reason in dict.fromkeys(text for one in tables for text in one.missing):
        say(Cell(f"no {reason}", "yellow"))


def _classes(one: Measured, scores: Scores) -> None:
    """Print every class of a run, as the data set lists them."""
    columns = (
        Column("class", shrink=True),
        Column("n", right=True),
        Column("recall", right=True),
        Column("taken for it", right=True, drop=1),
        Column("precision", right=True, drop=2),
        Column("F1", right=True, drop=3),
    )
    of = scores.classes
    rows = [
        (
            of.names[k],
            str(of.support[k]),
            _ends(of.recall[k], of.recall_ends[0][k], of.recall_ends[1][k]),
            str(of.predicted[k]),
            _ends(of.precision[k], of.precision_ends[0][k], of.precision_ends[1][k]),
            _ends(of.f1[k], of.f1_ends[0][k], of.f1_ends[1][k]),
        )
        for k in of.listed
    ]
    say("")
    say(Cell(f"{run_name(one.row.number)} by class", "bold"), Cell(_warning(one), "yellow"))
    say(Cell(f"  {scores.protocol.stamp()}", "dim"))
    show_table(columns, rows)


def _ends(value: float, low: float, high: float) -> str:
    return NOTHING if math.isnan(value) else f"{100 * value:.1f}% [{100 * low:.0f}, {100 * high:.0f}]"


def _probes(one: Measured) -> None:
    if not one.probes:
        return
    columns = (
        Column("frames"),
        Column("views"),
        Column("top-1", right=True),
        Column("difference", right=True),
        Column("p", right=True),
        Column("test", drop=1),
    )
    rows = [
        (
            PROBES.get(line.probe, str(line.probe)),
            line.views,
            share_text(line.top1),
            f"{100 * line.difference:+.1f}" if line.probe else "",
            p_text(line.p) if line.probe else "",
            line.test,
        )
        for line in one.probes
    ]
    show_table(columns, rows, title=f"Does {run_name(one.row.number)} use time?{_warning(one)}")
    say(Cell(f"  {_verdict(one)}", "dim"))


def p_text(p: float) -> str:
    """Return a p-value: three digits, and `< 0.001` below."""
    return NOTHING if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _verdict(one: Measured) -> str:
    """Say what the probes mean, in one sentence."""
    lost = [line for line in one.probes if line.probe and line.difference < 0 and line.p < 0.05]
    if not lost:
        return "no probe costs it points that this test set can tell: single frames may be all it reads"
    most = min(lost, key=lambda line: line.difference)
    return f"it does: {-100 * most.difference:.1f} points are lost with the frames {PROBES.get(most.probe, '')}"


def _speed(one: Measured) -> None:
    if not one.speed:
        return
    on = ", ".join(filter(None, (one.speed.hardware, one.speed.precision)))
    columns = (
        Column("speed"),
        Column("batch", right=True),
        Column("ms per clip", right=True),
        Column("clips/s", right=True),
    )
    rows = [
        (
            SPEEDS[name],
            f"{part.get('batch', 1):.0f}",
            _number_of(part.get("ms_per_clip")),
            _number_of(part.get("clips_per_s")),
        )
        for name, part in one.speed.parts.items()
    ]
    show_table(columns, rows, title=f"Speed of {run_name(one.row.number)}{f' on {on}' if on else ''}")


def _number_of(value: float | None) -> str:
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.4g}"
