"""How runs were set up, what they cost and reached: the first half of the page of a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from arctl.compare.words import interval_text
from arctl.numerals import change_text, plain, span_text, value_text
from arctl.sections import BETTER, NOTHING, WORSE, Cell, Column, Row, Section

if TYPE_CHECKING:
    from arctl.compare.compared import Comparison
    from arctl.compare.figures import Figure
    from arctl.compare.measures import Measure

_MOST_FILES = 10


def head(comparison: Comparison) -> Section:
    """Return the verdict, what is compared, and what to beware of."""
    lines = [Cell(comparison.verdict.sentence, "bold"), Cell("")]
    for row, label, moment in zip(comparison.runs, comparison.labels, comparison.moments, strict=True):
        epoch = NOTHING if moment.epoch is None else f"{moment.epoch:g}"
        which = {"best": "its best epoch", "last": "its last epoch"}.get(comparison.at, "epoch")
        stamp = f": {moment.answers.protocol.stamp()}" if moment.answers is not None else ""
        lines.append(Cell(f"{label} {row.name}, {which} {epoch}{stamp}", "dim"))
    lines += [Cell(f"note: {note}", "yellow") for note in comparison.notes]
    return Section("", tuple(lines))


def setup(comparison: Comparison, *, patch: bool) -> Iterator[Section]:
    """Give the settings that differ, and the code."""
    columns = (Column("", shrink=True), *(Column(label, shrink=True) for label in comparison.labels))
    rows = [
        (
            setting.key,
            *("(none)" if gone else plain(v) for v, gone in zip(setting.values, setting.missing, strict=True)),
        )
        for setting in comparison.setup
    ]
    hidden = f", {comparison.hidden} more with --all" if comparison.hidden else ""
    count = len(comparison.setup)
    title = f"Set-up: {count} differ{'s' * (count == 1)}, {comparison.same} are the same{hidden}"
    yield Section(title, (), columns, tuple(rows))
    yield from _code(comparison, patch=patch)


def _code(comparison: Comparison, *, patch: bool) -> Iterator[Section]:
    first = comparison.labels[0]
    for label, one in zip(comparison.labels[1:], comparison.code, strict=True):
        between = f"{first} and {label}"
        if one.same is None:
            continue
        commits = " and ".join(dict.fromkeys(commit or "no commit" for commit in one.commits))
        if one.same:
            yield Section("", (Cell(f"{between} ran the same code ({one.first}, {commits})", "dim"),))
            continue
        columns = (Column("file", shrink=True), Column("what"), Column("+", right=True), Column("-", right=True))
        rows = [(change.path, change.kind, _lines(change.added), _lines(change.removed)) for change in one.changes]
        shown = rows if patch else rows[:_MOST_FILES]
        more = f"{len(rows) - len(shown)} more files (--code)" if len(rows) > len(shown) else ""
        after = [text for text in (more, one.why or "") if text]
        lines = tuple(Cell(line, _diff_style(line)) for line in one.patch) if patch else ()
        title = f"Code: {between} differ in {len(rows)} files ({commits})"
        yield Section(title, (), columns, tuple(shown), (*(Cell(text, "dim") for text in after), *lines))


def _lines(count: int | None) -> str:
    return NOTHING if count is None else str(count)


def _diff_style(line: str) -> str:
    return "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"


def cost(comparison: Comparison) -> Section:
    """Return what the runs have cost."""
    costs = comparison.cost
    rows: list[Row] = [
        ("wall time", *(span_text(one.wall_s) for one in costs)),
        ("GPU-hours", *(_hours(one.gpu_hours) for one in costs)),
        ("  of them in vain", *(_hours(one.wasted_gpu_hours) for one in costs)),
        ("GPUs", *(str(one.gpus or NOTHING) for one in costs)),
        ("clips/s, median", *(value_text("perf/clips_per_s", one.clips_per_s) for one in costs)),
        ("epochs", *(_of(one.epochs, one.planned) for one in costs)),
        ("best epoch", *(NOTHING if one.best_epoch is None else f"{one.best_epoch:g}" for one in costs)),
        ("steps", *(NOTHING if one.steps is None else str(one.steps) for one in costs)),
        ("starts", *(str(one.attempts) for one in costs)),
        ("peak GPU memory", *(value_text("sys/gpu_mem", one.peak_memory) for one in costs)),
    ]
    told = [row for row in rows if any(cell not in (NOTHING, "0") for cell in row[1:])]
    return Section("Cost", (), _columns(comparison, "", two=False), tuple(told))


def _hours(hours: float | None) -> str:
    return NOTHING if not hours else f"{hours:.2f}"


def _of(epochs: float | None, planned: int | None) -> str:
    if epochs is None:
        return NOTHING
    return f"{epochs:g}" if planned is None else f"{epochs:g}/{planned}"


def metrics(comparison: Comparison) -> Iterator[Section]:
    """Give the figures of stored answers, then what was logged in training."""
    two = len(comparison.runs) == 2
    if comparison.figures:
        yield _figures(comparison, two=two)
    rows: list[Row] = []
    for measure in comparison.metrics:
        values = [
            Cell(value_text(measure.name, value), "bold" if measure.better == index else "")
            for index, value in enumerate(measure.values)
        ]
        rows.append([measure.name, *values, *([_change(measure)] if two else [])])
    yield Section("Logged in training", (), _columns(comparison, "metric", two=two), tuple(rows))


def _figures(comparison: Comparison, *, two: bool) -> Section:
    pair = comparison.pairings[0] if two and comparison.pairings else None
    ends = pair is not None and pair.bootstrap is not None
    columns = _columns(comparison, "metric", two=two)
    if ends:
        columns = (*columns, Column(f"{100 * comparison.method.confidence:g} % interval", right=True))
    rows: list[Row] = []
    for figure in comparison.figures:
        values = [Cell(_figure(figure, v), "bold" if figure.better == k else "") for k, v in enumerate(figure.values)]
        interval = [interval_text(pair.interval(figure.name))] if ends and pair is not None else []
        rows.append([figure.title, *values, *([_moved(figure)] if two else []), *interval])
    gaps = [one.top1 for one in comparison.gaps]
    if any(gap is not None for gap in gaps):
        first, last = gaps[0], gaps[-1]
        change = last - first if two and first is not None and last is not None else None
        style = "" if not change else WORSE if change > 0 else BETTER
        row = ["gap, train - val", *(NOTHING if gap is None else f"{100 * gap:+.1f}" for gap in gaps)]
        own = [Cell(NOTHING if change is None else f"{100 * change:+.1f}", style)] if two else []
        rows.append([*row, *own, *([NOTHING] if ends else [])])
    title = f"Metrics on {comparison.split}, from stored answers"
    return Section(title, (), columns, tuple(rows))


def _columns(comparison: Comparison, first: str, *, two: bool) -> tuple[Column, ...]:
    own = (Column("difference", right=True),) if two else ()
    return (Column(first), *(Column(label, right=True) for label in comparison.labels), *own)


def _figure(figure: Figure, value: float | None) -> str:
    if value is None or math.isnan(value):
        return NOTHING
    return f"{100 * value:.1f}%" if figure.share else f"{value:.3f}"


def _moved(figure: Figure) -> Cell:
    change = figure.difference
    if change is None or math.isnan(change):
        return Cell(NOTHING)
    text = f"{100 * change:+.1f}" if figure.share else f"{change:+.3f}"
    style = "" if figure.better is None else BETTER if figure.better == 1 else WORSE
    return Cell(text, style)


def _change(measure: Measure) -> Cell:
    style = "" if measure.better is None else BETTER if measure.better == 1 else WORSE
    return Cell(change_text(measure.name, measure.difference), style)


def first_half(comparison: Comparison, *, patch: bool) -> Sequence[Section]:
    """Return the verdict, set-up, cost and metrics."""
    return (head(comparison), *setup(comparison, patch=patch), cost(comparison), *metrics(comparison))
