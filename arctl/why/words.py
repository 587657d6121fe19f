"""Times as people say them, in the sentences of `arctl why`."""

from __future__ import annotations

import time


def span(seconds: float) -> str:
    """Return a duration in two units at most: `40 s`, `12 min`, `3 h 05`, `2 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    if whole < 5400:
        return f"{round(whole / 60)} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d}"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def clock(at: float) -> str:
    """Return a moment in local time: `14:02`, or with its day where it is not today."""
    then = time.localtime(at)
    return time.strftime("%H:%M" if then[:3] == time.localtime()[:3] else "%a %d %b %H:%M", then)
