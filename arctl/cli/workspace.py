"""`arctl init`, `sync` and `rebuild`: the workspace and its registry."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from arctl.cli.context import Session, echo_json, narrate


@click.command("init")
@click.argument("directory", metavar="[DIR]", default=".")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def init_command(directory: str, as_json: bool) -> None:
    """Make a workspace.

    Writes a commented arctl.yaml, templates/ for job templates of your own, and runs/. What exists stays as it is.
    """
    from arctl.settings import FILE, init_workspace

    existed = (Path(directory) / FILE).is_file()
    workspace = init_workspace(Path(directory))
    if as_json:
        echo_json("arctl.workspace/1", {"root": str(workspace.root), "made": not existed})
        return
    click.echo(f"{workspace.root}")
    narrate("this is a workspace already" if existed else "a workspace: its settings are in arctl.yaml")


@click.command("sync")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def sync_command(session: Session, as_json: bool) -> None:
    """Read what runs and scheduler have to say.

    Every command that shows something does this first; here the scheduler is asked whatever the poll interval says.
    """
    from arctl.sync import sync

    report = sync(session.workspace, force=True)
    for trouble in (*report.scheduler_errors, *report.troubles):
        narrate(f"warning: {trouble}")
    if as_json:
        echo_json("arctl.sync/1", asdict(report))
        return
    damaged = f", {report.damaged} damaged lines" if report.damaged else ""
    click.echo(f"{report.runs} runs, {report.events} new events{damaged}")


@click.command("rebuild")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def rebuild_command(session: Session, as_json: bool) -> None:
    """Make runs.db anew from the run directories.

    The old runs.db is kept beside it.
    """
    from arctl.sync import rebuild

    report = rebuild(session.workspace)
    for trouble in report.troubles:
        narrate(f"warning: {trouble}")
    if as_json:
        found = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(report).items()}
        echo_json("arctl.rebuilt/1", found)
        return
    click.echo(f"{report.runs} runs")


@click.command("clean")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def clean_command(session: Session, as_json: bool) -> None:
    """Remove copies of code that no run names, and links to runs that are gone.

    Runs and their directories are never touched; a copy that a job wrote files into stays and is named.
    """
    from arctl.cleaning import clean

    session.sync()
    done = clean(session.workspace)
    if as_json:
        echo_json("arctl.cleaned/1", asdict(done))
        return
    for name in done.spared:
        narrate(f"warning: .arctl/code/{name} holds files that a job wrote: left alone")
    click.echo(f"{len(done.snapshots)} copies of code, {len(done.arrays)} arrays' links")
