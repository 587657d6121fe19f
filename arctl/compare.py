"""What differs between runs: how they were set up, what they reached, and which classes they take for which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arctl import confusion
from arctl.errors import ArctlError, NotFoundError, UsageError
from arctl.facts import Setting, differing, read_facts
from arctl.registry import read
from arctl.registry.rows import RunRow, json_number, lower_is_better
from arctl.rundir import run_name
from arctl.settings import Workspace

SCHEMA = "arctl.comparison/1"
"""Name and version of what `to_json` returns."""

_UNCOMPARED = ("step/", "optim/")
_EPOCH = re.compile(r"epoch=(\d{1,9})")


@dataclass(frozen=True)
class Measure:
    """One metric of each run."""

    name: str
    """`val/top1`."""
    values: tuple[float | None, ...]
    """One for each run, None where it has none."""
    difference: float | None
    """Second minus first, of two runs that both have it."""
    better: int | None
    """Index of the run with the best value; None where they are equal or fewer than two."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two or more runs side by side."""

    runs: tuple[RunRow, ...]
    """In the order in which they were named."""
    at: str
    """`best`, `last` or `epoch=N`."""
    split: str
    """Split whose confusions are compared, and whose top-1 chooses the best epoch."""
    epochs: tuple[float | None, ...]
    """The epoch of each run that the metrics are of, None where it has none."""
    setup: tuple[Setting, ...]
    """Settings in which they differ."""
    same: int
    """How many settings are the same."""
    metrics: tuple[Measure, ...]
    """Every metric of an epoch that any of them has."""
    confusion: confusion.Difference | None
    """What changed from the first to the second, for two runs on the same samples."""
    why_no_confusion: str | None
    """Why there is none."""
    notes: tuple[str, ...]
    """What a reader has to know to believe the numbers."""


def compare(workspace: Workspace, *numbers: int, at: str = "best", split: str = "val") -> Comparison:
    """Compare runs at their best epoch on `split`, their last, or `epoch=N`.

    Raises UsageError for fewer than two runs or another `at`, NotFoundError for an unknown run.
    """
    _check(numbers, at)
    rows = {row.number: row for row in read.runs(workspace.db, numbers=numbers)}
    gone = [run_name(number) for number in numbers if number not in rows]
    if gone:
        raise NotFoundError(f"no run {', '.join(gone)}", cure="`arctl ls` lists them")
    runs = tuple(rows[number] for number in numbers)
    facts = [read_facts(workspace.run_dir(number)) for number in numbers]
    setup, same = differing(facts)
    epochs = tuple(chosen_epoch(row, at=at, split=split) for row in runs)
    difference, why = _confusion(workspace, runs, epochs, at=at, split=split)
    notes = [*_notes(runs, epochs, difference, at=at, split=split), *(t for one in facts for t in one.troubles)]
    metrics = _measures(workspace, runs, epochs, at=at)
    return Comparison(runs, at, split, epochs, setup, same, metrics, difference, why, tuple(notes))


def chosen_epoch(row: RunRow, *, at: str, split: str) -> float | None:
    """Return the epoch that `at` means for a run; None where it has no metric that tells."""
    if match := _EPOCH.fullmatch(at):
        return float(match[1])
    for name in (f"{split}/top1", f"{split}/loss"):
        summary = row.metrics.get(name)
        if summary is not None:
            return summary.best_epoch if at == "best" else summary.last_epoch
    return row.epoch


def _check(numbers: Sequence[int], at: str) -> None:
    if len(set(numbers)) < 2 or len(set(numbers)) < len(numbers):
        raise UsageError("a comparison needs two different runs", cure="name them, as in `arctl compare run1 run2`")
    if at not in ("best", "last") and not _EPOCH.fullmatch(at):
        raise UsageError(f"{at!r} is no moment", where="--at", cure="use best, last or epoch=7")


def _measures(
    workspace: Workspace, runs: Sequence[RunRow], epochs: Sequence[float | None], *, at: str
) -> tuple[Measure, ...]:
    names = {name for row in runs for name in row.metrics if not name.startswith(_UNCOMPARED)}
    measures = []
    for name in sorted(names, key=_order):
        values = tuple(
            _value(workspace, row, name, epoch, at=at) if name in row.metrics else None
            for row, epoch in zip(runs, epochs, strict=True)
        )
        two = values if len(values) == 2 else (None, None)
        change = two[1] - two[0] if two[0] is not None and two[1] is not None else None
        measures.append(Measure(name, values, change, _better(name, values)))
    return tuple(measures)


def _order(name: str) -> tuple[int, str]:
    families = ("test", "val", "train", "gap")
    head = name.split("/")[0]
    return (families.index(head) if head in families else len(families), name)


def _value(workspace: Workspace, row: RunRow, name: str, epoch: float | None, *, at: str) -> float | None:
    """Return the newest value of a metric that was written in an epoch, None where there is none."""
    summary = row.metrics[name]
    if at == "last" or (epoch is not None and summary.last_epoch == epoch):
        return summary.last
    if epoch is None:
        return None
    points = read.curve(workspace.db, row.number, name)
    inside = [point.value for point in points if epoch - 1 < point.epoch <= epoch + 1e-6]
    return inside[-1] if inside else None


def _better(name: str, values: Sequence[float | None]) -> int | None:
    known = [(value, index) for index, value in enumerate(values) if value is not None and value == value]
    if len(known) < 2:
        return None
    best = min(known) if lower_is_better(name) else max(known)
    return best[1] if sum(value == best[0] for value, _ in known) == 1 else None


def _confusion(
    workspace: Workspace, runs: Sequence[RunRow], epochs: Sequence[float | None], *, at: str, split: str
) -> tuple[confusion.Difference | None, str | None]:
    if len(runs) != 2:
        return None, f"confusions are compared for two runs at a time, and these are {len(runs)}"
    found = []
    try:
        for row, epoch in zip(runs, epochs, strict=True):
            whole = int(epoch) if epoch is not None else None
            found.append(
                confusion.load(
                    workspace.run_dir(row.number),
                    row.number,
                    split=split,
                    epoch=whole if at.startswith("epoch") else None,
                    best=whole if at == "best" else None,
                    newest=at == "last",
                )
            )
        return confusion.difference(*found), None
    except ArctlError as error:
        return None, str(error)


def _notes(
    runs: Sequence[RunRow],
    epochs: Sequence[float | None],
    difference: confusion.Difference | None,
    *,
    at: str,
    split: str,
) -> list[str]:
    notes = []
    if at == "best":
        notes.append(f"best epoch chosen on {split}: its figures on {split} flatter every run a little")
    for row, epoch, matrix in zip(runs, epochs, (difference.a, difference.b) if difference else (), strict=False):
        if epoch is not None and matrix.epoch != int(epoch):
            notes.append(
                f"{run_name(row.number)}: confusion after epoch {matrix.epoch} ({matrix.chosen}), "
                f"because there are no predictions after epoch {epoch:g}"
            )
    notes += [f"{run_name(row.number)} is {row.state}: its figures may still change" for row in runs if _live(row)]
    return notes


def _live(row: RunRow) -> bool:
    from arctl.states import LIVE

    return row.state in LIVE


def to_json(comparison: Comparison) -> dict[str, object]:
    """Return every number of a comparison as JSON values, without the schema's name."""
    names = [run_name(row.number) for row in comparison.runs]
    return {
        "at": comparison.at,
        "split": comparison.split,
        "runs": [
            {"run": run_name(row.number), "name": row.name, "state": row.state, "epoch": epoch}
            for row, epoch in zip(comparison.runs, comparison.epochs, strict=True)
        ],
        "setup": [
            {
                "key": setting.key,
                "values": list(setting.values),
                "missing": [name for name, gone in zip(names, setting.missing, strict=True) if gone],
            }
            for setting in comparison.setup
        ],
        "same": comparison.same,
        "metrics": [
            {
                "name": measure.name,
                "values": [json_number(value) for value in measure.values],
                "difference": json_number(measure.difference),
                "better": None if measure.better is None else names[measure.better],
            }
            for measure in comparison.metrics
        ],
        "confusion": confusion_json(comparison.confusion) if comparison.confusion else None,
        "why_no_confusion": comparison.why_no_confusion,
        "notes": list(comparison.notes),
    }


def confusion_json(difference: confusion.Difference) -> Mapping[str, object]:
    """Return a confusion difference as JSON values: both sides, every class, every pair that changed."""
    a, b = difference.a, difference.b
    names, recall, change = a.classes, list(zip(a.recall, b.recall, strict=True)), difference.recall_change
    return {
        "sides": [side_json(side) for side in (a, b)],
        "classes": [
            {
                "class": name,
                "n": int(a.support[k]),
                "recall": [json_number(float(value)) for value in recall[k]],
                "difference": json_number(float(change[k])),
            }
            for k, name in enumerate(names)
        ],
        "pairs": [
            {"true": names[pair.true], "predicted": names[pair.predicted], "counts": [pair.a, pair.b]}
            for pair in difference.pairs
        ],
        **{
            word: [
                {"classes": [names[mix.first], names[mix.second]], "counts": [mix.a, mix.b], "samples": mix.samples}
                for mix in mixes
            ]
            for word, mixes in (("solved", difference.solved), ("arisen", difference.arisen))
        },
    }


def side_json(side: confusion.Confusion) -> dict[str, object]:
    """Return the head of a confusion matrix as JSON values."""
    return {
        "run": run_name(side.run),
        "split": side.split,
        "epoch": side.epoch,
        "chosen": side.chosen,
        "total": side.total,
        "top1": json_number(side.top1),
        "unreadable": int(side.unreadable.sum()),
    }
