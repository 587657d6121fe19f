"""`arctl confusion`: which classes a run takes for which, as a heat map, tables, one class's clips, JSON or CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from arctl.cli.context import Session, echo_json, references
from arctl.errors import NotFoundError, UsageError
from arctl.rundir import run_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from arctl.confusion import Confusion

_LISTED = 10


@dataclass(frozen=True)
class View:
    """What of a matrix is to be shown, and how."""

    order: str | None
    """`confused`, `class` or `recall`; None for what suits the output."""
    normalize: str
    """`true`, `pred`, `all` or `none`."""
    zoom: str | None
    """The block to draw: NAME or FROM-TO; None for the whole matrix."""
    one: str | None
    """The class to tell of alone."""
    best: int
    """How many of the best classes to list."""
    worst: int
    """How many of the worst classes to list."""
    pairs: int
    """How many confusions to list."""
    clips: int
    """How many clips of a class to list."""
    width: int | None
    """Columns; None for the terminal's."""
    height: int | None
    """Lines of the heat map; None for as many as it needs."""


@click.command("confusion")
@click.argument("run", metavar="RUN")
@click.option("--split", default="val", show_default=True, metavar="S", help="Split that was evaluated.")
@click.option("--epoch", type=click.IntRange(min=0), metavar="N", help="After this epoch, not the best.")
@click.option("--views", metavar="10x3", help="Of what `arctl eval` made with so many clips x crops of each video.")
@click.option("--probe", type=click.Choice(("shuffled", "reversed", "still")), help="Of what a probe made.")
@click.option("--head", default="", metavar="verb|noun|action", help="Which answers of a model with two heads.")
@click.option(
    "--normalize",
    type=click.Choice(("true", "pred", "all", "none")),
    default="true",
    show_default=True,
    help="Cells as shares of the true class (row), the predicted class (column), all samples, or as counts.",
)
@click.option(
    "--order",
    type=click.Choice(("confused", "class", "recall")),
    help="Classes that are confused side by side (on the map by default), as the data set lists them (in --csv and "
    "--json by default), or the worst recall first.",
)
@click.option("--zoom", metavar="NAME|FROM-TO", help="A block of the map: around a class, or between two of its rows.")
@click.option("--class", "one", metavar="NAME", help="One class: what it is taken for, what for it, with the clips.")
@click.option("--clips", type=click.IntRange(min=0), metavar="N", help="Clips to list with --class.  [default: 10]")
@click.option("--best", type=click.IntRange(min=0), metavar="N", help="List the N classes of highest recall.")
@click.option("--worst", type=click.IntRange(min=0), metavar="N", help="The N of lowest recall.  [default: 10]")
@click.option("--pairs", type=click.IntRange(min=0), default=10, show_default=True, help="How many confusions to list.")
@click.option("--width", type=click.IntRange(min=20, max=1000), metavar="N", help="Columns; the terminal's by default.")
@click.option("--height", type=click.IntRange(min=4, max=500), metavar="N", help="Lines of the heat map.")
@click.option("--json", "as_json", is_flag=True, help="Print counts and rates as JSON (arctl.confusion/2).")
@click.option("--csv", "as_csv", is_flag=True, help="Print the matrix as CSV: rows true, columns predicted.")
@click.pass_obj
def confusion_command(session: Session, /, run: str, as_json: bool, as_csv: bool, **options: Any) -> None:
    """Show which classes a run takes for which.

    After the best epoch by top-1 on the split, unless --epoch says otherwise. A sample that could not be read counts
    as wrong. A class is named by its name, a part of it, or its number on the map.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv are two formats", cure="ask for one")
    if options["clips"] is not None and options["one"] is None:
        raise UsageError("--clips lists the clips of one class", cure="add --class NAME")
    which = {name: options.pop(name) for name in ("split", "epoch", "views", "probe", "head")}
    view = _view(**options)
    session.sync()
    matrix = _load(session, run, sure=view.one is not None, **which)
    if as_json or as_csv:
        _print(matrix, view, as_json=as_json)
    else:
        _show(matrix, view)


def _view(*, best: int | None, worst: int | None, clips: int | None, **rest: Any) -> View:
    """Fill in what was not said: the worst classes are listed, but where the best were asked for."""
    listed = worst if worst is not None else 0 if best else _LISTED
    return View(best=best or 0, worst=listed, clips=_LISTED if clips is None else clips, **rest)


def _load(session: Session, run: str, *, split: str, sure: bool, **which: Any) -> Confusion:
    from arctl import confusion
    from arctl.registry import read

    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one; `arctl compare` takes two")
    row = read.run(session.workspace.db, numbers[0])
    if row is None:
        raise NotFoundError(f"no run {run_name(numbers[0])}", cure="`arctl ls` lists them")
    summary = row.metrics.get(f"{split}/top1")
    best = summary.best_epoch if summary else None
    whole = int(best) if best is not None else None
    directory = session.workspace.run_dir(row.number)
    return confusion.load(directory, row.number, split=split, best=whole, sure=sure, **which)


def _print(matrix: Confusion, view: View, *, as_json: bool) -> None:
    from arctl.cli import confusion_formats as formats

    order = matrix.order(view.order or "class")
    rank = order if view.zoom is None else _block(matrix, order, view.zoom, columns=80, lines=24)
    one = _class(matrix, view)
    if as_json:
        echo_json(formats.SCHEMA, formats.payload(matrix, order=rank, pairs=view.pairs, one=one))
    elif one is not None:
        formats.write_clips(matrix, one)
    else:
        formats.write_matrix(matrix, rank, normalize=view.normalize)


def _show(matrix: Confusion, view: View) -> None:
    from arctl import confusion_page as page
    from arctl.cli.compare_sections import show
    from arctl.cli.tables import Cell, say

    one = _class(matrix, view)
    drawn = None if one is not None and view.zoom is None else _map(matrix, view)
    say(*page.head(matrix))
    if matrix.protocol is not None:
        say(Cell(matrix.protocol.stamp(), "dim"))
    if drawn is not None:
        click.echo(drawn)
    if one is not None:
        click.echo()
        say(*page.class_head(matrix, one))
        show(page.one_class(matrix, one, clips=view.clips))
    else:
        show(page.classes(matrix, view.best, best=True))
        show(page.classes(matrix, view.worst, best=False))
        show(page.pairs(matrix, view.pairs))


def _map(matrix: Confusion, view: View) -> str:
    """Draw the matrix, or the block of it that is asked for, without the blank lines that it does not need."""
    from arctl import heatmap
    from arctl.cli.tables import ascii_only, coloured, screen

    across, down = screen(width=view.width)
    order = matrix.order(view.order or "confused")
    rank = order if view.zoom is None else _block(matrix, order, view.zoom, columns=across, lines=view.height or down)
    drawn = heatmap.confusion(
        matrix,
        width=across,
        height=view.height or _height(len(rank), down),
        colour=coloured(),
        ascii=ascii_only(),
        order=rank,
        normalize=view.normalize,
    )
    return drawn.rstrip(" \n")


def _class(matrix: Confusion, view: View) -> int | None:
    from arctl.zoom import find_class

    return None if view.one is None else find_class(matrix.classes, view.one, option="--class")


def _block(matrix: Confusion, order: NDArray[np.intp], word: str, *, columns: int, lines: int) -> NDArray[np.intp]:
    """Return the classes of a block; around one class, as many as can be drawn with their numbers."""
    from arctl import heatmap
    from arctl.zoom import block

    size = min(heatmap.room(matrix.classes, columns), max(8, lines - 5))
    return block(order, matrix.classes, word, links=matrix.shares().cells, size=size)


def _height(classes: int, screen_lines: int) -> int:
    """Lines for the heat map: as few as it needs, and no more than the screen has."""
    most = max(10, screen_lines - 3)
    if classes + 2 > most:
        return most
    return 3 * classes + 2 if 3 * classes + 2 <= most // 2 else classes + 2
