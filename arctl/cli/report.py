"""`arctl report`: a report on runs as one HTML file, or as Markdown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from arctl.cli.context import Session, narrate, references
from arctl.cli.reading_options import asked_of, reading_options
from arctl.errors import NotFoundError, UsageError

_HEAD = 4096


@click.command("report")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE", help="Where to; - is stdout.  [report.html, or stdout for Markdown]")
@click.option(
    "--format", "form", type=click.Choice(("html", "markdown")), help="What to write.  [html, or as FILE ends]"
)
@reading_options
@click.option("--curve", "curves", multiple=True, metavar="M", help="A logged metric to draw; repeatable.")
@click.option("--title", default="", metavar="T", help="Its title.  [the names of the runs]")
@click.option("--force", is_flag=True, help="Tell of what was evaluated in unlike ways, with a warning on each line.")
@click.pass_obj
def report_command(
    session: Session, /, runs: tuple[str, ...], output: str | None, form: str | None, **given: Any
) -> None:
    """Write a report on runs, as one HTML file or Markdown.

    It holds the answer, set-up, cost, curves, metrics, tests, classes, confusions, software. The HTML file needs no
    network and prints well. Of two and more runs it tells which is better and whether that is real, as `arctl compare`
    does.
    """
    from arctl import report
    from arctl.compare import Method

    form = _form(form, output)
    place = _place(output, form)
    session.sync()
    found = report.report(
        session.workspace,
        *references(session, runs),
        asked=asked_of(given),
        method=Method(metric=given["metric"], cluster_by=given["cluster_by"]),
        curves_of=given["curves"],
        title=given["title"],
        force=given["force"],
    )
    text = report.write(found, form)
    if place is None:
        click.echo(text, nl=False)
        return
    _replace(place, text)
    click.echo(str(place))
    narrate(f"wrote {len(text.encode()) / 1024:.0f} KiB")


def _form(form: str | None, output: str | None) -> str:
    if form is not None:
        return form
    return "markdown" if output is not None and output.lower().endswith((".md", ".markdown")) else "html"


def _place(output: str | None, form: str) -> Path | None:
    """Return the file to write, None for stdout; it is looked at before anything is computed."""
    if output == "-" or (output is None and form == "markdown"):
        return None
    place = Path(output or "report.html")
    if place.is_dir():
        raise UsageError("this is a directory", where=str(place), cure="name a file in it, as in -o report.html")
    if not place.parent.is_dir():
        raise NotFoundError("no such directory", where=str(place.parent), cure="make it first")
    if output is None and place.exists() and not _is_report(place):
        raise UsageError("this is no report, and is left alone", where=str(place), cure="name another file with -o")
    return place


def _is_report(place: Path) -> bool:
    from arctl.report.html import GENERATOR

    with place.open("rb") as file:
        return f'name="generator" content="{GENERATOR}"'.encode() in file.read(_HEAD)


def _replace(place: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    if place.exists() and not place.is_file():  # a device or a pipe takes what it is given
        place.write_text(text, encoding="utf-8")
        return
    place = place.resolve()
    draft = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        with draft.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            draft.chmod(place.stat().st_mode & 0o777)
        draft.replace(place)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
