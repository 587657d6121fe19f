"""The fourth part of a report: which classes are taken for which, as matrices and as pairs, and what changed."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from arctl.compare.where import Where
from arctl.compare.words import p_number
from arctl.confusion import Confusion, Difference
from arctl.report import words
from arctl.report.findings import Findings, shared_order
from arctl.report.matrix_plots import block_size, difference_plot, matrix_plot
from arctl.report.page import Block, Cell, Drawing, Head, Row, Section, Table

LISTED = 10
"""How many confused pairs are listed."""


def confusions(findings: Findings) -> Section:
    """Return the most confused pairs and the matrix of each run, then the difference of two."""
    blocks: list[Block] = []
    known = [(k, one) for k, one in enumerate(findings.matrices) if one is not None]
    alike = [one for _, one in known if one.classes == known[0][1].classes]
    order = shared_order(alike) if alike else None
    for place, one in known:
        own = order if order is not None and one.classes == alike[0].classes else shared_order([one])
        blocks += _of_run(findings, place, one, own)
    compared = findings.comparison
    if compared is not None and compared.confusion is not None and order is not None:
        blocks.append(_difference(findings, compared.confusion, order))
        blocks += _shifts(findings, compared.where) if compared.where is not None else ()
    return Section("Confusions", tuple(blocks))


def _of_run(findings: Findings, place: int, one: Confusion, order: NDArray[np.intp]) -> Iterator[Block]:
    label = findings.labels[place]
    stamp = tuple(text for text in findings.stamps if text.startswith(f"{label}:"))
    cells = one.pairs(LISTED)
    told = "; ".join(f"{one.classes[c.true]} for {one.classes[c.predicted]} {c.times} times" for c in cells[:5])
    yield Drawing(
        functools.partial(matrix_plot, one, order, name=f"matrix{place}"),
        f"Confusion matrix of {label}: {words.percent(one.top1)} of {one.total} samples on the diagonal. Most "
        f"often taken: {told or 'none for another class'}.",
        f"Confusion matrix of {label}, percent of each true class. {_standing(one, len(order))}",
        stamp,
    )
    if cells:
        heads = (
            Head("true class"),
            Head("taken for"),
            Head("times", right=True),
            Head("of", right=True),
            Head("share", right=True),
        )
        rows = [
            (
                one.classes[cell.true],
                one.classes[cell.predicted],
                str(cell.times),
                str(one.support[cell.true]),
                words.percent(cell.times / one.support[cell.true]),
            )
            for cell in cells
        ]
        yield Table(f"The most confused pairs of {label}", heads, tuple(rows), stamp)


def _standing(one: Confusion, drawn: int) -> str:
    """Return how the classes stand, and what the matrix leaves out."""
    size, lost, idle = block_size(drawn), int(one.unreadable.sum()), len(one.classes) - drawn
    order = "Classes that are confused stand together." if len(one.classes) > 2 else ""
    cell = f"Each cell stands for {size} by {size} classes: the largest share, on the diagonal the mean."
    rest = f"{idle} classes that neither have samples nor were answered are left out."
    left = f"{lost} samples that could not be read are in no column." if lost else ""
    return " ".join(filter(None, (order, cell if size > 1 else "", rest if idle else "", left)))


def _difference(findings: Findings, both: Difference, order: NDArray[np.intp]) -> Drawing:
    first, second = findings.labels
    changes = both.pairs[:5]
    names = both.a.classes
    told = "; ".join(f"{names[c.true]} for {names[c.predicted]} {c.a} and {c.b} times" for c in changes)
    return Drawing(
        functools.partial(difference_plot, both, order, name="difference"),
        f"Confusion matrix of {second} minus that of {first}. Changed most: {told or 'nothing'}.",
        f"Confusion matrix of {second} minus that of {first}, points of each true class: blue where {second} is "
        "better, orange where it is worse.",
        findings.stamps,
    )


def _shifts(findings: Findings, where: Where) -> Iterator[Table]:
    shifts = where.shifts
    moved = [int(k) for k in np.flatnonzero(shifts.a != shifts.b)][:LISTED]
    if not moved:
        return
    first, second = findings.labels
    titles = (first, second, "change", "p", "q")
    heads = (Head("true class"), Head("taken for"), *(Head(title, right=True) for title in titles))
    rows = tuple(_shift(where, k, findings.method.alpha) for k in moved)
    yield Table(f"Confusions that changed most surely from {first} to {second}", heads, rows, findings.stamps)


def _shift(where: Where, k: int, alpha: float) -> Row:
    shifts = where.shifts
    before, after, q = int(shifts.a[k]), int(shifts.b[k]), float(shifts.q[k])
    real = math.isfinite(q) and q < alpha
    weak = "" if shifts.testable[k] else "weak"
    tone = ("better" if after < before else "worse") if real else weak
    cells: Sequence[str | Cell] = (
        where.classes[int(shifts.true[k])],
        where.classes[int(shifts.predicted[k])],
        str(before),
        str(after),
        Cell(f"{after - before:+d}", tone),
        Cell(p_number(float(shifts.p[k])), weak),
        Cell("too few to tell" if math.isnan(q) else p_number(q), "best" if real else weak),
    )
    return cells
