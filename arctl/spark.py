"""A curve in one line of text, for tables: pure Python, so that a list of runs loads nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=*#"
_GAP = " "


def sparkline(values: Sequence[float], width: int, *, ascii: bool = False) -> str:
    """Return `values` in time order as at most `width` characters, lowest to highest value.

    More values than columns are averaged column by column; a column without a finite value is blank; a
    constant curve is drawn at half height.
    """
    if width < 1 or not values:
        return ""
    columns = _columns(values, min(width, len(values)))
    finite = [value for value in columns if value is not None]
    if not finite:
        return _GAP * len(columns)
    ramp = _ASCII if ascii else _BLOCKS
    low, high = min(finite), max(finite)
    return "".join(_GAP if value is None else _level(value, low, high, ramp) for value in columns)


def _columns(values: Sequence[float], count: int) -> list[float | None]:
    means: list[float | None] = []
    for index in range(count):
        start, end = index * len(values) // count, (index + 1) * len(values) // count
        finite = [value for value in values[start:end] if math.isfinite(value)]
        means.append(sum(finite) / len(finite) if finite else None)
    return means


def _level(value: float, low: float, high: float, ramp: str) -> str:
    # Halved first, so that the span of the largest floats does not overflow.
    span = high / 2 - low / 2
    if span <= 0:
        return ramp[len(ramp) // 2]
    share = (value / 2 - low / 2) / span
    return ramp[min(len(ramp) - 1, int(share * len(ramp)))]
