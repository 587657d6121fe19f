"""The table of `arctl ls`: its usual columns, or those that were asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arctl.cli.context import narrate
from arctl.cli.tables import (
    NOTHING,
    Cell,
    Column,
    Row,
    age_text,
    epoch_text,
    fitted,
    screen,
    show_table,
    state_cell,
    terminal,
    value_text,
)
from arctl.rundir import run_name
from arctl.states import State

if TYPE_CHECKING:
    from arctl.arranging import HeadLine
    from arctl.filtering import Context, Field
    from arctl.forecast import Outlook
    from arctl.registry.rows import MetricSummary, RunRow

_USUAL = (
    Column("run"),
    Column("name", shrink=True),
    Column("model", drop=7, shrink=True),
    Column("state"),
    Column("epoch", right=True),
    Column("eta", right=True, drop=3),
    Column("best val/top1", right=True),
    Column("last", right=True, drop=2),
    Column("gap", right=True, drop=4),
    Column("age", right=True, drop=1),
    Column("job", right=True, drop=5),
    Column("tags", drop=6, shrink=True),
)
_ETA = 5
_AGES = frozenset({"age", "started", "ended"})


def outlooks_of(db: Path, rows: Sequence[RunRow]) -> Mapping[int, Outlook]:
    """Return when those of the rows that run will be done; what reads it is loaded only where one does."""
    if not any(row.state is State.RUNNING for row in rows):
        return {}
    from arctl.forecast import outlooks

    return outlooks(db, rows)


def show_runs(rows: Sequence[RunRow], outlooks: Mapping[int, Outlook], *, title: str | None = None) -> None:
    """Print runs with the usual columns; without `outlooks` there is no column for them."""
    cells: list[list[str | Cell]] = [_usual(row, outlooks.get(row.number)) for row in rows]
    columns = list(_USUAL)
    if not any(found.eta_s is not None for found in outlooks.values()):
        del columns[_ETA]
        for line in cells:
            del line[_ETA]
    show_table(columns, cells, title=title)


def show_columns(
    rows: Sequence[RunRow], fields: Sequence[Field], context: Context, *, title: str | None = None
) -> tuple[str, ...]:
    """Print runs with these fields as columns; returns the keys of those for which the terminal had no room."""
    readers = [field.bind(context) for field in fields]
    values = [[read(row) for read in readers] for row in rows]
    columns = [
        Column(field.key, right=_is_right(field, [line[place] for line in values]), drop=place, shrink=_is_text(field))
        for place, field in enumerate(fields)
    ]
    cells: list[Row] = [
        [_cell(field, row, value, context) for field, value in zip(fields, line, strict=True)]
        for row, line in zip(rows, values, strict=True)
    ]
    show_table(columns, cells, title=title)
    if not terminal():
        return ()
    whole = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in line] for line in cells]
    keep, _ = fitted(columns, whole, screen()[0])
    filled = (place for place in range(len(fields)) if any(line[place].text not in ("", NOTHING) for line in whole))
    return tuple(fields[place].key for place in filled if place not in keep)


def tell_of_missing(left_out: Sequence[str], rows: Sequence[RunRow], fields: Sequence[Field], context: Context) -> None:
    """Say which columns a terminal does not show: for want of room (`left_out`), or because no run has a value."""
    if left_out:
        narrate(f"no room for {', '.join(dict.fromkeys(left_out))}: widen the terminal, or pipe it into `less -S`")
    if terminal():
        readers = {field.key: field.bind(context) for field in fields}
        empty = [key for key, read in readers.items() if all(read(row) in (None, "", ()) for row in rows)]
        if empty:
            narrate(f"none of these runs has a value of {', '.join(empty)}")


def head_text(head: HeadLine) -> str:
    """Return what stands over the runs of a group: its name, its states, the best of them."""
    states = ", ".join(f"{count} {state.value.replace('_', ' ')}" for state, count in head.counts)
    best = "" if head.best is None or head.best_run is None else (
        f"; best {value_text('top1', head.best)} ({run_name(head.best_run)})"
    )  # fmt: skip
    return f"{head.title}: {states}{best}"


def values_of(rows: Sequence[RunRow], fields: Sequence[Field], context: Context) -> list[dict[str, object]]:
    """Return the fields of each row for a JSON document."""
    readers = [(field.key, field.bind(context)) for field in fields]
    return [{key: _plain(read(row)) for key, read in readers} for row in rows]


def _plain(value: Any) -> object:
    from arctl.filtering.fields import NULL
    from arctl.registry.rows import json_number

    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, tuple):
        return list(value)
    return None if value is NULL else value


def _usual(row: RunRow, outlook: Outlook | None) -> list[str | Cell]:
    top1, gap = row.metrics.get("val/top1"), row.metrics.get("gap/top1")
    return [
        Cell(run_name(row.number), "bold"),
        row.name,
        row.model or "",
        state_cell(row.state),
        _epoch(row),
        _eta(outlook),
        _best(top1),
        value_text("top1", top1.last if top1 else None),
        value_text("top1", gap.last if gap else None),
        Cell(age_text(row.created), "dim"),
        Cell(row.job_id or "", "dim"),
        " ".join(row.tags),
    ]


def _epoch(row: RunRow) -> str:
    return epoch_text(row.epoch, row.epochs) if row.evaluates is None else f"of {run_name(row.evaluates)}"


def _best(summary: MetricSummary | None) -> str:
    if summary is None or summary.best is None:
        return NOTHING
    at = "" if summary.best_epoch is None else f" @{summary.best_epoch:g}"
    return value_text("top1", summary.best) + at


def _eta(outlook: Outlook | None) -> str | Cell:
    """Return the time that is left: `3h05`; for a run that will be stopped before, at which epoch: `late @32`."""
    from arctl.forecast import span

    if outlook is None or outlook.eta_s is None:
        return NOTHING
    return Cell(f"late @{outlook.reached}", "yellow") if outlook.fits is False else span(outlook.eta_s)


def _is_text(field: Field) -> bool:
    return field.kind in ("text", "words")


def _is_right(field: Field, values: Sequence[object]) -> bool:
    if field.kind == "value":
        return any(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return field.kind in ("number", "span") or field.key == "job"


def _cell(field: Field, row: RunRow, value: Any, context: Context) -> str | Cell:
    match field.key:
        case "run":
            return Cell(run_name(row.number), "bold")
        case "epoch":
            return _epoch(row)
        case "best":
            return _best(row.metrics.get("val/top1"))
        case "eta":
            return _eta(context.outlooks.get(row.number))
    if value is None:
        return "" if _is_text(field) else NOTHING
    match field.kind:
        case "state":
            return state_cell(value)
        case "words":
            return " ".join(value)
        case "number":
            return _number(field, value)
        case "span":
            from arctl.forecast import span

            return Cell(age_text(context.now - value, now=context.now), "dim") if field.key in _AGES else span(value)
        case "run":
            return run_name(value)
        case "yes or no":
            return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _number(field: Field, value: float) -> str:
    if field.metric is not None:
        return value_text(field.metric, value)
    if field.key == "progress":
        return f"{value:.0%}"
    if field.key == "hours":
        return f"{value:.2f}"
    return f"{value:g}" if math.isfinite(value) else NOTHING
