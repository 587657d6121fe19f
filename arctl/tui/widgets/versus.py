"""How a comparison of two runs reads: aligned text, differences coloured by whether they are an improvement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui import palette, wording
from arctl.tui.widgets.columns import Side, pad

if TYPE_CHECKING:
    from arctl.compare import Comparison
    from arctl.confusion import Difference

_WIDEST = 26
"""Cells of a column at the most."""

_PAIR = 30
"""Cells of two classes' names in one cell, without what stands between them."""

_CLASSES = 8
"""Classes and pairs that are listed of each kind."""


def names(found: Comparison) -> Text:
    """Return which runs are compared."""
    text = Text(" ")
    for place, row in enumerate(found.runs):
        text.append("  vs  " if place else "", palette.MUTED)
        text.append(run_name(row.number), f"bold {palette.ACCENT}")
        text.append(f" {safe_line(row.name, limit=40)} ", palette.TEXT)
        text.append(*palette.state_word(row.state))
        if found.epochs[place] is not None:
            text.append(f" epoch {found.epochs[place]:.0f}", palette.MUTED)
    text.append(f"\n {safe_line(found.verdict.sentence)}", palette.TEXT)
    return text


def notes(found: Comparison) -> Text:
    """Return what a reader has to know to believe the numbers."""
    return Text("\n".join(safe_line(note) for note in found.notes), style=palette.MUTED)


def setup(found: Comparison) -> Text:
    """Return the settings that differ, and how many do not."""
    same = Text(f"{found.same} settings are the same", style=palette.MUTED)
    if not found.setup:
        return same
    rows = [
        [safe_line(one.key), *("" if gone else _value(v) for v, gone in zip(one.values, one.missing, strict=True))]
        for one in found.setup
    ]
    return Text("\n").join([_table(["", *_labels(found)], rows), same])


def metrics(found: Comparison) -> Text:
    """Return the metrics of both runs with their difference."""
    if not found.metrics:
        return Text("no metrics yet", style=palette.MUTED)
    rows, tones = [], []
    for one in found.metrics:
        name = safe_line(one.name)
        rows.append(
            [name, *(_metric(name, value) for value in one.values), _delta(name, one.difference, like=one.values[0])]
        )
        tones.append(_tone(rows[-1][-1], one.better))
    return _table(["", *_labels(found), "change"], rows, tones=tones, right=True)


def _tone(change: str, better: int | None) -> str:
    """Return the colour of a change; one that rounds to nothing is neither good nor bad."""
    if better is None or not any(digit in change for digit in "123456789"):
        return palette.MUTED
    return palette.GOOD if better else palette.BAD


def classes(found: Comparison) -> Text:
    """Return pairs of classes solved and arisen, classes that rose and fell, confusions that changed most."""
    difference = found.confusion
    if difference is None:
        return Text(safe_line(found.why_no_confusion or "no predictions"), style=palette.MUTED)
    parts = [part for part in (_mixed(difference), _recalls(difference), _pairs(difference)) if part.plain]
    return Text("\n\n").join(parts) if parts else Text("the same answers in every class", style=palette.MUTED)


def _mixed(difference: Difference) -> Text:
    rows, tones = [], []
    for kind, pairs in (("solved", difference.solved), ("new", difference.arisen)):
        for pair in pairs[:_CLASSES]:
            both = _both(_class(difference, pair.first), _class(difference, pair.second))
            rows.append([both, f"{pair.a}", f"{pair.b}", kind])
            tones.append(palette.GOOD if kind == "solved" else palette.BAD)
    head = ["mixed up", *_ends(difference), ""]
    return _table(head, rows, tones=tones, right=True, widest=_PAIR + 3) if rows else Text()


def _both(first: str, second: str) -> str:
    """Return two names in one cell; of names that are too long both keep their beginning."""
    room = [max(_PAIR // 2, _PAIR - cell_len(other)) for other in (second, first)]
    cut = (pad(name, min(cell_len(name), most)) for name, most in zip((first, second), room, strict=True))
    return " / ".join(cut)


def _recalls(difference: Difference) -> Text:
    rows, tones = [], []
    for kind, chosen in (("rose", difference.risen), ("fell", difference.fallen)):
        for index in chosen[:_CLASSES]:
            before, after = float(difference.a.recall[index]), float(difference.b.recall[index])
            change = f"{100 * (after - before):+.1f}"
            rows.append([_class(difference, index), wording.percent(before), wording.percent(after), change])
            tones.append(palette.GOOD if kind == "rose" else palette.BAD)
    return _table(["recall", *_ends(difference), "change"], rows, tones=tones, right=True) if rows else Text()


def _pairs(difference: Difference) -> Text:
    rows = [
        [_class(difference, true), _class(difference, predicted), f"{before}", f"{after}", f"{after - before:+d}"]
        for true, predicted, before, after in difference.pairs[:_CLASSES]
    ]
    tones = [palette.GOOD if row[-1].startswith("-") else palette.BAD for row in rows]
    head = ["true", "taken for", *_ends(difference), "change"]
    return _table(head, rows, tones=tones, lefts=2, right=True) if rows else Text()


def _class(difference: Difference, index: int) -> str:
    return safe_line(difference.a.classes[index], limit=60)


def _ends(difference: Difference) -> list[str]:
    return [run_name(difference.a.run), run_name(difference.b.run)]


def _labels(found: Comparison) -> list[str]:
    return [run_name(row.number) for row in found.runs]


def _value(value: object) -> str:
    return wording.NOTHING if value is None else safe_line(str(value), limit=60)


def _share(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith("top") or last == "data_wait"


def _metric(name: str, value: float | None) -> str:
    if name.startswith("sys/") and value is not None:
        return f"{value / 2**30:.2f} GiB"
    return wording.percent(value) if _share(name) else wording.fixed(value)


def _delta(name: str, delta: float | None, *, like: float | None) -> str:
    """Return a change, with the decimals of the values `like` one of which it is."""
    if delta is None or math.isnan(delta):
        return wording.NOTHING
    if _share(name):
        return f"{100 * delta:+.1f}"
    if name.startswith("sys/"):
        return f"{delta / 2**30:+.2f} GiB"
    if like is not None and 100 <= abs(like) < 10000:
        return f"{delta:+.1f}"
    return ("+" if delta >= 0 else "") + wording.fixed(delta)


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    tones: Sequence[str] = (),
    lefts: int = 1,
    right: bool = False,
    widest: int = _WIDEST,
) -> Text:
    """Align rows in columns; the first `lefts` stand left, the others right where `right`; `tones` colour the last."""
    widths = [min(widest, max(cell_len(row[place]) for row in [head, *rows])) for place in range(len(head))]
    sides: list[Side] = ["right" if right and place >= lefts else "left" for place in range(len(head))]
    text = Text(no_wrap=True, overflow="ellipsis")
    for index, row in enumerate([head, *rows]):
        text.append("\n" if index else "")
        for place, cell in enumerate(row):
            style = palette.ACCENT if place == 0 else palette.TEXT
            if index == 0:
                style = f"bold {palette.MUTED}"
            elif tones and place == len(row) - 1:
                style = tones[index - 1]
            text.append(pad(cell, widths[place], sides[place]) + "  ", style)
    return text
