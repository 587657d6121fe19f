"""What each run has cost: time on the machine, GPU-hours, speed, epochs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from arctl import usage
from arctl.registry import read
from arctl.registry.rows import RunRow
from arctl.settings import Workspace


@dataclass(frozen=True)
class Cost:
    """What one run has cost."""

    wall_s: float | None
    """Time that its jobs ran, seconds; None where none started."""
    gpus: int
    """GPUs of its newest job, over all nodes."""
    gpu_hours: float | None
    """GPUs times the hours for which its jobs held them."""
    wasted_gpu_hours: float | None
    """Of those, what led nowhere: after the last checkpoint of a start that did not end well."""
    attempts: int
    """How often the trainer was started."""
    clips_per_s: float | None
    """Median training speed, clips a second over all ranks."""
    epochs: float | None
    """Epochs trained."""
    planned: int | None
    """Epochs planned."""
    best_epoch: float | None
    """Epoch with the best validation top-1, else loss."""
    steps: int | None
    """Optimizer steps."""
    peak_memory: float | None
    """Peak GPU memory, bytes."""


def costs(workspace: Workspace, runs: Sequence[RunRow]) -> tuple[Cost, ...]:
    """Return what each run has cost, from the registry and the job scripts; no accounting of Slurm is needed."""
    numbers = [row.number for row in runs]
    held = {one.run.number: one for one in usage.spent(workspace, numbers=numbers)}
    return tuple(_cost(workspace, row, held.get(row.number)) for row in runs)


def _cost(workspace: Workspace, row: RunRow, spent: usage.Spent | None) -> Cost:
    total = usage.total([spent]) if spent is not None else None
    return Cost(
        wall_s=total.hours * 3600 if total else None,
        gpus=spent.gpus if spent else 0,
        gpu_hours=total.gpu_hours if total else None,
        wasted_gpu_hours=total.wasted_gpu_hours if total else None,
        attempts=row.attempts,
        clips_per_s=_speed(workspace, row),
        epochs=row.epoch,
        planned=row.epochs,
        best_epoch=best_epoch(row, "val"),
        steps=row.step,
        peak_memory=summary.max if (summary := row.metrics.get("sys/gpu_mem")) else None,
    )


def best_epoch(row: RunRow, split: str) -> float | None:
    """Return the epoch with the best top-1 on a split, else with the lowest loss; None where neither was logged."""
    for name in (f"{split}/top1", f"{split}/loss"):
        if summary := row.metrics.get(name):
            return summary.best_epoch
    return None


def _speed(workspace: Workspace, row: RunRow) -> float | None:
    """Median of `perf/clips_per_s`: the first steps, which warm up, do not move it."""
    if "perf/clips_per_s" not in row.metrics:
        return None
    values = [point.value for point in read.curve(workspace.db, row.number, "perf/clips_per_s")]
    finite = [value for value in values if math.isfinite(value)]
    return statistics.median(finite) if finite else None
