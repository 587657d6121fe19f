"""Pairs of answers to single samples, as sections of a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from arctl.compare.statistics import number
from arctl.confusion_page import UNREAD, percent
from arctl.sections import BETTER, WORSE, Cell, Column, Row, Section

if TYPE_CHECKING:
    from arctl.compare.compared import Comparison
    from arctl.compare.samples import Pairs
    from arctl.scores.answers import Answers


def samples(comparison: Comparison, found: Pairs, *, count: int, about: str = "") -> Iterator[Section]:
    """Give at most `count` samples of each kind: only the second right, only the first right, both wrong but unlike.

    `about` says of which class they are, where they are of one.
    """
    first, second = comparison.labels
    kinds = (
        (f"Only {second} right", found.only_b, BETTER, first),
        (f"Only {first} right", found.only_a, WORSE, second),
        ("Both wrong, not alike", found.others, "", second),
    )
    of = f" of {about}" if about else ""
    if not any(len(rows) for _, rows, _, _ in kinds):
        yield Section("", (Cell(f"no sample{of} is answered unlike", "dim"),))
    for title, rows, style, wrong in kinds:
        if len(rows) and count:
            cut = f", the first {count}" if count < len(rows) else ""
            order = f" (where {wrong} is most sure first)"
            yield Section(
                f"{title}: {len(rows)} sample{'s' * (len(rows) != 1)}{of}{cut}{order}",
                columns=_columns(comparison, named=not about),
                rows=tuple(_row(found, int(at), style, named=not about) for at in rows[:count]),
                about=tuple((int(found.a.targets[at]), None) for at in rows[:count]),
            )


def samples_json(comparison: Comparison, found: Pairs, *, count: int) -> dict[str, object]:
    """Return the same samples as JSON values: by which run alone has them right, or `neither`."""
    first, second = comparison.labels
    kinds = {second: found.only_b, first: found.only_a, "neither": found.others}
    return {
        name: {"count": len(rows), "samples": [_sample(comparison, found, int(at)) for at in rows[:count]]}
        for name, rows in kinds.items()
    }


def _sample(comparison: Comparison, found: Pairs, at: int) -> dict[str, object]:
    answers = [
        {
            "run": label,
            "predicted": side.classes[side.predicted[at]] if side.predicted[at] >= 0 else None,
            "sure": number(float(side.confidence[at])),
        }
        for label, side in zip(comparison.labels, (found.a, found.b), strict=True)
    ]
    return {"clip": found.a.ids[at], "true": found.a.classes[found.a.targets[at]], "answers": answers}


def _columns(comparison: Comparison, *, named: bool) -> tuple[Column, ...]:
    sides = (part for label in comparison.labels for part in (Column(label, shrink=True), Column("sure", right=True)))
    true = (Column("true", shrink=True),) if named else ()
    return (Column("clip", shrink=True, tail=True), *true, *sides)


def _row(found: Pairs, at: int, style: str, *, named: bool) -> Row:
    true = found.a.targets[at]
    cells: list[str | Cell] = [found.a.ids[at], *([found.a.classes[true]] if named else [])]
    for side in (found.a, found.b):
        right = side.predicted[at] == true
        cells += [Cell(_said(side, at), style if right else ""), percent(float(side.confidence[at]))]
    return tuple(cells)


def _said(side: Answers, at: int) -> str:
    return side.classes[side.predicted[at]] if side.predicted[at] >= 0 else UNREAD
