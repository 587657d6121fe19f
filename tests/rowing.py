"""Rows of runs for tests of what lists do with them: no registry, no files."""

from __future__ import annotations

from arctl.registry.rows import MetricSummary, RunRow
from arctl.states import State

NOW = 1_800_000_000.0
H = 3600.0


def row(number: int = 12, **more: object) -> RunRow:
    """Return a run that trains, a tenth of a day old; `more` are fields of it."""
    known: dict[str, object] = {
        "number": number, "name": "r3d18", "token": f"arctl-{number:012x}", "model": "r3d18", "data": "ucf101",
        "preset": None, "cluster": "slurm", "template": "single", "created": NOW - 9000, "state": State.RUNNING,
        "job_id": str(number + 65), "submission": "submitted", "expects_events": True, "epoch": 10.0, "epochs": 50,
        "step": 500, "started": NOW - 8000, "ended": None, "exit_code": None, "message": None, "node": "gpu2",
        "reason": None, "tags": (), "note": "", "group": None, "sweep": None, "rerun_of": None, "damaged": 0,
    }  # fmt: skip
    return RunRow(**{**known, **more})  # type: ignore[arg-type]


def summary(name: str, last: float, *, low: float | None = None, high: float | None = None) -> MetricSummary:
    """Return the summary of a metric."""
    low, high = last if low is None else low, last if high is None else high
    return MetricSummary(name, last, 50, 10.0, low, high, 3.0, 7.0)


def measured(**values: float) -> dict[str, MetricSummary]:
    """Return summaries by name: `val_top1=0.8` is val/top1."""
    names = {name.replace("_", "/", 1): value for name, value in values.items()}
    return {name: summary(name, value) for name, value in names.items()}
