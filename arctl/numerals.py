"""Numbers, differences and times as people read them: what a page of the command line and of the dashboard share."""

from __future__ import annotations

import math
import time

from arctl.sections import NOTHING

_PERCENT = ("top1", "top5", "recall", "data_wait")


def value_text(name: str, value: float | None) -> str:
    """Return a metric's value: shares in percent, bytes in GiB, the rest with four digits."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if _is_share(name):
        return f"{100 * value:.1f}%"
    if name.startswith("sys/"):
        return f"{value / 2**30:.2f} GiB"
    return _decimal(value)


def span(seconds: float) -> str:
    """Return a duration in two units at most, without blanks: `45s`, `12m`, `3h05`, `2d4h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"


def change_text(name: str, change: float | None) -> str:
    """Return a difference of a metric with its sign: shares in points."""
    if change is None or math.isnan(change):
        return NOTHING
    if change == 0:
        return "0"
    sign = "+" if change > 0 else "-"
    if _is_share(name):
        return f"{sign}{100 * abs(change):.1f}"
    if name.startswith("sys/"):
        return f"{sign}{abs(change) / 2**30:.2f} GiB"
    return f"{sign}{_decimal(abs(change))}"


def epoch_text(epoch: float | None, epochs: int | None) -> str:
    """Return the epoch of those planned: `12/50`."""
    if epoch is None and epochs is None:
        return NOTHING
    done = 0 if epoch is None or not math.isfinite(epoch) else int(epoch)
    return str(done) if epochs is None else f"{done}/{epochs}"


def age_text(since: float | None, *, now: float | None = None) -> str:
    """Return how long ago something was, in one unit: `45s`, `12m`, `3h`, `2d`."""
    if since is None or not math.isfinite(since):
        return NOTHING
    gone = max(0.0, (time.time() if now is None else now) - since)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if gone >= size:
            return f"{int(gone // size)}{unit}"
    return f"{int(gone)}s"


def span_text(seconds: float | None) -> str:
    """Return a duration in two units: `45s`, `12m 05s`, `3h 05m`, `2d 04h`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    for big, small, size, part in (("m", "s", 60, 1), ("h", "m", 3600, 60), ("d", "h", 86400, 3600)):
        if whole < size * 60 or big == "d" or (big == "h" and whole < 86400):
            return f"{whole // size}{big} {whole % size // part:02d}{small}"
    return NOTHING


def when_text(at: float | None) -> str:
    """Return a moment in local time: `2026-11-21 14:02:33`."""
    try:
        return NOTHING if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return NOTHING


def plain(value: object) -> str:
    """Return a setting as a configuration file has it: `0.001`, `null`, `[128, 171]`. Texts stay as they are."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(plain(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _decimal(value: float) -> str:
    """Return a number with about four digits, and as many decimals as its neighbours in a column have."""
    size = abs(value)
    if size == 0 or 0.001 <= size < 10:
        return f"{value:.3f}"
    if size < 0.001:
        return f"{value:.3g}"
    return f"{value:.1f}" if size < 1000 else f"{value:.0f}" if size < 1e7 else f"{value:.4g}"


def _is_share(name: str) -> bool:
    leaf = name.rpartition("/")[2].partition("@")[0]  # val@10x3/top1 has its views before the slash
    return leaf.endswith(_PERCENT) or name.partition("@")[0].endswith(_PERCENT)
