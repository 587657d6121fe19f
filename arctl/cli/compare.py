"""`arctl compare`: two runs side by side, set-up, metrics and confusions; more than two without the confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, echo_json, narrate, references
from arctl.rundir import run_name

if TYPE_CHECKING:
    from arctl.cli.tables import Cell
    from arctl.compare import Comparison, Measure
    from arctl.confusion import Difference, Mixed


@click.command("compare")
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--at", default="best", show_default=True, metavar="best|last|epoch=N", help="Moment of each run.")
@click.option("--split", default="val", show_default=True, metavar="S", help="Split whose confusions are compared.")
@click.option("--pairs", type=click.IntRange(min=0), default=10, show_default=True, help="How many confusions to list.")
@click.option("--width", type=click.IntRange(min=20, max=1000), metavar="N", help="Columns; the terminal's by default.")
@click.option("--json", "as_json", is_flag=True, help="Print every number as JSON (arctl.comparison/1).")
@click.pass_obj
def compare_command(
    session: Session, runs: tuple[str, ...], at: str, split: str, pairs: int, width: int | None, as_json: bool
) -> None:
    """Compare runs: what differs in their set-up, metrics side by side, classes that rose and fell, pairs solved.

    Differences are the second run minus the first.
    """
    from arctl import compare

    session.sync()
    numbers = references(session, runs)
    comparison = compare.compare(session.workspace, *numbers, at=at, split=split)
    if as_json:
        echo_json(compare.SCHEMA, compare.to_json(comparison))
        return
    _head(comparison)
    _setup(comparison)
    _metrics(comparison)
    if comparison.confusion is not None:
        _confusion(comparison.confusion, pairs=pairs, width=width)
    elif comparison.why_no_confusion:
        narrate(f"no confusion difference: {comparison.why_no_confusion}")


def _head(comparison: Comparison) -> None:
    from arctl.cli.tables import Cell, say

    names = "  and  ".join(f"{run_name(row.number)} {row.name}" for row in comparison.runs)
    say(Cell(names, "bold"))
    moment = {"best": f"each at its best epoch on {comparison.split}", "last": "each at its last epoch"}
    epochs = ", ".join(
        f"{run_name(row.number)} epoch {'-' if epoch is None else format(epoch, 'g')}"
        for row, epoch in zip(comparison.runs, comparison.epochs, strict=True)
    )
    say(Cell(f"{moment.get(comparison.at, 'each at the same epoch')}: {epochs}", "dim"))
    for note in comparison.notes:
        say(Cell(f"note: {note}", "yellow"))


def _setup(comparison: Comparison) -> None:
    from arctl.cli.tables import Column, show_table

    if not comparison.setup:
        return
    columns = (Column("", shrink=True), *(Column(run_name(row.number), shrink=True) for row in comparison.runs))
    rows = [
        (
            setting.key,
            *("(none)" if gone else _plain(v) for v, gone in zip(setting.values, setting.missing, strict=True)),
        )
        for setting in comparison.setup
    ]
    show_table(columns, rows, title=f"Set-up: {len(comparison.setup)} differ, {comparison.same} are the same")


def _metrics(comparison: Comparison) -> None:
    from arctl.cli.tables import Cell, Column, show_table, value_text

    two = len(comparison.runs) == 2
    columns = [Column("metric"), *(Column(run_name(row.number), right=True) for row in comparison.runs)]
    columns += [Column("difference", right=True)] if two else []
    rows: list[list[str | Cell]] = []
    for measure in comparison.metrics:
        values = [
            Cell(value_text(measure.name, value), "bold" if measure.better == index else "")
            for index, value in enumerate(measure.values)
        ]
        rows.append([measure.name, *values, *([_difference(measure)] if two else [])])
    show_table(columns, rows, title="Metrics")


def _difference(measure: Measure) -> Cell:
    from arctl.cli.tables import BETTER, WORSE, Cell, change_text

    style = "" if measure.better is None else BETTER if measure.better == 1 else WORSE
    return Cell(change_text(measure.name, measure.difference), style)


def _confusion(difference: Difference, *, pairs: int, width: int | None) -> None:
    from arctl import plots
    from arctl.cli.tables import ascii_only, coloured, heading, screen

    _mixes(difference, difference.solved, run_name(difference.b.run))
    _mixes(difference, difference.arisen, run_name(difference.a.run))
    _classes(difference)
    _pairs(difference, pairs)
    across, down = screen(width=width)
    count = len(difference.a.classes)
    tall = min(count + 2, max(10, down - 3))
    heading(f"Confusion of {run_name(difference.b.run)} minus {run_name(difference.a.run)}")
    click.echo(plots.difference(difference, width=across, height=tall, colour=coloured(), ascii=ascii_only()))


def _mixes(difference: Difference, mixes: Sequence[Mixed], winner: str) -> None:
    """Pairs of classes that one run tells apart and the other does not."""
    from arctl.cli.tables import Column, show_table

    if not mixes:
        return
    a, b = run_name(difference.a.run), run_name(difference.b.run)
    columns = (
        Column("classes taken for one another", shrink=True),
        *(Column(name, right=True) for name in (a, b, "of")),
    )
    names = difference.a.classes
    rows = [(f"{names[m.first]} / {names[m.second]}", str(m.a), str(m.b), str(m.samples)) for m in mixes]
    show_table(columns, rows, title=f"Pairs that {winner} solved: {len(mixes)}")


def _classes(difference: Difference, *, most: int = 10) -> None:
    from arctl.cli.tables import BETTER, WORSE, Cell, Column, show_table

    a, b = difference.a, difference.b
    for title, classes, style in (("rose", difference.risen, BETTER), ("fell", difference.fallen, WORSE)):
        columns = (
            Column("class", shrink=True),
            *(Column(name, right=True) for name in (run_name(a.run), run_name(b.run), "difference", "n")),
        )
        rows = [
            (
                a.classes[k],
                f"{100 * a.recall[k]:.1f}%",
                f"{100 * b.recall[k]:.1f}%",
                Cell(f"{100 * difference.recall_change[k]:+.1f}", style),
                str(a.support[k]),
            )
            for k in classes[:most]
        ]
        if rows:
            cut = f", the first {most} of {len(classes)}" if len(classes) > most else ""
            show_table(columns, rows, title=f"Classes whose recall {title}{cut}")


def _pairs(difference: Difference, count: int) -> None:
    from arctl.cli.tables import BETTER, WORSE, Cell, Column, show_table

    if not difference.pairs[:count]:
        return
    a, b = run_name(difference.a.run), run_name(difference.b.run)
    columns = (
        Column("true", shrink=True),
        Column("taken for", shrink=True),
        *(Column(name, right=True) for name in (a, b, "difference", "n")),
    )
    names, support = difference.a.classes, difference.a.support
    rows = [
        (
            names[pair.true],
            names[pair.predicted],
            str(pair.a),
            str(pair.b),
            Cell(f"{pair.b - pair.a:+d}", BETTER if pair.b < pair.a else WORSE),
            str(support[pair.true]),
        )
        for pair in difference.pairs[:count]
    ]
    show_table(columns, rows, title="Confusions that changed most")


def _plain(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
