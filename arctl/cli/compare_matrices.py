"""`arctl compare a.csv b.csv`: two confusion matrices, and what they can and cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arctl.cli.context import echo_json
from arctl.errors import UsageError

if TYPE_CHECKING:
    from arctl.compare.matrices import Compared
    from arctl.sections import Section


def compare_matrices(files: Sequence[str], *, level: float, style: str) -> None:
    """Print what two matrices allow to say, in one of the formats of `arctl compare`."""
    from arctl.cli import compare_sections
    from arctl.compare import matrices

    if len(files) != 2:
        raise UsageError(f"{len(files)} matrices", cure="compare two at a time")
    if not 0.5 <= level < 1:
        raise UsageError(f"{level:g} is no confidence", where="--level", cure="try 0.95")
    a, b = (matrices.read_matrix(Path(name)) for name in files)
    found = matrices.compare_matrices(a, b, alpha=1 - level)
    document = _document(found)
    if style == "json":
        echo_json(matrices.SCHEMA, document)
    elif style == "csv":
        click.echo(compare_sections.csv_lines({"schema": matrices.SCHEMA, **document}), nl=False)
    elif style == "table":
        compare_sections.show(_sections(found))
    else:
        write = compare_sections.markdown if style == "markdown" else compare_sections.latex
        click.echo(write(_sections(found)), nl=False)


def _sections(found: Compared) -> list[Section]:
    from arctl.compare.words import p_number, points
    from arctl.sections import Cell, Column, Section

    a, b, bounds = found.a, found.b, found.bounds
    ends = (Column(a.path.name, right=True), Column(b.path.name, right=True), Column("difference", right=True))
    figures = (
        ("top-1", a.top1, b.top1),
        ("mean-class accuracy", a.mean_class, b.mean_class),
        ("macro F1", a.macro_f1, b.macro_f1),
    )
    rows = [(name, f"{100 * x:.1f}%", f"{100 * y:.1f}%", points(y - x)) for name, x, y in figures]
    told = (
        f"{a.total} samples; between {bounds.fewest} and {bounds.most} of them are right in one only",
        f"only {b.path.name} right, minus only {a.path.name} right: {bounds.difference:+d}",
    )
    classes = sorted(range(len(a.classes)), key=lambda k: (-abs(int(b.right[k]) - int(a.right[k])), k))
    per_class = [
        (
            a.classes[k],
            str(a.right[k]),
            str(b.right[k]),
            f"{int(b.right[k]) - int(a.right[k]):+d}",
            str(a.support[k]),
            f"{p_number(one.low)} to {p_number(one.high)}",
            one.verdict(found.alpha),
        )
        for k, one in ((k, found.classes[k]) for k in classes[:20])
    ]
    columns = (Column("class", shrink=True), *ends, Column("n", right=True), Column("p", right=True), Column("verdict"))
    return [
        Section("", (Cell(found.sentence, "bold"),)),
        Section("Metrics", (), (Column("metric"), *ends), tuple(rows), tuple(Cell(text, "dim") for text in told)),
        Section("Right answers in each class, before any correction", (), columns, tuple(per_class)),
    ]


def _document(found: Compared) -> dict[str, object]:
    a, b = found.a, found.b
    return {
        "sentence": found.sentence,
        "verdict": found.bounds.verdict(found.alpha),
        "alpha": round(found.alpha, 12),
        "files": [str(a.path), str(b.path)],
        "samples": a.total,
        "top1": [a.top1, b.top1],
        "mean_class": [a.mean_class, b.mean_class],
        "macro_f1": [a.macro_f1, b.macro_f1],
        "p": asdict(found.bounds),
        "classes": [
            {"class": name, "n": int(a.support[k]), "right": [int(a.right[k]), int(b.right[k])], **asdict(one)}
            | {"verdict": one.verdict(found.alpha)}
            for k, (name, one) in enumerate(zip(a.classes, found.classes, strict=True))
        ],
    }
