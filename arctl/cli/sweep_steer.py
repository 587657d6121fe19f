"""What is done with a sweep once it is submitted: send some of its elements again, throttle it, cancel the worst."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from arctl.cli.context import Session, echo_json, narrate
from arctl.cli.job_options import resource_options, resources_of, sending_options, when_of, when_options
from arctl.errors import UsageError, nearest

if TYPE_CHECKING:
    from arctl.plan import Plan
    from arctl.states import State
    from arctl.sweeps.board import Board, Entry
    from arctl.sweeps.send import Chosen
    from arctl.sweeps.steer import Limit

_STATES = {"oom": "out_of_memory"}


@click.command("resubmit")
@click.argument("name", metavar="NAME")
@click.option("--failed", is_flag=True, help="Those that failed, for whatever reason but a cancellation.")
@click.option("--missing", is_flag=True, help="Those of which no job was ever queued.")
@click.option("--state", "-s", "states", multiple=True, metavar="S", help="Those in this state, as OOM; repeatable.")
@resource_options
@when_options
@sending_options
@click.option("--dry-run", is_flag=True, help="Name the elements; queue nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def sweep_resubmit(
    session: Session, /, name: str, failed: bool, missing: bool, states: tuple[str, ...], **given: Any
) -> None:
    """Send some elements again, each as a new run; those that are under way are left alone.

    Options change what the jobs ask for: `arctl sweep resubmit lr --state OOM --mem 64G`.
    """
    from arctl.cli.preflight import check_first
    from arctl.cli.sweep_board import told
    from arctl.sweeps.send import FAILED, choose, resend

    wanted = {*(FAILED if failed else ()), *_states(states)}
    if not wanted and not missing:
        raise UsageError("which elements?", cure="say --failed, --missing or --state STATE")
    workspace, resources = session.workspace, resources_of(given)

    def chosen() -> Chosen:
        return choose(workspace, name, states=wanted, missing=missing, resources=resources)

    def check(plans: Sequence[Plan]) -> None:
        check_first(workspace, plans, force=given["force"])

    session.sync(force=True)
    found = chosen()
    if found.alive:
        narrate(f"{found.alive} of them are under way and left alone")
    if not found.entries:
        narrate("nothing to send again")
        if given["as_json"]:
            echo_json("arctl.submitted/1", {"sweep": name, "runs": []})
        return
    if given["dry_run"]:
        _name_them(found.entries, as_json=given["as_json"])
        return
    changes = {"when": when_of(session, given), "snapshot": False if given["no_snapshot"] else None}
    with told(name, as_json=given["as_json"]) as tell:
        resend(workspace, name, chosen, check=check, tell=tell, **changes)


@click.command("throttle")
@click.argument("name", metavar="NAME")
@click.argument("count", metavar="N", type=click.IntRange(min=0))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def sweep_throttle(session: Session, name: str, count: int, as_json: bool) -> None:
    """Let at most N elements run at a time from now on; 0 lets all of them."""
    from arctl.sweeps.board import board
    from arctl.sweeps.steer import throttle

    session.sync(force=True)
    done = throttle(session.workspace, board(session.workspace, name), count)
    if as_json:
        facts = {"sweep": name, "arrays": done.arrays, "waiting": done.waiting, "running": done.running}
        echo_json("arctl.throttled/1", facts)
        return
    for job, most in done.arrays.items():
        click.echo(f"job {job}  {f'at most {most} at a time' if most else 'no limit'}")
    if count and sum(done.arrays.values()) > count:
        narrate(f"{len(done.arrays)} arrays run at least one element each, so more than {count} can run at a time")
    if count and done.running > count:
        narrate(f"{done.running} run already, and run on")


@click.command("cancel")
@click.argument("name", metavar="NAME")
@click.option("--worst", type=click.IntRange(min=1), metavar="K", help="The K worst of those under way.")
@click.option("--below", metavar="LIMIT", help="Those with a result beyond it: 'val/top1<0.3', 'val/loss>4'.")
@click.option("--all", "every", is_flag=True, help="All that have not ended.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def sweep_cancel(
    session: Session, name: str, worst: int | None, below: str | None, every: bool, yes: bool, as_json: bool
) -> None:
    """Cancel elements that are not worth going on with; asks first, and names them."""
    from arctl.control import cancel
    from arctl.sweeps import steer
    from arctl.sweeps.board import board

    if [worst is not None, below is not None, every].count(True) != 1:
        raise UsageError("which elements?", cure="say one of --worst K, --below 'METRIC<NUMBER' and --all")
    session.sync(force=True)
    limit = None if below is None else steer.read_limit(below)
    found = board(session.workspace, name, metric=None if limit is None else limit.metric)
    chosen = _chosen(found, worst, limit)
    if not chosen:
        narrate(
            "none of its elements is under way with such a result" if not every else "all of its elements have ended"
        )
    if chosen and not yes:
        _ask(found, chosen)
    done = cancel(session.workspace, steer.numbers(chosen)) if chosen else []
    session.sync()
    if as_json:
        echo_json("arctl.cancelled/1", {"sweep": name, "runs": [outcome.facts() for outcome in done]})
        return
    for outcome in done:
        click.echo(f"{outcome.run}  {outcome.said}")


def _chosen(found: Board, worst: int | None, limit: Limit | None) -> list[Entry]:
    from arctl.sweeps import steer

    if worst is not None:
        return steer.worst(found, worst)
    return steer.under_way(found) if limit is None else steer.beyond(found, limit)


def _ask(found: Board, chosen: Sequence[Entry]) -> None:
    """Name the runs and ask on the terminal; anything but a yes ends the command."""
    from arctl.cli.tables import epoch_text, value_text
    from arctl.rundir import run_name
    from arctl.sweeps.values import label

    for entry in chosen:
        if entry.run is not None:
            result = f"{found.metric} {value_text(found.metric, entry.shown)}"
            at = f"{result}, epoch {epoch_text(entry.run.epoch, entry.run.epochs)}"
            narrate(f"{run_name(entry.run.number)}  {entry.run.state}  {at}  {label(entry.element.params)}")
    if not sys.stdin.isatty():
        raise UsageError(f"{len(chosen)} runs would be cancelled", cure="look at them, then say --yes")
    if not click.confirm(f"cancel {'this run' if len(chosen) == 1 else f'these {len(chosen)} runs'}?", err=True):
        raise click.exceptions.Exit(0)


def _states(words: Sequence[str]) -> set[State]:
    from arctl.states import ENDED, State

    known = {str(state): state for state in State}
    found = set()
    for word in words:
        plain = word.lower().replace(" ", "_").replace("-", "_")
        state = known.get(_STATES.get(plain, plain))
        if state is None:
            raise UsageError(f"no state {word!r}", where="--state", cure=nearest(plain, [*known, *_STATES]))
        if state not in ENDED:
            raise UsageError(f"{state} runs are under way", where="--state", cure="cancel them first")
        found.add(state)
    return found


def _name_them(entries: Sequence[Entry], *, as_json: bool) -> None:
    from arctl.rundir import run_name
    from arctl.sweeps.values import label

    runs = [run_name(entry.run.number) if entry.run else None for entry in entries]
    if as_json:
        facts = [{"name": entry.element.name, "run": run} for entry, run in zip(entries, runs, strict=True)]
        echo_json("arctl.sweep-resubmission/1", {"elements": facts})
        return
    for entry, run in zip(entries, runs, strict=True):
        state = "no run" if entry.run is None else f"{run}, {entry.run.state}"
        click.echo(f"{entry.element.name}  {label(entry.element.params)}  ({state})")
    narrate("a dry run: nothing was queued")
