"""`arctl confusion`: which classes a run takes for which, as a heat map, a list of pairs, JSON or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, references
from arctl.errors import NotFoundError, UsageError
from arctl.rundir import run_name

if TYPE_CHECKING:
    from arctl.confusion import Confusion

_WORST = 10


@click.command("confusion")
@click.argument("run", metavar="RUN")
@click.option("--split", default="val", show_default=True, metavar="S", help="Split that was evaluated.")
@click.option("--epoch", type=click.IntRange(min=0), metavar="N", help="After this epoch, not the best.")
@click.option("--pairs", type=click.IntRange(min=0), default=10, show_default=True, help="How many confusions to list.")
@click.option(
    "--order",
    type=click.Choice(("class", "confused")),
    default="class",
    show_default=True,
    help="Classes as the data set lists them, or those that are confused side by side.",
)
@click.option("--width", type=click.IntRange(min=20, max=1000), metavar="N", help="Columns; the terminal's by default.")
@click.option("--height", type=click.IntRange(min=4, max=500), metavar="N", help="Lines of the heat map.")
@click.option("--json", "as_json", is_flag=True, help="Print all counts as JSON (arctl.confusion/1).")
@click.option("--csv", "as_csv", is_flag=True, help="Print the counts as CSV: rows true, columns predicted.")
@click.pass_obj
def confusion_command(
    session: Session,
    run: str,
    split: str,
    epoch: int | None,
    pairs: int,
    order: str,
    width: int | None,
    height: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show which classes a run takes for which.

    After the best epoch by top-1 on the split, unless --epoch says otherwise. A sample that could not be read counts
    as wrong.
    """
    session.sync()
    matrix = _load(session, run, split, epoch)
    if as_json:
        echo_json("arctl.confusion/1", payload(matrix))
    elif as_csv:
        click.echo(_csv(matrix), nl=False)
    else:
        _show(matrix, pairs=pairs, order=order, width=width, height=height)


def _load(session: Session, run: str, split: str, epoch: int | None) -> Confusion:
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
    directory = session.workspace.run_dir(row.number)
    whole = int(best) if best is not None else None
    return confusion.load(directory, row.number, split=split, epoch=epoch, best=whole)


def payload(matrix: Confusion) -> dict[str, object]:
    """Return a confusion matrix as JSON values."""
    from arctl.compare import side_json
    from arctl.registry.rows import json_number

    names = matrix.classes
    return {
        **side_json(matrix),
        "classes": list(names),
        "counts": matrix.counts.tolist(),
        "unreadable_by_class": matrix.unreadable.tolist(),
        "support": matrix.support.tolist(),
        "recall": [json_number(value) for value in matrix.recall.tolist()],
        "precision": [json_number(value) for value in matrix.precision.tolist()],
        "pairs": [
            {"true": names[cell.true], "predicted": names[cell.predicted], "count": cell.times}
            for cell in matrix.pairs(matrix.counts.size)
        ],
    }


def _csv(matrix: Confusion) -> str:
    import csv
    import io

    from arctl.text import sheet_safe

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["true", *map(sheet_safe, matrix.classes), "(unreadable)"])
    for name, row, unread in zip(matrix.classes, matrix.counts.tolist(), matrix.unreadable.tolist(), strict=True):
        writer.writerow([sheet_safe(name), *row, unread])
    return out.getvalue()


def _show(matrix: Confusion, *, pairs: int, order: str, width: int | None, height: int | None) -> None:
    from arctl import plots
    from arctl.cli.tables import Cell, ascii_only, coloured, say, screen

    lost = int(matrix.unreadable.sum())
    say(
        Cell(f"{run_name(matrix.run)} on {matrix.split}", "bold"),
        f" after epoch {matrix.epoch} ({matrix.chosen}): top-1 {100 * matrix.top1:.1f}% of {matrix.total} samples",
        Cell(f", {lost} could not be read and count as wrong" if lost else "", "yellow"),
    )
    across, down = screen(width=width)
    tall = height or _height(len(matrix.classes), down)
    click.echo(plots.confusion(matrix, width=across, height=tall, colour=coloured(), ascii=ascii_only(), order=order))
    _recalls(matrix)
    _pairs(matrix, pairs)


def _height(classes: int, screen_lines: int) -> int:
    """Lines for the heat map: as few as it needs, and no more than the screen has."""
    most = max(10, screen_lines - 3)
    if classes + 2 > most:
        return most
    return 3 * classes + 2 if 3 * classes + 2 <= most // 2 else classes + 2


def _recalls(matrix: Confusion) -> None:
    import numpy as np

    from arctl.cli.tables import Column, show_table

    known = [k for k in np.argsort(matrix.recall, kind="stable").tolist() if matrix.support[k]]
    worst = known[:_WORST]
    title = "Recall by class" if len(known) <= _WORST else f"Recall, the worst {_WORST} of {len(known)} classes"
    columns = (Column("class", shrink=True), *(Column(name, right=True) for name in ("recall", "precision", "n")))
    rows = [
        (matrix.classes[k], _percent(matrix.recall[k]), _percent(matrix.precision[k]), str(matrix.support[k]))
        for k in worst
    ]
    show_table(columns, rows, title=title)


def _pairs(matrix: Confusion, count: int) -> None:
    from arctl.cli.tables import Column, show_table

    cells = matrix.pairs(count)
    if not cells:
        return
    columns = (
        Column("true", shrink=True),
        Column("taken for", shrink=True),
        Column("times", right=True),
        Column("of", right=True),
        Column("share", right=True),
    )
    rows: Sequence[tuple[str, ...]] = [
        (
            matrix.classes[cell.true],
            matrix.classes[cell.predicted],
            str(cell.times),
            str(matrix.support[cell.true]),
            _percent(cell.times / matrix.support[cell.true]),
        )
        for cell in cells
    ]
    show_table(columns, rows, title="Most confused")


def _percent(value: float) -> str:
    return "-" if value != value else f"{100 * value:.1f}%"
