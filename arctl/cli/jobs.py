"""`arctl cancel` and `arctl wait`: what can be done with runs that have not ended."""

from __future__ import annotations

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.errors import UsageError


@click.command("cancel")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def cancel_command(session: Session, runs: tuple[str, ...], as_json: bool) -> None:
    """Cancel runs that wait or run.

    A run that has ended already is named, and is no error.
    """
    from arctl.control import cancel

    session.sync()
    done = cancel(session.workspace, references(session, runs))
    session.sync()
    if as_json:
        echo_json("arctl.cancelled/1", {"runs": [outcome.facts() for outcome in done]})
        return
    for outcome in done:
        click.echo(f"{outcome.run}  {outcome.said}")


@click.command("wait")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--timeout", metavar="SECONDS", type=float, help="Give up after this long, with exit status 124.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_context
def wait_command(ctx: click.Context, runs: tuple[str, ...], timeout: float | None, as_json: bool) -> None:
    """Wait until runs have ended; the exit status tells how.

    0: all completed; 10: one failed; 11: one was cancelled; 12: one hit its time limit; 124: --timeout passed.
    """
    from arctl.control import exit_status, wait
    from arctl.rundir import run_name

    session: Session = ctx.obj
    if timeout is not None and not timeout >= 0:
        raise UsageError(f"{timeout} is no time", where="--timeout", cure="give seconds, 0 or more")
    session.sync()
    numbers = references(session, runs)
    states = wait(session.workspace, numbers, timeout=timeout, tell=narrate)
    status = exit_status(states.values())
    if as_json:
        found = [{"run": run_name(number), "state": str(state)} for number, state in states.items()]
        echo_json("arctl.waited/1", {"runs": found, "exit_status": status})
    else:
        for number, state in states.items():
            click.echo(f"{run_name(number)}  {state}")
    ctx.exit(status)
