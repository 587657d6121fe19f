"""Amounts in the words that people and Slurm use: spans of time, memory, bytes."""

from __future__ import annotations

import time


def span_text(seconds: float) -> str:
    """Return a span as a time limit is written: `4:00:00`, `2-12:00:00`."""
    days, rest = divmod(round(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    clock = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{days}-{clock}" if days else clock.removeprefix("0")


def about(seconds: float) -> str:
    """Return a span as it is said: `40 s`, `25 min`, `6 h 10`, `3 days 4 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(round(minutes / 5) * 5, 60)
        return f"{hours} h {rest:02d}" if rest else f"{hours} h"
    days, hours = divmod(round(minutes / 60), 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def mib_text(mib: float) -> str:
    """Return memory as `--mem` takes it: `32G`, `500M`."""
    return f"{round(mib / 1024)}G" if mib >= 1024 and mib % 1024 == 0 else f"{round(mib)}M"


def bytes_text(count: float) -> str:
    """Return an amount of storage: `900 MB`, `1.2 GB`."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.{0 if count >= 100 * size else 1}f} {unit}"
    return f"{count / 1e3:.0f} kB"


def clock(moment: float) -> str:
    """Return a time of day here, with the date where it is not today: `14:30`, `Nov 23 14:30`."""
    then, now = time.localtime(moment), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%b %d %H:%M", then)
