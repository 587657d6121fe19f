"""When a line of a log was written, where it says so, and the place of a log at a given time.

Times come as people's programs write them: ISO dates, syslog, torch's and glog's `W1121 14:02:03`, a bare `14:02:03`.
What a line leaves out (the year, the day) is taken from when the file was last written to. The trainer's own lines
carry no time.
"""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass
from pathlib import Path

from arctl.errors import NotFoundError, UsageError
from arctl.longlog.window import Line, window

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_CLOCK = r"(?P<{0}>(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)"
_STAMP = re.compile(
    r"(?P<year>20\d\d)[-/](?P<month>\d\d)[-/](?P<day>\d\d)[T _,]\s?"
    + _CLOCK.format("iso")
    + r"(?:[.,]\d+)?\s?(?P<zone>Z\b|[+-]\d\d:?\d\d\b)?"
    + rf"|\b(?P<name>{'|'.join(_MONTHS)}) +(?P<date>\d\d?) "
    + _CLOCK.format("syslog")
    + r"|(?:^|[\s\[\]:])[IWEFC](?P<glog>\d\d\d\d) "
    + _CLOCK.format("short")
    + r"|^[\[(]?"
    + _CLOCK.format("bare")
    + r"\b"
)
_HEAD = 120
_DAY = 86400.0
_LOOK_LINES = 200
_NEAR = 1 << 16
_SPAN = re.compile(r"-?\s*(\d+(?:\.\d+)?)\s*([smhd])(?:\s+ago)?")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY}
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_CURE = "write 14:02, 14:02:30, 2026-11-21 14:02, or -10m for ten minutes before the log's last time"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a time stands in a log."""

    at: int
    """Byte offset of the first line that was written then or later; of the last line that says a time if none was."""
    t: float
    """When that line was written, Unix seconds."""
    first: float
    """Time of the first line that says one."""
    last: float
    """Time of the last line that says one."""


def time_of(text: str, changed: float) -> float | None:
    """Return when a line says that it was written, Unix seconds; None where it does not. `changed` is the file's."""
    found = _STAMP.search(text[:_HEAD])
    if found is None:
        return None
    if found["iso"]:
        return _dated(int(found["year"]), int(found["month"]), int(found["day"]), found["iso"], found["zone"])
    near = time.localtime(changed)
    if found["bare"]:
        then = _dated(near.tm_year, near.tm_mon, near.tm_mday, found["bare"], None)
        return then - _DAY if then is not None and then > changed + 60 else then
    if found["glog"]:
        month, day, clock = int(found["glog"][:2]), int(found["glog"][2:]), found["short"]
    else:
        month, day, clock = _MONTHS.index(found["name"]) + 1, int(found["date"]), found["syslog"]
    then = _dated(near.tm_year, month, day, clock, None)
    return _dated(near.tm_year - 1, month, day, clock, None) if then is not None and then > changed + _DAY else then


def place_of(path: Path, text: str) -> Place:
    """Return the place of a time in a log, by bisection: `14:02`, `2026-11-21 14:02`, `-10m` (before its last time).

    A time of day is the last one before the log's end. Raises UsageError for what is no time, NotFoundError where
    the log says no times.
    """
    first, last = _ends(path)
    return _bisect(path, moment(text, last=last), first, last)


def place_at(path: Path, t: float) -> Place:
    """Return the place of a time (Unix seconds) in a log. Raises NotFoundError where the log says no times."""
    first, last = _ends(path)
    return _bisect(path, t, first, last)


def moment(text: str, *, last: float) -> float:
    """Return the time that a person means in a log whose last line was written at `last`. Raises UsageError."""
    word = " ".join(text.replace("T", " ").split())
    if match := _SPAN.fullmatch(word):
        return last - float(match[1]) * _UNITS[match[2]]
    if re.fullmatch(r"\d\d?:\d\d(:\d\d)?", word):
        day = time.strftime("%Y-%m-%d ", time.localtime(last))
        then = _read(day + word)
        return then - _DAY if then is not None and then > last + 60 else _given(then, text)
    return _given(_read(word), text)


def _given(then: float | None, text: str) -> float:
    if then is None:
        raise UsageError(f"{text[:40]!r} is no time", cure=_CURE)
    return then


def _read(word: str) -> float | None:
    for form in _FORMS:
        try:
            return time.mktime((*time.strptime(word, form)[:8], -1))
        except (ValueError, OverflowError):
            continue
    return None


def _dated(year: int, month: int, day: int, clock: str, zone: str | None) -> float | None:
    hour, minute, second = (int(part) for part in clock.split(":"))
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        return None
    if zone is None:
        return time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
    ahead = 0
    if zone != "Z":
        ahead = (int(zone[1:3]) * 60 + int(zone[-2:])) * (-60 if zone[0] == "-" else 60)
    return calendar.timegm((year, month, day, hour, minute, second)) - ahead


def _ends(path: Path) -> tuple[float, float]:
    """Return the times of the first and the last line that say one. Raises NotFoundError."""
    end = window(path, before=10 * _LOOK_LINES)
    first = _timed(path, 0, end.stamp.size)
    last = next((t for line in reversed(end.lines) if (t := time_of(line.text, end.stamp.changed)) is not None), None)
    if first is None:
        what = f"the lines of {path.name} say no time: there is no jumping by time in it"
        raise NotFoundError(what, cure="have your program print one, as in 2026-11-21 14:02:03")
    return first[1], first[1] if last is None else last


def _bisect(path: Path, t: float, first: float, last: float) -> Place:
    low, high, best = 0, window(path).stamp.size, None
    while high - low > _NEAR:
        middle = (low + high) // 2
        found = _timed(path, middle, high)
        if found is None:
            high = middle
        elif found[1] >= t:
            high, best = middle, found
        else:
            low = found[0].end
    found = _timed(path, low, high + _NEAR, from_time=t) or best
    if found is None:
        found = _timed(path, max(0, low - _NEAR), high + _NEAR, final=True)
    return Place(found[0].at, found[1], first, last) if found else Place(low, last, first, last)


def _timed(
    path: Path, at: int, until: int, *, from_time: float = float("-inf"), final: bool = False
) -> tuple[Line, float] | None:
    """Return the first line between two offsets that says a time, `from_time` or later; the last one for `final`."""
    newest, budget = None, 40 if not final and from_time == float("-inf") else 400
    while at < until and budget:
        seen = window(path, at, after=_LOOK_LINES)
        for line in seen.lines:
            if line.at >= until:
                break
            if (t := time_of(line.text, seen.stamp.changed)) is not None and t >= from_time:
                newest = (line, t)
                if not final:
                    return newest
        budget -= 1
        if not seen.lines or seen.at_end:
            break
        at = seen.lines[-1].end
    return newest
