"""The values that a sweep gives to keys: numbers however they were typed, compared as what they mean.

YAML reads `1e-4` as text and `0.0001` as a number; a sweep would otherwise run both.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping

Value = None | bool | int | float | str | tuple["Value", ...]
"""What a key can be set to."""

Params = Mapping[str, Value]
"""`section.key` -> value."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_EXACT = 1 << 53


def value_of(raw: object) -> Value:
    """Return a value in its one form: numbers as numbers, whole ones as int, lists as tuples.

    Raises ValueError for a mapping, or a list in a list.
    """
    if isinstance(raw, list | tuple):
        if any(isinstance(item, list | tuple) for item in raw):
            raise ValueError("a list in a list")
        return tuple(value_of(item) for item in raw)
    if raw is None or isinstance(raw, bool | int):
        return raw
    if isinstance(raw, str) and not _NUMBER.fullmatch(raw):
        return raw
    if not isinstance(raw, str | float):
        raise ValueError("a mapping")
    number = float(raw)
    if not math.isfinite(number):
        return str(raw)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def spelled(value: Value) -> str:
    """Return a value as JSON, which YAML reads as the same: `0.0001`, `true`, `[128, 171]`."""
    return json.dumps(value, ensure_ascii=False)


def shown(value: Value) -> str:
    """Return a value for a table: numbers short, text without quotes."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else spelled(value)


def label(params: Params) -> str:
    """Return parameters as one line: `optim.lr=0.0001 data.batch_size=8`."""
    return " ".join(f"{key}={shown(value)}" for key, value in params.items())


def keys_of(several: Iterable[Params]) -> tuple[str, ...]:
    """Return the keys that any of these has, in the order of those that have most."""
    return tuple(dict.fromkeys(key for params in sorted(several, key=len, reverse=True) for key in params))


def identity(params: Params) -> str:
    """Return what two elements have in common if, and only if, they set the same keys to the same values."""
    return json.dumps(dict(params), sort_keys=True)
