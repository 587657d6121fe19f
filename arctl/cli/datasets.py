"""`arctl data`: lists data sets; makes and checks them in a process of the trainer's Python (arctl has no torch)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import click

from arctl.cli import Family
from arctl.cli.context import Session, columns, echo_json
from arctl.errors import ArctlError, NotFoundError
from arctl.text import safe

NEEDS = ("av", "numpy", "yaml")
"""What the trainer's data modules import; torch only where videos are decoded."""

_FREE = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}


@click.group("data", cls=Family)
def data_command() -> None:
    """List, make and check data sets."""


@data_command.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def data_ls(session: Session, as_json: bool) -> None:
    """List the data sets of arctl.yaml and those under data/."""
    from arctl import recipe

    found: list[dict[str, object]] = []
    for data in recipe.datasets(session.workspace):
        fact: dict[str, object] = {"name": data.name, "root": str(data.root), "source": data.source}
        try:
            found.append({**fact, "classes": recipe.check_data(data), "problem": None})
        except ArctlError as error:
            found.append({**fact, "classes": None, "problem": str(error)})
    if as_json:
        echo_json("arctl.data/1", {"data": found})
        return
    if not found:
        click.echo("no data sets yet: name one under `data:` in arctl.yaml, or run `arctl data synth data/motions`")
        return
    rows = [("data", "classes", "from", "directory")]
    rows += [(str(f["name"]), str(f["classes"] or f["problem"]), str(f["source"]), str(f["root"])) for f in found]
    click.echo("\n".join(columns(rows)))


@data_command.command("synth", context_settings=_FREE, add_help_option=False)
@click.argument("words", metavar="DIR [OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def data_synth(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Make a data set of real videos: eight motions, each the time-reverse of another.

    Options (--help lists them) are those of `python -m trainer.data synth`.
    """
    ctx.exit(_trainer(ctx.obj, "synth", *words))


@data_command.command("check", context_settings=_FREE, add_help_option=False)
@click.argument("words", metavar="NAME [OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def data_check(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Read a data set's lists, and with --decode every video; list what cannot be read.

    Options (--help lists them) are those of `python -m trainer.data check`.
    """
    if words and not words[0].startswith("-"):
        words = (str(_root(ctx.obj, words[0])), *words[1:])
    ctx.exit(_trainer(ctx.obj, "check", *words))


def _root(session: Session, name: str) -> Path:
    from arctl import recipe

    return recipe.find_data(session.workspace, name).root


def _trainer(session: Session, *words: str) -> int:
    """Run `python -m trainer.data` and return its exit status; a terminal gets its lines without escape sequences."""
    python = _python(session)
    missing = _missing(python, (*NEEDS, "torch") if "--decode" in words else NEEDS)
    if missing:
        raise ArctlError(
            f"this Python has no {', '.join(missing)}",
            where=python,
            cure="pip install 'arctl[train]' there, or name another as `python:` in arctl.yaml",
        )
    sys.stdout.flush()
    command = [python, "-u", "-m", "trainer.data", *words]
    if sys.stdout.isatty() or sys.stderr.isatty():
        return _relayed(command)
    return _status(subprocess.run(command, env=_environment(), check=False).returncode)


def _relayed(command: list[str]) -> int:
    """Run a command and pass on what it writes, line by line: it names files and classes as they are."""
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        pairs = ((process.stdout, False), (process.stderr, True))
        pumps = [threading.Thread(target=_pump, args=pair) for pair in pairs]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        return _status(process.wait())


def _pump(lines: Iterable[bytes], err: bool) -> None:
    for line in lines:
        click.echo(safe(line.decode("utf-8", "replace").rstrip("\n")), err=err)


def _python(session: Session) -> str:
    """Return the Python of arctl.yaml, or this one where there is no workspace."""
    try:
        return session.workspace.settings.python or sys.executable
    except NotFoundError:
        if session.explicit is not None:
            raise
        return sys.executable


def _missing(python: str, needed: tuple[str, ...]) -> list[str]:
    """Return which of these modules a Python lacks, without importing any."""
    probe = f"import importlib.util as u; print(' '.join(m for m in {needed!r} if u.find_spec(m) is None))"
    try:
        done = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        cure = "correct `python:` in arctl.yaml"
        raise ArctlError("this Python does not start", where=python, cure=cure) from error
    return done.stdout.split()


def _environment() -> dict[str, str]:
    """Return the environment in which a Python finds the trainer that came with this arctl."""
    from arctl.recipe import trainer_path

    return {**os.environ, **trainer_path()}


def _status(code: int) -> int:
    return code if code >= 0 else 128 - code
