"""How values read in a report: shares in percent, durations, sizes, settings."""

from __future__ import annotations

import math
import time

from arctl.scores.metrics import Share

NOTHING = "–"
"""Stands where there is no value."""

_SHARES = ("top1", "top5", "top10", "recall", "data_wait")


def percent(value: float | None) -> str:
    """Return a share: `81.3 %`."""
    return NOTHING if value is None or not math.isfinite(value) else f"{100 * value:.1f} %"


def ends(low: float, high: float) -> str:
    """Return the ends of an interval of a share, in percent: `[77.0, 85.1]`."""
    return "" if not (math.isfinite(low) and math.isfinite(high)) else f"[{100 * low:.1f}, {100 * high:.1f}]"


def share(one: Share) -> str:
    """Return a share with its interval: `81.3 % [77.0, 85.1]`."""
    return f"{percent(one.value)} {ends(one.low, one.high)}".strip()


def ranged(value: float, low: float, high: float) -> str:
    """Return a share with the ends of its interval."""
    return f"{percent(value)} {ends(low, high)}".strip() if math.isfinite(value) else NOTHING


def number(value: float | None) -> str:
    """Return a number with about four digits."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    size = abs(value)
    if size == 0 or 0.001 <= size < 10:
        return f"{value:.3f}"
    return f"{value:.3g}" if size < 0.001 else f"{value:.1f}" if size < 1000 else f"{value:,.0f}"


def metric(name: str, value: float | None) -> str:
    """Return the value of a logged metric: shares in percent, bytes in GiB."""
    if value is None or not math.isfinite(value):
        return number(value)
    if is_share(name):
        return percent(value)
    return f"{value / 2**30:.2f} GiB" if name.startswith("sys/") else number(value)


def change(name: str, value: float | None) -> str:
    """Return the difference of a logged metric with its sign; shares in points."""
    if value is None or math.isnan(value):
        return NOTHING
    sign = "+" if value > 0 else "-" if value < 0 else ""
    if is_share(name):
        return f"{sign}{100 * abs(value):.1f}"
    return f"{sign}{metric(name, abs(value))}"


def is_share(name: str) -> bool:
    """Tell whether a metric is a share from 0 to 1."""
    return name.partition("@")[0].endswith(_SHARES) or name.rpartition("/")[2].endswith(_SHARES)


def span(seconds: float | None) -> str:
    """Return a duration in two units: `45 s`, `12 min 05 s`, `3 h 05 min`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(at: float | None) -> str:
    """Return a time as `2026-11-21 14:02 UTC`."""
    try:
        return NOTHING if at is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
    except (OverflowError, ValueError, OSError):
        return NOTHING
