"""`arctl note` and `arctl tag`: what people say about runs after they were submitted."""

from __future__ import annotations

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.errors import UsageError
from arctl.rundir import run_name


@click.command("note")
@click.argument("run", metavar="RUN")
@click.argument("text", metavar="[TEXT]", nargs=-1)
@click.option("--clear", is_flag=True, help="Take the note away.")
@click.option("--append", is_flag=True, help="Add TEXT as a line behind the note that there is.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.note/1).")
@click.pass_obj
def note_command(session: Session, run: str, text: tuple[str, ...], clear: bool, append: bool, as_json: bool) -> None:
    """Show the note of a run, or replace it by TEXT.

    The note is kept in the run's run.yaml, and found by `arctl ls --where note:WORD`.
    """
    from arctl.labels import set_note
    from arctl.registry import read

    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one: a note is one run's")
    if (clear and (text or append)) or (append and not text):
        raise UsageError("--clear goes without TEXT, --append with it", cure="see `arctl note --help`")
    row = read.run(session.workspace.db, numbers[0])
    said = row.note if row is not None else ""
    if text or clear:
        new = " ".join(text)
        new = f"{said}\n{new}" if append and said else new
        said = set_note(session.workspace, numbers[0], new, was=said if append else None)
    if as_json:
        echo_json("arctl.note/1", {"run": run_name(numbers[0]), "note": said})
    elif text or clear:
        click.echo(f"{run_name(numbers[0])}  {'its note is written' if said else 'its note is gone'}")
    elif said:
        from arctl.text import safe

        click.echo(safe(said))
    else:
        narrate(f"{run_name(numbers[0])} has no note")


@click.command("tag", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("words", metavar="RUN... [+TAG | -TAG]...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.tags/1).")
@click.pass_obj
def tag_command(session: Session, words: tuple[str, ...], as_json: bool) -> None:
    """Show the tags of runs, or change them: +TAG adds one, -TAG takes one away.

    arctl tag run12 run14 +base -debug
    """
    from arctl.labels import change_tags
    from arctl.registry import read

    runs = [word for word in words if word[:1] not in ("+", "-")]
    changes = [word for word in words if word[:1] in ("+", "-")]
    if not runs:
        raise UsageError("no run is named", cure="as in `arctl tag run12 +base`")
    numbers = references(session, runs)
    add = [word[1:] for word in changes if word[0] == "+"]
    remove = [word[1:] for word in changes if word[0] == "-"]
    if changes:
        found = {number: change_tags(session.workspace, number, add=add, remove=remove) for number in numbers}
    else:
        rows = read.runs(session.workspace.db, numbers=numbers, metrics=())
        found = {row.number: row.tags for row in rows}
    if as_json:
        listed = [{"run": run_name(number), "tags": list(found[number])} for number in numbers]
        echo_json("arctl.tags/1", {"runs": listed})
        return
    for number in numbers:
        click.echo(f"{run_name(number)}  {' '.join(found[number]) or '-'}")
