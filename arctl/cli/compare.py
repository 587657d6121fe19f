"""`arctl compare`: which run is better, where, and is it real; as a page, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from arctl.cli.context import Session, echo_json, references
from arctl.cli.reading_options import asked_of, reading_options

if TYPE_CHECKING:
    from arctl.cli.compare_sections import Section
    from arctl.compare import Comparison

FORMATS = ("table", "json", "markdown", "latex", "csv")


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

    if style == "json":
        echo_json(compare.SCHEMA, compare.to_json(comparison))
    elif style == "csv":
        document = {"schema": compare.SCHEMA, **compare.to_json(comparison)}
        click.echo(compare_sections.csv_lines(document, unlike=comparison.warning), nl=False)
    else:
        sections = _sections(comparison, given, drawn=given["drawn"] and style == "table")
        if style == "table":
            compare_sections.show(sections)
        else:
            write = compare_sections.markdown if style == "markdown" else compare_sections.latex
            click.echo(write(sections), nl=False)


def _sections(comparison: Comparison, given: dict[str, Any], *, drawn: bool) -> list[Section]:
    from arctl.cli.compare_page import first_half
    from arctl.cli.compare_sections import warned
    from arctl.cli.compare_tests import second_half
    from arctl.cli.compare_where import places

    sections = [
        *first_half(comparison, patch=given["patch"]),
        *second_half(comparison),
        *places(comparison, pairs=given["pairs"], everything=given["everything"], drawn=drawn, width=given["width"]),
    ]
    return list(warned(sections, comparison.warning)) if comparison.warning else sections
