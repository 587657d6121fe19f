"""Which runs `arctl ls --where --sort --columns --group` shows: the registry is read once, for what was asked alone."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arctl.arranging import METRIC, HeadLine, fold, sorted_rows
from arctl.cli.context import narrate
from arctl.cli.runs import NEWEST, SHOWN
from arctl.errors import UsageError, nearest
from arctl.filtering import Context, Field, Filter, every, lookup, parse
from arctl.filtering.saved import saved
from arctl.registry import progress, read
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.cli.context import Session
    from arctl.forecast import Outlook
    from arctl.registry.rows import RunRow
    from arctl.settings import Workspace
    from arctl.states import State


@dataclass(frozen=True)
class Asked:
    """What was asked, as it was typed."""

    where: Sequence[str] = ()
    """Filters, all of which must hold."""
    sort: str | None = None
    """A field; with a minus before it the other way round."""
    columns: str | None = None
    """Fields with commas between them."""


@dataclass(frozen=True)
class Question:
    """The same, read and checked."""

    wanted: Filter
    """What runs must be."""
    sort: Field | None
    """By what they are ordered; None is newest first."""
    reverse: bool
    """Whether the largest comes first."""
    columns: tuple[Field, ...] | None
    """What is shown; None is the usual."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields that are read."""
        return (*self.wanted.fields, *((self.sort,) if self.sort is not None else ()), *(self.columns or ()))

    @property
    def evaluations(self) -> bool:
        """Whether evaluations are asked for by name."""
        return any(field.key == "of" for field in self.fields)


@dataclass(frozen=True)
class Found:
    """The runs that were asked for."""

    rows: list[RunRow]
    """In their order."""
    total: int
    """How many there are, those beyond the limit among them."""
    context: Context
    """What else was read of them."""


def list_found(
    session: Session,
    *,
    numbers: Sequence[int] | None,
    states: frozenset[State],
    as_json: bool,
    every: bool,
    most: int | None,
    tags: Sequence[str],
    where: Sequence[str],
    sort: str | None,
    columns: str | None,
    by: str | None,
    **_: Any,
) -> None:
    """Print the runs that were asked for, and say what is beyond the limit."""
    db = session.workspace.db
    asked = question(session.workspace, Asked(where, sort, columns))
    limit = None if every or (numbers is not None and most is None) else most or NEWEST
    done = bool(every or numbers is not None or states or tags or as_json or asked.evaluations)
    shown = SHOWN if asked.columns is None else (METRIC,) if by is not None else ()
    found = find(db, asked, numbers=numbers, states=states, tags=tags, most=limit, metrics=shown, evaluated=done)
    if as_json:
        _print_json(db, asked, found)
    elif not found.rows:
        narrate("no run is like that")
    else:
        _print_tables(db, asked, found, by)
    if found.total > len(found.rows):
        count = len(found.rows)
        which = f"{count} newest" if asked.sort is None else f"the first {count}"
        narrate(f"{which} of {found.total} runs: --all shows them all")


def _print_json(db: Path, asked: Question, found: Found) -> None:
    """Print the document: all summaries of the runs, and under `values` the columns that were asked for."""
    from arctl.cli.listing import runs_json
    from arctl.cli.run_columns import values_of

    numbers = [row.number for row in found.rows]
    whole = {row.number: row for row in read.runs(db, numbers=numbers)} if numbers else {}
    rows = [whole[number] for number in numbers if number in whole]
    values = None if asked.columns is None else values_of(rows, asked.columns, found.context)
    click.echo(runs_json(rows, values))


def _print_tables(db: Path, asked: Question, found: Found, by: str | None) -> None:
    from arctl.cli import run_columns

    left_out: list[str] = []

    def show(rows: Sequence[RunRow], title: str | None) -> None:
        if asked.columns is not None:
            left_out.extend(run_columns.show_columns(rows, asked.columns, found.context, title=title))
        else:
            run_columns.show_runs(rows, run_columns.outlooks_of(db, rows), title=title)

    if by is None:
        show(found.rows, None)
    else:
        for line in fold(found.rows, by):
            if isinstance(line, HeadLine):
                show(line.rows, run_columns.head_text(line))
    run_columns.tell_of_missing(left_out, found.rows, asked.columns or (), found.context)


def question(workspace: Workspace, asked: Asked) -> Question:
    """Check what was asked. Raises UsageError with the option and the column of what is wrong."""
    names = progress.all_metric_names(workspace.db) or None
    texts = saved(workspace) if any("@" in text for text in asked.where) else {}
    filters = [parse(text, saved=texts, metrics=names, where="--where") for text in asked.where]
    sort, reverse = asked.sort, False
    if sort is not None and sort.startswith("-"):
        sort, reverse = sort[1:], True
    columns = None
    if asked.columns is not None:
        keys = [key.strip() for key in asked.columns.split(",") if key.strip()]
        if not keys:
            raise UsageError("no column is named", where="--columns", cure="as in --columns run,name,state,val/top1")
        columns = tuple(lookup(key, metrics=names, where="--columns") for key in dict.fromkeys(keys))
    by = lookup(sort, metrics=names, where="--sort") if sort is not None else None
    return Question(every(filters), by, reverse, columns)


def find(
    db: Path,
    asked: Question,
    *,
    numbers: Sequence[int] | None,
    states: Collection[State],
    tags: Collection[str],
    most: int | None,
    metrics: Collection[str],
    evaluated: bool,
) -> Found:
    """Return the runs that were asked for, with the summaries of `metrics` and of what was asked."""
    wanted = sorted({field.metric for field in asked.fields if field.metric is not None} | set(metrics))
    rows = read.runs(db, numbers=numbers, metrics=wanted, evaluated=evaluated)
    if states or tags:
        rows = [row for row in rows if (not states or row.state in states) and set(tags) <= set(row.tags)]
    context = known(db, asked.fields, rows)
    rows = asked.wanted.chosen(rows, context)
    if asked.sort is not None:
        rows = sorted_rows(rows, asked.sort, reverse=asked.reverse, context=context)
    return Found(rows[:most], len(rows), context)


def known(db: Path, fields: Iterable[Field], rows: Sequence[RunRow]) -> Context:
    """Read what fields need beside the rows."""
    asked = list(fields)
    needs = {field.needs for field in asked}
    now = time.time()
    numbers = [row.number for row in rows] if len(rows) < 1000 else None
    configs: Mapping[int, Mapping[str, object]] = {}
    hours: Mapping[int, float] = {}
    outlooks: Mapping[int, Outlook] = {}
    if "configs" in needs:
        keys = sorted({field.config for field in asked if field.config is not None})
        configs = read.configs(db, numbers, keys)
        _see_that_keys_exist(db, keys, configs, rows)
    if "hours" in needs:
        from arctl import forecast

        hours = forecast.gpu_hours(rows, forecast.held_hours(db, now, numbers=numbers))
    if "outlooks" in needs:
        from arctl import forecast

        outlooks = forecast.outlooks(db, rows, now)
    return Context(now, configs, hours, outlooks)


def _see_that_keys_exist(
    db: Path, keys: Sequence[str], configs: Mapping[int, Mapping[str, object]], rows: Sequence[RunRow]
) -> None:
    """Refuse a key that no run has, where it is known what keys runs have."""
    for key in keys:
        if any(key in config for config in configs.values()) or any(key in (row.params or ()) for row in rows):
            continue
        others = {name for config in read.configs(db).values() for name in config}
        if others and key not in others:
            shown = safe_line(key, limit=80)
            raise UsageError(f"no run has the key {shown!r} in its configuration", cure=nearest(shown, others))
