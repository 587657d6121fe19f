"""Numbers and times as people read them, in few characters and of steady width."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

from arctl.numerals import span
from arctl.registry.rows import MetricSummary, RunRow

__all__ = [
    "NOTHING",
    "age",
    "bar",
    "best",
    "clock",
    "count",
    "epochs",
    "fixed",
    "home_path",
    "hours",
    "last",
    "percent",
    "span",
]

NOTHING = "–"
"""Shown where there is no value."""

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def age(since: float, now: float) -> str:
    """Return how long ago something was, in one unit: `45s`, `12m`, `3h`, `2d`."""
    gone = max(0.0, now - since)
    for unit, size in _UNITS:
        if gone >= size:
            return f"{int(gone // size)}{unit}"
    return "now"


def percent(value: float | None) -> str:
    """Return a fraction as `83.1%`."""
    return NOTHING if value is None or math.isnan(value) else f"{100 * value:.1f}%"


def fixed(value: float | None) -> str:
    """Return a number with steady decimals (`0.287`, `180.2`); a huge or tiny one as `1.2e-05`."""
    if value is None:
        return NOTHING
    if value and not 0.001 <= abs(value) < 10000 and math.isfinite(value):
        return f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"


def epochs(row: RunRow) -> str:
    """Return the epochs done of those planned: `12/50`."""
    if row.epoch is None and row.epochs is None:
        return NOTHING
    done = 0 if row.epoch is None or math.isnan(row.epoch) else int(row.epoch)
    return f"{done}/{row.epochs}" if row.epochs is not None else str(done)


def bar(part: float, width: int, *, ascii: bool = False) -> str:
    """Return a bar of `width` cells of which the share `part` (0 to 1) is filled."""
    if ascii:
        full = round(part * width)
        return "#" * full + "." * (width - full)
    eighths = round(part * width * 8)
    full, rest = divmod(eighths, 8)
    return ("━" * full + ("╸" if rest >= 4 else "") + "─" * width)[:width]


def hours(value: float | None) -> str:
    """Return GPU-hours in few characters: `0.02`, `3.1`, `128`."""
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def count(value: int | None) -> str:
    """Return a whole number, or that there is none."""
    return NOTHING if value is None else str(value)


def clock(at: float) -> str:
    """Return the local time of day: `14:02`."""
    return time.strftime("%H:%M", time.localtime(at))


def best(metrics: Mapping[str, MetricSummary], name: str) -> tuple[float | None, float | None]:
    """Return the best value of a metric and its epoch."""
    summary = metrics.get(name)
    return (None, None) if summary is None else (summary.best, summary.best_epoch)


def last(metrics: Mapping[str, MetricSummary], name: str) -> float | None:
    """Return the newest value of a metric."""
    summary = metrics.get(name)
    return None if summary is None else summary.last


def home_path(path: Path) -> str:
    """Return a path with the home directory written as `~`."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)
