"""The command line: a static table of commands, each loaded when it is called, and the one place that prints errors.

`arctl --help` imports nothing but click: no YAML, no database, no plotting.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from arctl import __version__

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Work": {
        "submit": ("arctl.cli.submit:submit_command", "Submit a training run, or any command after --."),
        "rerun": ("arctl.cli.submit:rerun_command", "Submit a run again, with changes."),
        "resume": ("arctl.cli.submit:resume_command", "Go on with a run that ended early, from its checkpoint."),
        "eval": ("arctl.cli.evaluate:eval_command", "Score a run's checkpoint with many views, on any split."),
        "sweep": ("arctl.cli.sweep:sweep_command", "Submit and steer many runs from one sweep file."),
        "wait": ("arctl.cli.jobs:wait_command", "Wait until runs have ended; the exit status tells how."),
        "cancel": ("arctl.cli.jobs:cancel_command", "Cancel runs that wait or run."),
    },
    "See": {
        "ls": ("arctl.cli.runs:ls_command", "List runs, newest first."),
        "show": ("arctl.cli.runs:show_command", "Show all that is known of a run."),
        "logs": ("arctl.cli.logs:logs_command", "Print the end of a run's log, or follow it with -f."),
        "why": ("arctl.cli.why:why_command", "Say why a run waits, is slow or failed, and what to do."),
        "curves": ("arctl.cli.curves:curves_command", "Plot metrics of runs over epochs, steps, time or GPU-hours."),
    },
    "Judge": {
        "metrics": ("arctl.cli.metrics:metrics_command", "Show what runs reached: accuracies, F1, loss, calibration."),
        "confusion": ("arctl.cli.confusion:confusion_command", "Show which classes a run takes for which."),
        "compare": ("arctl.cli.compare:compare_command", "Say which run is better, where, and whether it is real."),
        "fuse": ("arctl.cli.fuse:fuse_command", "Combine the stored scores of runs into a new run."),
        "report": ("arctl.cli.report:report_command", "Write a report on runs, as one HTML file or Markdown."),
    },
    "The cluster": {
        "queue": ("arctl.cli.queue:queue_command", "List your jobs in the queue."),
        "nodes": ("arctl.cli.nodes:nodes_command", "Show the free GPUs of the cluster."),
        "usage": ("arctl.cli.usage:usage_command", "Sum up the GPU-hours that runs have held."),
        "doctor": ("arctl.cli.doctor:doctor_command", "Check the workspace, its disk, its registry, Slurm."),
    },
    "Manage": {
        "init": ("arctl.cli.workspace:init_command", "Make a workspace."),
        "models": ("arctl.cli.models:models_command", "List the models, or show one."),
        "data": ("arctl.cli.datasets:data_command", "List, make and check data sets."),
        "template": ("arctl.cli.templates:template_command", "List, show and check job templates."),
        "note": ("arctl.cli.notes:note_command", "Show the note of a run, or replace it."),
        "tag": ("arctl.cli.notes:tag_command", "Show the tags of runs, or change them."),
        "sync": ("arctl.cli.workspace:sync_command", "Read what runs and scheduler have to say."),
        "clean": ("arctl.cli.workspace:clean_command", "Remove copies of code that no run names."),
        "rebuild": ("arctl.cli.workspace:rebuild_command", "Make runs.db anew from the run directories."),
    },
}
"""Heading -> command -> (where it is, the beginning of its help)."""

COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class Family(click.Group):
    """A group of commands that names the nearest when it is asked for an unknown one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a subcommand. Raises click.UsageError for an unknown one."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            from arctl.errors import nearest

            raise click.UsageError(f"no such command {args[0]!r} ({nearest(args[0], known)})", ctx)
        return super().resolve_command(ctx, args)


class Arctl(Family):
    """The `arctl` command: finds its subcommands in the table and ends every failure in one line and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under their headings, from the table alone."""
        for heading, section in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, text) for name, (_, text) in section.items()], col_max=14)

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        """Run, print the error if there is one, and exit with its status."""
        extra["standalone_mode"] = False
        try:
            status = super().main(args, prog_name or "arctl", **extra)
            sys.stdout.flush()
        except Exception as error:
            sys.exit(_fail(error))
        except KeyboardInterrupt:
            sys.exit(_say("interrupted", 130))
        sys.exit(status if isinstance(status, int) else 0)


@click.group("arctl", cls=Arctl, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--workspace", "-w", metavar="DIR", help="Work in this workspace; else ARCTL_WORKSPACE, else the nearest above."
)
@click.option("--take-over", is_flag=True, help="Write here although another host does, which must have stopped.")
@click.option("--readonly", is_flag=True, help="A dashboard that changes neither runs nor jobs.")
@click.version_option(__version__, prog_name="arctl", message="%(prog)s %(version)s")
@click.pass_context
def app(ctx: click.Context, workspace: str | None, take_over: bool, readonly: bool) -> None:
    """Submit, watch and compare video experiments, on a Slurm cluster or on this machine.

    Without a command the dashboard opens.
    """
    from arctl.cli.context import Session

    ctx.obj = session = Session(workspace, take_over=take_over)
    if ctx.invoked_subcommand is None:
        session.dashboard(readonly=readonly)
    elif readonly:
        raise click.UsageError("--readonly belongs to the dashboard: leave the command away")


def main() -> None:
    """Run the `arctl` command; what it makes, and what the jobs that it starts make, is this user's alone."""
    os.umask(0o077)
    app.main()


def _fail(error: Exception) -> int:
    """Print what went wrong on one line and return the exit status."""
    from arctl.errors import ArctlError

    if os.environ.get("ARCTL_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, ArctlError):
        return _say(str(error), error.exit_code)
    if isinstance(error, click.exceptions.Abort):
        return _say("interrupted", 130)
    if isinstance(error, click.ClickException):
        return _say(_usage(error), error.exit_code)
    if isinstance(error, BrokenPipeError):
        return _quiet()
    if isinstance(error, OSError):
        _spill()
        return _say(_storage(error), 1)
    shown = f"{type(error).__name__}: {error}"
    return _say(f"this should not have happened: {shown} (set ARCTL_DEBUG=1 for the traceback)", 1)


def _say(message: str, status: int) -> int:
    from arctl.text import safe_line

    click.echo(f"error: {safe_line(message, limit=2000)}", err=True)
    return status


def _usage(error: click.ClickException) -> str:
    """Return click's own complaint as one line that ends in its cure."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    message = error.format_message().strip().rstrip(".")
    message = message[:1].lower() + message[1:]
    if ctx is None or message.endswith("?)"):
        return message
    return f"{message} (see `{ctx.command_path} --help`)"


def _storage(error: OSError) -> str:
    """Return what a failed read or write means, and its cure."""
    import errno

    cures: Iterable[tuple[set[int], str]] = (
        ({errno.ENOSPC, errno.EDQUOT, errno.EFBIG}, "make room, then run the command again"),
        ({errno.EACCES, errno.EPERM, errno.EROFS}, "ask for permission, or use another workspace"),
        ({errno.EMFILE, errno.ENFILE, errno.ENOMEM}, "close other programs, then run the command again"),
    )
    cure = next((text for codes, text in cures if error.errno in codes), "check the path and the disk")
    place = f"{error.filename}: " if error.filename else ""
    reason = (error.strerror or type(error).__name__).lower()
    return f"{place}{reason} ({cure})"


def _spill() -> None:
    """Drop what stdout cannot take, so that Python does not fail on it once more at the exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _quiet() -> int:
    """Nobody reads stdout any more: end without a word, also when Python flushes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1
