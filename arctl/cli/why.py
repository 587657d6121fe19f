"""`arctl why`: one sentence on why a run waits, is slow or failed, what that rests on, and what to do."""

from __future__ import annotations

import click

from arctl.cli.context import Session, echo_json, references
from arctl.errors import UsageError


@click.command("why")
@click.argument("run", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.why/1).")
@click.pass_obj
def why_command(session: Session, run: str, as_json: bool) -> None:
    """Say why a run waits, is slow or failed, and what to do.

    A waiting one: its reason, its place, what would start it sooner. A running one: whether it will be done in time.
    One that failed: an autopsy of its log, its events and its job. Each remedy is a command, ready to paste.
    """
    from arctl.why import explain

    session.sync()
    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one")
    answer = explain(session.workspace, numbers[0])
    if as_json:
        echo_json("arctl.why/1", answer.payload())
        return
    from arctl.cli.tables import Cell, say, state_cell
    from arctl.text import safe_line

    say(Cell(f"{answer.run} ", "bold"), state_cell(answer.state), f": {safe_line(answer.sentence)}")
    for note in answer.notes:
        say(f"  {safe_line(note)}")
    for one in answer.evidence:
        say(Cell(f"  {safe_line(one.where)}: ", "dim"), safe_line(one.text, limit=300))
    for remedy in answer.remedies:  # the command on a line of its own: not every shell takes a comment behind it
        say(Cell(f"  {safe_line(remedy.why)}:", "dim"))
        say("    ", Cell(safe_line(remedy.command, limit=2000), "bold"))
