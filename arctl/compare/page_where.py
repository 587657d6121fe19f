"""Where two runs differ: classes that rose and fell, confusions that came and went; the page's last part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from arctl.compare.words import p_number
from arctl.sections import BETTER, DIM, WORSE, Cell, Column, Row, Section

if TYPE_CHECKING:
    from arctl.compare.compared import Comparison
    from arctl.compare.where import Where
    from arctl.confusion import Difference, Mixed

_MOST = 10


def places(comparison: Comparison, *, pairs: int, everything: bool) -> Iterator[Section]:
    """Give the classes and confusions of two runs."""
    where, change = comparison.where, comparison.confusion
    if where is None or change is None:
        if comparison.why_no_confusion and comparison.pairings:
            yield Section("", (Cell(comparison.why_no_confusion, "dim"),))
        return
    first, second = comparison.labels
    yield from _mixes(change, change.solved, second, (first, second))
    yield from _mixes(change, change.arisen, first, (first, second))
    for risen in (True, False):
        yield from _classes(comparison, where, risen=risen, everything=everything)
    yield from _pairs(comparison, where, pairs)


def _mixes(change: Difference, mixes: Sequence[Mixed], winner: str, labels: tuple[str, str]) -> Iterator[Section]:
    """Pairs of classes that one run tells apart and the other does not."""
    if not mixes:
        return
    columns = (
        Column("classes taken for one another", shrink=True),
        *(Column(name, right=True) for name in (*labels, "of")),
    )
    names = change.a.classes
    rows = [(f"{names[m.first]} / {names[m.second]}", str(m.a), str(m.b), str(m.samples)) for m in mixes[:_MOST]]
    cut = f", the first {_MOST}" if len(mixes) > _MOST else ""
    about = tuple((m.first, m.second) for m in mixes[:_MOST])
    yield Section(f"Pairs that {winner} solved: {len(mixes)}{cut}", (), columns, tuple(rows), about=about)


def _classes(comparison: Comparison, where: Where, *, risen: bool, everything: bool) -> Iterator[Section]:
    chosen = where.ordered(risen=risen)
    if not chosen:
        return
    shown = chosen if everything else chosen[:_MOST]
    corrected = "q" if where.tests.how == "bh" else "p, Holm"
    columns = (
        Column("class", shrink=True),
        *(Column(name, right=True) for name in (*comparison.labels, "difference", "n")),
        Column("p", right=True),
        Column(corrected, right=True),
    )
    alpha = comparison.method.alpha
    recall, change = (where.recall(0), where.recall(1)), where.change
    rows = []
    for k in shown:
        testable, q = bool(where.tests.testable[k]), float(where.tests.adjusted[k])
        style = DIM if not testable else (BETTER if risen else WORSE) if q < alpha else ""
        told = p_number(q) if testable else "too few"
        rows.append(
            tuple(
                Cell(text, style)
                for text in (
                    where.classes[k],
                    *(f"{100 * side[k]:.1f}%" for side in recall),
                    f"{100 * change[k]:+.1f}",
                    str(where.support[k]),
                    p_number(float(where.tests.p[k])),
                    told,
                )
            )
        )
    real = len(set(where.significant(alpha)) & set(chosen))
    cut = f", the first {len(shown)}" if len(shown) < len(chosen) else ""
    title = f"Classes whose recall {'rose' if risen else 'fell'}: {len(chosen)}, {real} beyond chance{cut}"
    yield Section(title, (), columns, tuple(rows), _legend(where, shown), about=tuple((k, None) for k in shown))


def _legend(where: Where, shown: Sequence[int]) -> tuple[Cell, ...]:
    if all(bool(where.tests.testable[k]) for k in shown):
        return ()
    return (Cell("too few: so few samples changed that no outcome could have told more than chance", "dim"),)


def _pairs(comparison: Comparison, where: Where, count: int) -> Iterator[Section]:
    shifts, names, alpha = where.shifts, where.classes, comparison.method.alpha
    moved = [k for k in range(len(shifts.p)) if shifts.a[k] != shifts.b[k]]
    if not moved[:count]:
        return
    columns = (
        Column("true", shrink=True),
        Column("taken for", shrink=True),
        *(Column(name, right=True) for name in (*comparison.labels, "difference", "n", "q")),
    )
    rows: list[Row] = []
    for k in moved[:count]:
        fell, testable = bool(shifts.b[k] < shifts.a[k]), bool(shifts.testable[k])
        style = DIM if not testable else (BETTER if fell else WORSE) if shifts.q[k] < alpha else ""
        rows.append(
            tuple(
                Cell(text, style)
                for text in (
                    names[shifts.true[k]],
                    names[shifts.predicted[k]],
                    str(shifts.a[k]),
                    str(shifts.b[k]),
                    f"{int(shifts.b[k] - shifts.a[k]):+d}",
                    str(where.support[shifts.true[k]]),
                    p_number(float(shifts.q[k])) if testable else "too few",
                )
            )
        )
    title = f"Confusions that changed most: {min(count, len(moved))} of {len(moved)}"
    about = tuple((int(shifts.true[k]), int(shifts.predicted[k])) for k in moved[:count])
    yield Section(title, (), columns, tuple(rows), about=about)
