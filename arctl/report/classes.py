"""The third part of a report: the classes that each run knows best and least, and those that differ between two."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from arctl.compare.where import Where
from arctl.compare.words import p_number, points
from arctl.confusion import Confusion
from arctl.report import words
from arctl.report.findings import Findings
from arctl.report.page import Block, Cell, Drawing, Head, Row, Section, Table, Text
from arctl.report.range_plots import Range, range_plot
from arctl.scores.metrics import ClassFigures

LISTED = 10
"""How many of the best and how many of the worst classes are listed."""

_PLOTTED = 20


def classes(findings: Findings) -> Section:
    """Return a figure of recalls where there are few classes, tables of the best and the worst, and what changed."""
    blocks: list[Block] = list(_drawn(findings))
    compared = findings.comparison
    if compared is not None and compared.where is not None:
        blocks += _changed(findings, compared.where)
    for place in range(len(findings.runs)):
        blocks += _of_run(findings, place)
    return Section("Classes", tuple(blocks))


def _drawn(findings: Findings) -> Iterator[Block]:
    known = [
        (label, scores.classes)
        for label, scores in zip(findings.labels, findings.scores, strict=True)
        if scores is not None
    ]
    if not known or len(known[0][1].names) > _PLOTTED or any(one.names != known[0][1].names for _, one in known):
        return
    order = _ranked(known[0][1])
    ranges = [
        Range(one.names[k], label, float(one.recall[k]), float(one.recall_ends[0][k]), float(one.recall_ends[1][k]))
        for k in order
        for label, one in known
    ]
    told = "; ".join(f"{one.series} {one.row} {words.percent(one.value)}" for one in ranges)
    yield Drawing(
        lambda: range_plot(ranges, name="recalls", axis="recall, %"),
        f"Recall of each class. {told}.",
        f"Recall of each class with Wilson's {100 * findings.method.confidence:g} % interval.",
        findings.stamps,
    )


def _of_run(findings: Findings, place: int) -> Iterator[Table]:
    scores, matrix, label = findings.scores[place], findings.matrices[place], findings.labels[place]
    if scores is None or matrix is None:
        return
    order = _ranked(scores.classes)
    stamp = tuple(one for one in findings.stamps if one.startswith(f"{label}:"))
    if len(order) <= 2 * LISTED:
        yield _table(f"Classes of {label}, the best recall first", scores.classes, matrix, order, stamp)
        return
    best, worst = order[:LISTED], order[::-1][:LISTED]
    yield _table(f"The {LISTED} best classes of {label}", scores.classes, matrix, best, stamp)
    yield _table(f"The {LISTED} worst classes of {label}", scores.classes, matrix, worst, stamp)


def _ranked(one: ClassFigures) -> list[int]:
    """Return the classes that have samples: best recall first, of equals those with more samples."""
    known = np.flatnonzero(one.support > 0)
    return [int(k) for k in known[np.lexsort((known, -one.support[known], -one.recall[known]))]]


def _table(caption: str, one: ClassFigures, matrix: Confusion, order: Sequence[int], stamp: tuple[str, ...]) -> Table:
    heads = (
        Head("class"),
        Head("samples", right=True),
        Head("recall", right=True),
        Head("precision", right=True),
        Head("F1", right=True),
        Head("most often taken for"),
    )
    rows = [
        (
            one.names[k],
            str(one.support[k]),
            words.ranged(float(one.recall[k]), float(one.recall_ends[0][k]), float(one.recall_ends[1][k])),
            words.ranged(float(one.precision[k]), float(one.precision_ends[0][k]), float(one.precision_ends[1][k])),
            words.percent(float(one.f1[k])),
            _taken(matrix, k),
        )
        for k in order
    ]
    return Table(caption, heads, tuple(rows), stamp)


def _taken(matrix: Confusion, k: int) -> str:
    answers = matrix.predicted[(matrix.targets == k) & (matrix.predicted >= 0)]
    counts = np.bincount(answers[answers != k], minlength=1)
    most = int(counts.argmax())
    return f"{matrix.classes[most]} ({counts[most]})" if counts[most] else words.NOTHING


def _changed(findings: Findings, where: Where) -> Iterator[Block]:
    first, second = findings.labels
    alpha = findings.method.alpha
    how = "Benjamini and Hochberg" if where.tests.how == "bh" else "Holm"
    real = where.significant(alpha)
    testable = int(where.tests.testable.sum())
    yield Text(
        f"The recall of {len(real)} of {len(where.classes)} classes changed by more than chance (exact test within "
        f"each class, corrected by {how}); {testable} classes have enough discordant samples to tell at all."
    )
    for risen, word in ((True, "rose"), (False, "fell")):
        order = where.ordered(risen=risen)
        if order:
            cut = f", the first {LISTED} of {len(order)}" if len(order) > LISTED else ""
            rows = tuple(_change(where, k, alpha, risen=risen) for k in order[:LISTED])
            caption = f"Classes whose recall {word} from {first} to {second}{cut}"
            yield Table(caption, _heads(first, second, where), rows, findings.stamps)


def _heads(first: str, second: str, where: Where) -> tuple[Head, ...]:
    corrected = "q" if where.tests.how == "bh" else "p, Holm"
    titles = ("samples", first, second, "points", "p", corrected)
    return (Head("class"), *(Head(title, right=True) for title in titles))


def _change(where: Where, k: int, alpha: float, *, risen: bool) -> Row:
    adjusted, change = float(where.tests.adjusted[k]), float(where.change[k])
    real = math.isfinite(adjusted) and adjusted < alpha
    tone = ("better" if risen else "worse") if real else "" if where.tests.testable[k] else "weak"
    said = "too few to tell" if math.isnan(adjusted) else p_number(adjusted)
    return (
        where.classes[k],
        str(where.support[k]),
        words.percent(float(where.recall(0)[k])),
        words.percent(float(where.recall(1)[k])),
        Cell(points(change), tone),
        Cell(p_number(float(where.tests.p[k])), "" if where.tests.testable[k] else "weak"),
        Cell(said, "best" if real else "" if where.tests.testable[k] else "weak"),
    )
