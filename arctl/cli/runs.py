"""`arctl ls` and `arctl show`: which runs there are, and all that is known of one."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.rundir import run_name
from arctl.states import State

if TYPE_CHECKING:
    from arctl.registry.rows import MetricSummary, RunRow

NEWEST = 30
"""How many runs `arctl ls` shows unless it is asked for more."""

_SHOWN = ("val/top1", "val/loss", "gap/top1")


@click.command("ls")
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All runs, not the 30 newest.")
@click.option("--limit", "-n", type=click.IntRange(min=1), metavar="N", help="At most N runs.")
@click.option("--state", "-s", "states", multiple=True, metavar="S", help="Only runs in this state; repeatable.")
@click.option(
    "--tag", "-t", "tags", multiple=True, metavar="T", help="Only runs with this tag; repeatable: all of them."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.runs/1).")
@click.pass_obj
def ls_command(
    session: Session,
    runs: tuple[str, ...],
    every: bool,
    limit: int | None,
    states: tuple[str, ...],
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """List runs, newest first.

    RUN is run12, 12, a name or a prefix of one, @latest, or a range such as run3:run7. Evaluations that are complete
    are left out unless they are asked for: `arctl show` lists them with the run that they score.
    """
    wanted = _states(states)
    session.sync()
    numbers = references(session, runs) if runs else None
    most = None if every or (numbers is not None and limit is None) else limit or NEWEST
    plain = not (every or runs or states or tags or as_json)
    gc.disable()  # all rows live until they are printed: looking for garbage among 10,000 costs a third of the time
    try:
        rows, total = _found(session, numbers, wanted, tags, most, None if as_json else _SHOWN, done=not plain)
        if as_json:
            from arctl.cli.listing import runs_json

            click.echo(runs_json(rows))
        else:
            _table(rows)
    finally:
        gc.enable()
    hidden = _evaluated(session) if plain else 0
    more = f"; evaluations that are complete are left out ({hidden})" if hidden else ""
    if total > len(rows):
        narrate(f"{len(rows)} newest of {total} runs: --all shows them all{more}")
    elif hidden:
        narrate(f"{hidden} evaluation{'s are' if hidden > 1 else ' is'} complete and left out: --all shows all runs")


def _found(
    session: Session,
    numbers: Sequence[int] | None,
    states: frozenset[State],
    tags: Sequence[str],
    most: int | None,
    metrics: Sequence[str] | None,
    *,
    done: bool,
) -> tuple[list[RunRow], int]:
    """Return the newest `most` runs that were asked for, and how many there are; complete evaluations if `done`."""
    from arctl.registry import read

    db = session.workspace.db
    if states or tags:
        chosen = [
            row.number
            for row in read.runs(db, numbers=numbers, metrics=())
            if (not states or row.state in states) and set(tags) <= set(row.tags)
        ]
        total, numbers = len(chosen), chosen[:most]
        return (read.runs(db, numbers=numbers, metrics=metrics) if numbers else []), total
    rows = read.runs(db, numbers=numbers, limit=most, metrics=metrics, evaluated=done)
    if most is None or len(rows) < most:
        return rows, len(rows)
    if numbers is not None:
        return rows, len(numbers)
    return rows, len(read.numbers(db)) - (0 if done else read.evaluated(db))


def _evaluated(session: Session) -> int:
    from arctl.registry import read

    return read.evaluated(session.workspace.db)


def _states(words: Sequence[str]) -> frozenset[State]:
    from arctl.errors import UsageError, nearest

    known = {str(state): state for state in State} | {str(state).replace("_", " "): state for state in State}
    for word in words:
        if word not in known:
            raise UsageError(f"no state {word!r}", where="--state", cure=nearest(word, (str(state) for state in State)))
    return frozenset(known[word] for word in words)


def _table(rows: Sequence[RunRow]) -> None:
    from arctl.cli.tables import Cell, Column, age_text, epoch_text, show_table, state_cell, value_text

    if not rows:
        narrate("no runs (submit one: `arctl submit --model M --data D`)")
        return
    columns = (
        Column("run"),
        Column("name", shrink=True),
        Column("model", drop=6, shrink=True),
        Column("state"),
        Column("epoch", right=True),
        Column("best val/top1", right=True),
        Column("last", right=True, drop=2),
        Column("gap", right=True, drop=3),
        Column("age", right=True, drop=1),
        Column("job", right=True, drop=4),
        Column("tags", drop=5, shrink=True),
    )
    cells = []
    for row in rows:
        top1, gap = row.metrics.get("val/top1"), row.metrics.get("gap/top1")
        cells.append(
            (
                Cell(run_name(row.number), "bold"),
                row.name,
                row.model or "",
                state_cell(row.state),
                epoch_text(row.epoch, row.epochs) if row.evaluates is None else f"of {run_name(row.evaluates)}",
                _best(top1),
                value_text("top1", top1.last if top1 else None),
                value_text("top1", gap.last if gap else None),
                Cell(age_text(row.created), "dim"),
                Cell(row.job_id or "", "dim"),
                " ".join(row.tags),
            )
        )
    show_table(columns, cells)


def _best(summary: MetricSummary | None) -> str:
    from arctl.cli.tables import NOTHING, value_text

    if summary is None or summary.best is None:
        return NOTHING
    at = "" if summary.best_epoch is None else f" @{summary.best_epoch:g}"
    return value_text("top1", summary.best) + at


@click.command("show")
@click.argument("run", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.run/1).")
@click.pass_obj
def show_command(session: Session, run: str, as_json: bool) -> None:
    """Show all that is known of a run: state, job, set-up, metrics, files."""
    from arctl.cli import showing
    from arctl.errors import UsageError

    session.sync()
    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one")
    known = showing.gather(session.workspace, numbers[0])
    if as_json:
        echo_json("arctl.run/1", showing.payload(known))
    else:
        showing.show(known)
