"""`arctl sweep`: submits the runs of a sweep file, shows them as one table, sends some again, throttles, cancels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from arctl.cli import Family
from arctl.cli.context import Session, echo_json, narrate
from arctl.cli.job_options import resource_options, resources_of, sending_options, when_of, when_options
from arctl.cli.sweep_steer import sweep_cancel, sweep_resubmit, sweep_throttle


class _SweepFamily(Family):
    """Takes `arctl sweep FILE` for `arctl sweep submit FILE`."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand; a file stands for `submit`."""
        return super().get_command(ctx, "submit" if _is_file(cmd_name) else cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `submit` in front of a file, or of the options before it."""
        args = args or ["--help"]
        first = args[0]
        known = first in self.commands or first in ("-h", "--help")
        if not known and (first.startswith("-") or _is_file(first)):
            args = ["submit", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show both forms."""
        formatter.write_usage(ctx.command_path, "FILE [OPTIONS]  |  COMMAND ...")


def _is_file(word: str) -> bool:
    return word.endswith((".yaml", ".yml")) or "/" in word


@click.group("sweep", cls=_SweepFamily)
def sweep_command() -> None:
    """Submit and steer many runs from one sweep file.

    `arctl sweep FILE` submits it: each of its elements becomes a run, all of them as few job arrays.
    """


@sweep_command.command("submit")
@click.argument("file", metavar="FILE")
@click.option("--name", metavar="N", help="Name of the sweep; by default the file's.")
@click.option("--max-parallel", type=click.IntRange(min=1), metavar="N", help="At most N elements run at a time.")
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="Set a key in all elements; repeatable.")
@click.option("--tag", "tags", multiple=True, metavar="T", help="A word on each run; repeatable.")
@click.option("--note", metavar="TEXT", help="What the sweep is for.")
@click.option("--cluster", metavar="C", help="slurm, or local: this machine.")
@click.option("--template", metavar="T", help="Job template; `arctl template ls` lists them.")
@resource_options
@when_options
@sending_options
@click.option("--dry-run", is_flag=True, help="Print the elements and the script; queue nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def sweep_submit(
    session: Session, /, file: str, overrides: tuple[str, ...], tags: tuple[str, ...], **given: Any
) -> None:
    """Submit the elements of a sweep file, each as a run.

    Everything is checked here, before anything queues; `--dry-run` shows what there would be.
    """
    from arctl.cli.preflight import check_first
    from arctl.cli.sweep_board import show_plan, told
    from arctl.sweeps.reader import overlaid, read_sweep
    from arctl.sweeps.send import rehearse_sweep, send_sweep
    from arctl.sweeps.study import placed, settle

    workspace, path = session.workspace, Path(file)
    words = {key: given[key] for key in ("name", "max_parallel", "note", "cluster", "template")}
    said = overlaid(read_sweep(path), overrides=overrides, tags=tags, resources=resources_of(given), **words)
    sweep, notes = settle(workspace, said)
    for note in notes:
        narrate(note)
    changes = {"when": when_of(session, given), "snapshot": False if given["no_snapshot"] else None}
    requests = [sweep.request(element, **changes) for element in sweep.elements]
    with placed(said):
        plans = rehearse_sweep(workspace, requests, max_parallel=sweep.max_parallel)
    check_first(workspace, plans, force=given["force"] or given["dry_run"])
    if given["dry_run"]:
        show_plan(sweep, plans, notes, as_json=given["as_json"])
        return
    with told(sweep.name, as_json=given["as_json"]) as tell:
        send_sweep(workspace, sweep, plans, path.read_bytes(), tell=tell)


@sweep_command.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def sweep_ls(session: Session, as_json: bool) -> None:
    """List the sweeps, newest first."""
    from arctl.cli.sweep_board import board_facts, show_list
    from arctl.sweeps import board

    session.sync()
    found = [board.board(session.workspace, name) for name in board.names(session.workspace)]
    if as_json:
        echo_json("arctl.sweeps/1", {"sweeps": [board_facts(one, brief=True) for one in found]})
    elif found:
        show_list(found)
    else:
        narrate("no sweeps (submit one: `arctl sweep FILE`)")


@sweep_command.command("show")
@click.argument("name", metavar="NAME")
@click.option("--metric", metavar="M", help="Rank by this metric instead of the sweep's own.")
@click.option("--last", is_flag=True, help="Rank by the last value, not by the best.")
@click.option("--each", is_flag=True, help="List every element, not the means over seeds.")
@click.option("--all", "every", is_flag=True, help="All of them, not the 20 best.")
@click.option("--limit", "-n", type=click.IntRange(min=1), metavar="N", help="The N best.")
@click.option("--plot", metavar="KEY", help="Plot the metric against this parameter; `lr` stands for optim.lr.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def sweep_show(
    session: Session,
    name: str,
    metric: str | None,
    last: bool,
    each: bool,
    every: bool,
    limit: int | None,
    plot: str | None,
    as_json: bool,
) -> None:
    """Show a sweep's parameters against its metric, ranked, and which parameter mattered."""
    from arctl.cli.sweep_board import board_facts, show_board
    from arctl.sweeps.board import board

    session.sync()
    found = board(session.workspace, name, metric=metric, last=last)
    if as_json:
        echo_json("arctl.sweep/1", board_facts(found))
    elif plot is not None:
        from arctl.cli.sweep_plot import show_plot

        show_plot(found, plot)
    else:
        show_board(found, each=each, most=None if every else limit or 20)


for command in (sweep_resubmit, sweep_throttle, sweep_cancel):
    sweep_command.add_command(command)
