"""`arctl fuse`: the scores of runs combined into those of a new run, and whether that improved anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.errors import UsageError
from arctl.rundir import run_name

if TYPE_CHECKING:
    from arctl.fusing import Wanted

_NUMBER_OF_CLASSES = 10


@click.command("fuse")
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--how", metavar="softmax|logits|weighted", help="Mean of softmax (the default), of logits, or weighted.")
@click.option("--weights", metavar="W,W", help="A weight for each run, as 0.6,0.4; without it weights are searched.")
@click.option("--search-on", metavar="S", help="Split on which weights are searched.  [default: val]")
@click.option(
    "--split", "splits", multiple=True, metavar="S", help="Fuse this split; repeatable. Usually val and test."
)
@click.option("--at", default="best", show_default=True, metavar="best|last|epoch=N", help="Moment of each run.")
@click.option("--views", metavar="V", help="Scores of so many views, as 10x3; else those that training wrote.")
@click.option("--name", metavar="N", help="Name of the new run; by default fused-run1-run2.")
@click.option("--tag", "tags", multiple=True, metavar="T", help="A word to find it by; repeatable.")
@click.option("--note", default="", metavar="TEXT", help="What the run is for.")
@click.option("--classes", type=click.IntRange(min=0), default=_NUMBER_OF_CLASSES, show_default=True, metavar="N",
              help="How many classes that rose, and that fell, are listed.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would come of it; make no run.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (arctl.fusion/1).")
@click.pass_obj
def fuse_command(
    session: Session,
    runs: tuple[str, ...],
    how: str | None,
    weights: str | None,
    search_on: str | None,
    splits: tuple[str, ...],
    at: str,
    views: str | None,
    name: str | None,
    tags: tuple[str, ...],
    note: str,
    classes: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Combine the stored scores of runs into a new run; say whether that improved anything, and where.

    The runs must have scored the same videos in the same way. Weights are searched on the validation split alone; a
    video of that split gets weights that were found without it and its group. Nothing is trained: no job is submitted.
    """
    from arctl import fusing
    from arctl.cli import fuse_page

    wanted = _wanted(how, weights, search_on, splits, at, views)
    session.sync()
    numbers = references(session, runs)
    title = fusing.titled(session.workspace, numbers, wanted, name=name, tags=tags, note=note)
    fusion = fusing.fuse(session.workspace, *numbers, wanted=wanted)
    judged = fusing.judge(fusion)
    number = None if dry_run else fusing.record(session.workspace, fusion, judged, title)
    if as_json:
        echo_json(fuse_page.SCHEMA, fuse_page.to_json(fusion, judged, number=number, name=str(title.name)))
    else:
        fuse_page.show(fusion, judged, number=number, name=str(title.name), most=classes)
    if number is None:
        narrate("a dry run: no run was made")
    else:
        single = fusion.labels[judged[-1].best]
        narrate(f"it is a run as any other: `arctl compare {single} {run_name(number)}`")


def _wanted(
    how: str | None, weights: str | None, search_on: str | None, splits: tuple[str, ...], at: str, views: str | None
) -> Wanted:
    """Return what was asked for. Raises UsageError for options that contradict one another."""
    from arctl.fusing import Wanted

    chosen = how or ("weighted" if weights or search_on else "softmax")
    shares = _shares(weights)
    if search_on is not None and (chosen != "weighted" or shares):
        why = "weights are given" if shares else f"{chosen!r} has none to search"
        raise UsageError(f"nothing is searched: {why}", where="--search-on", cure="use --how weighted alone")
    return Wanted(chosen, shares, search_on or "val", splits, at, views)


def _shares(text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        what = f"cannot read {text[:80]!r}"
        raise UsageError(what, where="--weights", cure="write numbers, one for each run, as in 0.6,0.4") from error
