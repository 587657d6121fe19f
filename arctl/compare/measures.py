"""Logged metrics of runs side by side, at the moment of each that is compared, and how far each overfits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from arctl.compare.cost import best_epoch
from arctl.errors import UsageError
from arctl.registry import read
from arctl.registry.rows import RunRow, lower_is_better
from arctl.settings import Workspace

_UNCOMPARED = ("step/", "optim/")
_EPOCH = re.compile(r"epoch=(\d{1,9})")
_FAMILIES = ("test", "val", "train", "gap")


@dataclass(frozen=True)
class Measure:
    """One logged metric of each run."""

    name: str
    """`val/top1`."""
    values: tuple[float | None, ...]
    """One for each run, None where it has none."""
    difference: float | None
    """Second minus first, of two runs that both have it."""
    better: int | None
    """Index of the run with the best value; None where they are equal or fewer than two."""


@dataclass(frozen=True)
class Gap:
    """How much better a run does on what it was trained on: positive means overfitting."""

    train: float | None
    """Top-1 on the training split, as trained (with augmentation)."""
    held_out: float | None
    """Top-1 on the validation split."""
    top1: float | None
    """The first minus the second."""
    loss: float | None
    """Validation loss minus training loss."""


def check_moment(at: str) -> None:
    """Raise UsageError where `at` is none of best, last, epoch=N."""
    if at not in ("best", "last") and not _EPOCH.fullmatch(at):
        raise UsageError(f"{at!r} is no moment", where="--at", cure="use best, last or epoch=7")


def selected_on(row: RunRow, split: str) -> str | None:
    """Return the split on which the best epoch of a run is chosen: val where it is logged, else the one compared."""
    return next((name for name in ("val", split) if best_epoch(row, name) is not None), None)


def chosen_epoch(row: RunRow, *, at: str, split: str) -> float | None:
    """Return the epoch that `at` means for a run; None where it has no metric that tells."""
    if match := _EPOCH.fullmatch(at):
        return float(match[1])
    if at == "best" and (chosen := selected_on(row, split)) is not None:
        return best_epoch(row, chosen)
    for name in (f"{split}/top1", f"{split}/loss", "val/top1", "val/loss"):
        if summary := row.metrics.get(name):
            return summary.last_epoch
    return row.epoch


def measures(
    workspace: Workspace, runs: Sequence[RunRow], epochs: Sequence[float | None], *, at: str
) -> tuple[Measure, ...]:
    """Return every metric of an epoch that any of the runs has logged, each at its own epoch of `epochs`."""
    names = {name for row in runs for name in row.metrics if not name.startswith(_UNCOMPARED)}
    found = []
    for name in sorted(names, key=_order):
        values = tuple(
            _value(workspace, row, name, epoch, at=at) if name in row.metrics else None
            for row, epoch in zip(runs, epochs, strict=True)
        )
        two = values if len(values) == 2 else (None, None)
        change = two[1] - two[0] if two[0] is not None and two[1] is not None else None
        found.append(Measure(name, values, change, _better(name, values)))
    return tuple(found)


def recorded(workspace: Workspace, row: RunRow, split: str, epoch: int) -> dict[str, float]:
    """Return `top1`, `top5` and `loss` as the run's events have them on a split after an epoch, as far as they do."""
    found = {
        name: _value(workspace, row, f"{split}/{name}", float(epoch), at="epoch")
        for name in ("top1", "top5", "loss")
        if f"{split}/{name}" in row.metrics
    }
    return {name: value for name, value in found.items() if value is not None}


def gaps(found: Sequence[Measure], count: int) -> tuple[Gap, ...]:
    """Return how far each of `count` runs overfits at its moment."""
    known = {one.name: one.values for one in found}
    nothing: tuple[float | None, ...] = (None,) * count
    train, held, train_loss, held_loss = (
        known.get(name, nothing) for name in ("train/top1", "val/top1", "train/loss", "val/loss")
    )
    return tuple(
        Gap(train[k], held[k], _minus(train[k], held[k]), _minus(held_loss[k], train_loss[k])) for k in range(count)
    )


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _order(name: str) -> tuple[int, str]:
    head = name.split("/")[0].partition("@")[0]
    return (_FAMILIES.index(head) if head in _FAMILIES else len(_FAMILIES), name)


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
