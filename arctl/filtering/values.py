"""What people type for numbers and times in a filter: `1e-4`, `80%`, `20GiB`, `run12`, `2d`, `1d12h`, `3h05`."""

from __future__ import annotations

import math
import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
"""Seconds of each unit of time."""

TRUTHS = {"yes": True, "true": True, "no": False, "false": False}
"""The words for yes and no."""

_SIZES = {"kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "k": 1e3, "%": 0.01}
_NUMBER = re.compile(r"([+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?)([A-Za-z]{1,3}|%)?")
_RUN = re.compile(r"(?:run)?(\d{1,18})", re.IGNORECASE)
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)([smhdw])")
_REST = re.compile(r"\d{1,2}")
_LOWER = {"w": "d", "d": "h", "h": "m", "m": "s"}


def number(text: str) -> float | None:
    """Return a number, `80%` as 0.8 and `2GiB` in bytes; None for what is none, infinity and NaN among it."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    factor = _SIZES.get(match[2].lower()) if match[2] else 1.0
    if factor is None:
        return None
    value = float(match[1])
    value = value / 100 if match[2] == "%" else value * factor  # 83.1 / 100 is 0.831, 83.1 * 0.01 is not
    return value if math.isfinite(value) else None


def run_number(text: str) -> int | None:
    """Return 12 for `12` and `run12`."""
    match = _RUN.fullmatch(text)
    return int(match[1]) if match else None


def seconds(text: str) -> float | None:
    """Return the seconds of `90s`, `1.5h`, `1d12h` or `3h05`; None for what is no time, a bare number among it."""
    total, at, unit = 0.0, 0, ""
    while match := _PART.match(text, at):
        if unit and UNITS[match[2]] >= UNITS[unit]:
            return None
        total, at, unit = total + float(match[1]) * UNITS[match[2]], match.end(), match[2]
    rest = text[at:]
    if not unit:
        return None
    if rest:  # what the tables show: 3h05
        if unit not in _LOWER or not _REST.fullmatch(rest):
            return None
        total += int(rest) * UNITS[_LOWER[unit]]
    return total
