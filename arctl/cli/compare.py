"""`arctl compare`: which run is better, where, and is it real; as a page, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from arctl.cli.context import Session, echo_json, references
from arctl.cli.reading_options import asked_of, reading_options

if TYPE_CHECKING:
    from arctl.compare import Comparison
    from arctl.compare.samples import Pairs
    from arctl.confusion import Difference
    from arctl.sections import Section

FORMATS = ("table", "json", "markdown", "latex", "csv")

_CLIPS = 10
"""Samples that are listed of a class where nobody says how many."""


@click.command("compare")
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True)
@reading_options
@click.option("--resamples", default=10_000, show_default=True, metavar="N", help="Of the bootstrap; 0 for none.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Of the bootstrap.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Confidence of intervals and tests.")
@click.option(
    "--correction",
    type=click.Choice(("bh", "holm")),
    default="bh",
    show_default=True,
    help="Over classes: Benjamini-Hochberg or Holm.",
)
@click.option("--pairs", type=click.IntRange(min=0), default=10, show_default=True, help="How many confusions to list.")
@click.option(
    "--clips",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="List N samples that only one has right.",
)
@click.option("--class", "one", metavar="NAME", help="List only the samples of this class.")
@click.option("--all", "everything", is_flag=True, help="Every class, and settings that differ between any two runs.")
@click.option("--code", "patch", is_flag=True, help="Print how the code differs, line by line.")
@click.option("--map/--no-map", "drawn", default=True, help="The heat map of the difference.")
@click.option("--force", is_flag=True, help="Compare what was evaluated in unlike ways, with a warning on each line.")
@click.option("--width", type=click.IntRange(min=20, max=1000), metavar="N", help="Columns of the heat map.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json (arctl.comparison/2).")
@click.pass_obj
def compare_command(session: Session, /, runs: tuple[str, ...], style: str, as_json: bool, **given: Any) -> None:
    """Say which run is better, where, and whether it is real.

    Differences are the second run minus the first. Runs that differ only by their seeds are one recipe. Two files that
    end in .csv are confusion matrices, as `arctl confusion --csv --normalize none` prints them.
    """
    style = "json" if as_json else style
    if all(word.endswith(".csv") for word in runs):
        from arctl.cli.compare_matrices import compare_matrices

        compare_matrices(runs, level=given["level"], style=style)
        return
    session.sync()
    comparison = _compared(session, runs, given)
    _print(comparison, style, given)


def _compared(session: Session, runs: tuple[str, ...], given: dict[str, Any]) -> Comparison:
    from arctl import compare

    asked = asked_of(given)
    method = compare.Method(
        metric=given["metric"],
        cluster_by=given["cluster_by"],
        resamples=given["resamples"],
        seed=given["seed"],
        confidence=given["level"],
        correction=given["correction"],
    )
    numbers = references(session, runs)
    return compare.compare(
        session.workspace, *numbers, asked=asked, method=method, force=given["force"], everything=given["everything"]
    )


def _print(comparison: Comparison, style: str, given: dict[str, Any]) -> None:
    from arctl import compare
    from arctl.cli import compare_sections

    if style in ("json", "csv"):
        document = compare.to_json(comparison)
        if _wanted(given):
            document["samples"] = _samples_json(comparison, given)
        if style == "json":
            echo_json(compare.SCHEMA, document)
        else:
            whole = {"schema": compare.SCHEMA, **document}
            click.echo(compare_sections.csv_lines(whole, unlike=comparison.warning), nl=False)
    else:
        sections = _sections(comparison, given, drawn=given["drawn"] and style == "table")
        if style == "table":
            compare_sections.show(sections)
        else:
            write = compare_sections.markdown if style == "markdown" else compare_sections.latex
            click.echo(write(sections), nl=False)


def _sections(comparison: Comparison, given: dict[str, Any], *, drawn: bool) -> list[Section]:
    from arctl.compare.page import first_half
    from arctl.compare.page_tests import second_half
    from arctl.compare.page_where import places
    from arctl.sections import warned

    sections = [
        *first_half(comparison, patch=given["patch"]),
        *second_half(comparison),
        *places(comparison, pairs=given["pairs"], everything=given["everything"]),
    ]
    if _wanted(given):
        from arctl.compare.page_samples import samples

        found, about = _samples(comparison, given)
        sections += samples(comparison, found, count=given["clips"] or _CLIPS, about=about)
    if drawn and comparison.where is not None and comparison.confusion is not None:
        sections.append(_map(comparison.confusion, width=given["width"]))
    return list(warned(sections, comparison.warning)) if comparison.warning else sections


def _wanted(given: dict[str, Any]) -> bool:
    return bool(given["clips"] or given["one"] is not None)


def _samples(comparison: Comparison, given: dict[str, Any]) -> tuple[Pairs, str]:
    """Return the samples with unlike answers, and of which class they are."""
    from arctl.compare.samples import pairs
    from arctl.zoom import find_class

    one = None
    if given["one"] is not None and comparison.where is not None:
        one = find_class(comparison.where.classes, given["one"], option="--class")
    return pairs(comparison, true=one), "" if one is None or comparison.where is None else comparison.where.classes[one]


def _samples_json(comparison: Comparison, given: dict[str, Any]) -> dict[str, object]:
    from arctl.compare.page_samples import samples_json

    return samples_json(comparison, _samples(comparison, given)[0], count=given["clips"] or _CLIPS)


def _map(change: Difference, *, width: int | None) -> Section:
    from arctl import plots
    from arctl.cli.tables import ascii_only, coloured, screen
    from arctl.rundir import run_name
    from arctl.sections import Section

    across, down = screen(width=width)
    tall = min(len(change.a.classes) + 2, max(10, down - 3))

    def drawing() -> str:
        return plots.difference(
            change, width=across, height=tall, colour=coloured(), ascii=ascii_only(), order="confused"
        )

    title = f"Confusion of {run_name(change.b.run)} minus {run_name(change.a.run)}"
    return Section(title, drawing=drawing)
