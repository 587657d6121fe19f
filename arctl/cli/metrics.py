"""`arctl metrics`: every figure of runs, with the protocol by which each was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.errors import UsageError

if TYPE_CHECKING:
    from arctl.measuring import Measured

SCHEMA = "arctl.metrics/1"


@click.command("metrics")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--split", default="val", show_default=True, metavar="S", help="Split that was evaluated.")
@click.option("--at", default="best", show_default=True, metavar="best|last|epoch=N", help="Moment of each run.")
@click.option("--views", metavar="CxS", help="Clips x crops, as in 10x3; what training wrote by default.")
@click.option("--k", "ranks", default="1,5", show_default=True, metavar="1,5,10", help="The k of top-k accuracy.")
@click.option(
    "--level",
    type=click.Choice(("video", "clip", "both")),
    default="video",
    show_default=True,
    help="Average the views of a video, or take each view as a sample.",
)
@click.option(
    "--aggregation",
    type=click.Choice(("softmax-mean", "logit-mean")),
    default="softmax-mean",
    show_default=True,
    help="What of the views is averaged.",
)
@click.option("--head", metavar="verb|noun|action", default="", help="One head of a model that has several.")
@click.option("--per-class", is_flag=True, help="Precision, recall and F1 of every class.")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Of intervals.")
@click.option("--force", is_flag=True, help="Print numbers that are unlike, or that were changed, with a warning.")
@click.option("--json", "as_json", is_flag=True, help="Print every number as JSON (arctl.metrics/1).")
@click.option("--csv", "as_csv", is_flag=True, help="Print every number as CSV, its protocol beside it.")
@click.pass_obj
def metrics_command(
    session: Session,
    runs: tuple[str, ...],
    split: str,
    at: str,
    views: str | None,
    ranks: str,
    level: str,
    aggregation: str,
    head: str,
    per_class: bool,
    confidence: float,
    force: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show what runs reached: accuracies, F1, loss, calibration; each with its protocol and interval.

    A sample that could not be read counts as wrong. Several runs stand side by side only if their numbers were
    reached alike. Where probes were evaluated (`arctl eval RUN --probe shuffled`), whether the model uses time;
    where speed was measured (`--speed`), how fast it is.
    """
    from arctl.measuring import Wanted, measure

    if as_json and as_csv:
        raise UsageError("--json and --csv at once", cure="take one of them")
    wanted = Wanted(split, at, views, rank_numbers(ranks), level, aggregation, head, confidence, force)
    session.sync()
    found = measure(session.workspace, *references(session, runs), wanted=wanted)
    if as_json:
        from arctl.cli.metric_formats import payload

        echo_json(SCHEMA, payload(found, wanted))
    elif as_csv:
        from arctl.cli.metric_formats import sheet

        click.echo(sheet(found, per_class=per_class), nl=False)
    else:
        _show(found, per_class=per_class)


def rank_numbers(text: str) -> tuple[int, ...]:
    """Return the k of `1,5,10`. Raises UsageError for another text."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and word.isascii() and len(word) < 8 and int(word) for word in words):
        raise UsageError(f"{text!r} are no ranks", where="--k", cure="write whole numbers from 1, as in 1,5,10")
    return tuple(dict.fromkeys(int(word) for word in words))


def _show(found: tuple[Measured, ...], *, per_class: bool) -> None:
    from arctl.cli import metric_tables

    metric_tables.show(found, per_class=per_class)
    told = dict.fromkeys(text for one in found for text in one.notes)
    for note in told:
        narrate(f"note: {note}")
