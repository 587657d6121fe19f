"""`arctl ls` and `arctl show`: which runs there are, and all that is known of one."""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.states import State

if TYPE_CHECKING:
    from arctl.registry.rows import RunRow

NEWEST = 30
"""How many runs `arctl ls` shows unless it is asked for more."""

SHOWN = ("val/top1", "val/loss", "gap/top1")
"""The metrics of its usual columns."""

_TERM = re.compile(r"-?[^:]*[=<>~].*|-?(?!run\d|\d)[^:]+:(?!run\d|\d+$).*|-.*")

GROUPS = ("sweep", "model", "data", "tag", "group", "state")
"""By what runs can be grouped; `arranging.GROUPS`, which --help need not load."""


@click.command("ls")
@click.argument("runs", metavar="[RUN...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All runs, not the 30 newest.")
@click.option("--limit", "-n", "most", type=click.IntRange(min=1), metavar="N", help="At most N runs.")
@click.option("--state", "-s", "states", multiple=True, metavar="S", help="Only runs in this state; repeatable.")
@click.option(
    "--tag", "-t", "tags", multiple=True, metavar="T", help="Only runs with this tag; repeatable: all of them."
)
@click.option(
    "--where", "where", multiple=True, metavar="EXPR", help="Only runs that match a filter; repeatable: all of them."
)
@click.option("--sort", metavar="KEY", help="Order by a field, smallest first; -KEY: largest first.")
@click.option("--columns", metavar="KEYS", help="Show these fields, with commas between them.")
@click.option("--group", "by", type=click.Choice(GROUPS), help="A table for each of them.")
@click.option("--save-filter", "save_as", metavar="NAME", help="Keep the filter of --where, to be used as @NAME.")
@click.option("--forget-filter", "forget", metavar="NAME", help="Drop a filter that was kept, and list no runs.")
@click.option("--filters", is_flag=True, help="List the filters that were kept, and no runs.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.runs/1).")
@click.pass_obj
def ls_command(session: Session, /, runs: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """List runs, newest first.

    RUN is run12, 12, a name or a prefix of one, @latest, or a range such as run3:run7. Evaluations that are complete
    are left out unless they are asked for: `arctl show` lists them with the run that they score.

    A filter is made of words and of terms, all of which must hold: `r3d18 state:running tag:base val/top1>0.8
    cfg.optim.lr<=1e-4 age<2d -note:debug`. See docs/filtering.md.
    """
    if given["filters"] or given["forget"] is not None:
        from arctl.cli.filters import filters_verb

        filters_verb(session, given["forget"], as_json=as_json)
        return
    _refuse(runs, as_json=as_json, **given)
    wanted = _states(given["states"])
    session.sync()
    if given["save_as"] is not None:
        from arctl.cli.filters import keep

        keep(session, given["save_as"], given["where"])
    numbers = references(session, runs) if runs else None
    gc.disable()  # all rows live until they are printed: looking for garbage among 10,000 costs a third of the time
    try:
        if given["where"] or any(given[name] is not None for name in ("sort", "columns", "by")):
            from arctl.cli.finding import list_found

            list_found(session, numbers=numbers, as_json=as_json, **{**given, "states": wanted})
        else:
            _list(session, numbers, wanted, given, as_json=as_json)
    finally:
        gc.enable()


def _refuse(
    runs: Sequence[str], *, as_json: bool, where: Sequence[str], by: str | None, save_as: str | None, **_: Any
) -> None:
    """Refuse what does not go together, and a filter of which the shell made several words."""
    from arctl.errors import UsageError

    split = next((word for word in runs if where and _TERM.fullmatch(word)), None)
    if split is not None:
        raise UsageError(f"{split!r} is no run", cure="quote the whole filter: --where 'state:running model:r3d18'")
    if as_json and by:
        raise UsageError("--json and --group do not go together", cure="the document holds what runs are grouped by")
    if save_as is not None and not where:
        raise UsageError("--save-filter needs --where", cure="arctl ls --save-filter good --where 'val/top1>0.8'")


def _list(
    session: Session, numbers: Sequence[int] | None, states: frozenset[State], given: dict[str, Any], *, as_json: bool
) -> None:
    """List runs as they are asked for most often."""
    every, most, tags = given["every"], given["most"], given["tags"]
    limit = None if every or (numbers is not None and most is None) else most or NEWEST
    plain = not (every or numbers is not None or states or tags or as_json)
    rows, total = _found(session, numbers, states, tags, limit, None if as_json else SHOWN, done=not plain)
    if as_json:
        from arctl.cli.listing import runs_json

        click.echo(runs_json(rows))
    else:
        _table(session, rows, asked=not plain)
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


def _table(session: Session, rows: Sequence[RunRow], *, asked: bool) -> None:
    from arctl.cli.run_columns import outlooks_of, show_runs

    if rows:
        show_runs(rows, outlooks_of(session.workspace.db, rows))
    else:
        narrate("no run is like that" if asked else "no runs (submit one: `arctl submit --model M --data D`)")


@click.command("show")
@click.argument("run", metavar="RUN")
@click.option("--config", is_flag=True, help="Only how it is configured, and in what that differs from its preset.")
@click.option("--against", metavar="preset|nothing|RUN", help="With --config: from what.  [default: preset]")
@click.option("--diff", "differing", is_flag=True, help="With --config: only what differs.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.run/1; --config: arctl.config/1).")
@click.pass_obj
def show_command(session: Session, run: str, config: bool, against: str | None, differing: bool, as_json: bool) -> None:
    """Show all that is known of a run: state, job, set-up, metrics, files."""
    from arctl.cli import showing
    from arctl.errors import UsageError

    session.sync()
    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one")
    if config or against is not None or differing:
        from arctl.cli.show_config import show_config

        show_config(session, numbers[0], against=against or "preset", differing=differing, as_json=as_json)
        return
    known = showing.gather(session.workspace, numbers[0])
    if as_json:
        from arctl.cli.showing_json import payload

        echo_json("arctl.run/1", payload(known))
    else:
        showing.show(known)
