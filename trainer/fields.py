"""Turns what a YAML file or a command line says into a typed field, or says what is wrong with it.

Fields carry their range in their type: `Annotated[int, Range(low=1)]`. YAML reads `1e-4` as a string: here it is
a number.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import math
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from trainer.catalog import nearest
from trainer.errors import ConfigError


@dataclass(frozen=True)
class Range:
    """The values that a number may have."""

    low: float | None = None
    """The least value."""
    high: float | None = None
    """The greatest value."""
    above: float | None = None
    """A value that must be exceeded."""
    below: float | None = None
    """A value that must not be reached."""

    def holds(self, value: float) -> bool:
        """Say whether a number is in the range."""
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """Spell the range: `at least 1 and below 2`."""
        parts = [("at least", self.low), ("above", self.above), ("at most", self.high), ("below", self.below)]
        return " and ".join(f"{word} {limit:g}" for word, limit in parts if limit is not None)


def coerce(value: object, kind: Any, *, key: str, where: str) -> Any:
    """Return `value` as the type `kind`: a scalar, a tuple, a Literal, an optional one, any of them with a Range.

    Raises ConfigError that names the key and what would be right.
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        result = coerce(value, args[0], key=key, where=where)
        for limit in args[1:]:
            _check_range(result, limit, key=key, where=where)
        return result
    if origin in (Union, types.UnionType):
        return _coerce_union(value, args, key=key, where=where)
    if origin is Literal:
        if value in args and isinstance(value, str):
            return value
        if value is False and "off" in args:  # YAML 1.1 reads `off` so
            return "off"
        raise _wrong(value, f"one of {', '.join(map(str, args))}", key=key, where=where, hint=_hint(value, args))
    if origin is tuple:
        return _coerce_tuple(value, args, key=key, where=where)
    return _coerce_scalar(value, kind, key=key, where=where)


def spell(kind: Any) -> str:
    """Spell a field's type for a person: `int, at least 1`, `adamw or sgd`, `float or null`."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return f"{spell(args[0])}, {args[1]}"
    if origin in (Union, types.UnionType):
        return " or ".join(spell(part) for part in args)
    if origin is Literal:
        return " or ".join(map(str, args))
    if origin is tuple:
        return f"list of {len(args)} {spell(args[0])}"
    return "null" if kind is type(None) else {bool: "true or false", str: "text"}.get(kind, kind.__name__)


@functools.cache
def hints_of(cls: type) -> dict[str, Any]:
    """Return the annotated type of each field of a section; working them out costs more than checking a value."""
    return get_type_hints(cls, include_extras=True)


def describe(section: str, cls: type) -> Iterator[tuple[str, str, str, str]]:
    """Yield (`section.key`, type, default, meaning) of every field of a configuration section, for `--help`."""
    hints = hints_of(cls)
    meanings = _field_docstrings(cls)
    for item in dataclasses.fields(cls):
        default = "required" if item.default is dataclasses.MISSING else _spell_value(item.default)
        yield f"{section}.{item.name}", spell(hints[item.name]), default, meanings.get(item.name, "")


def _field_docstrings(cls: type) -> dict[str, str]:
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for item, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and isinstance(after, ast.Expr):
            found[item.target.id] = str(ast.literal_eval(after.value))
    return found


def _spell_value(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _coerce_union(value: object, kinds: tuple[Any, ...], *, key: str, where: str) -> Any:
    if type(None) in kinds and (value is None or value in ("null", "none", "None", "")):
        return None
    rest = [kind for kind in kinds if kind is not type(None)]
    if len(rest) == 1:
        return coerce(value, rest[0], key=key, where=where)
    for kind in rest:
        try:
            return coerce(value, kind, key=key, where=where)
        except ConfigError:
            continue
    raise _wrong(value, " or ".join(spell(kind) for kind in rest), key=key, where=where)


def _coerce_tuple(value: object, kinds: tuple[Any, ...], *, key: str, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or len(value) != len(kinds):
        raise _wrong(value, f"a list of {len(kinds)} values", key=key, where=where)
    return tuple(coerce(item, kind, key=key, where=where) for item, kind in zip(value, kinds, strict=True))


def _coerce_scalar(value: object, kind: type, *, key: str, where: str) -> Any:
    if kind is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise _wrong(value, "true or false", key=key, where=where)
    if kind is str:
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value)
        raise _wrong(value, "text", key=key, where=where)
    number = _number(value)
    if number is None or (kind is int and number != int(number)):
        raise _wrong(value, "a whole number" if kind is int else "a number", key=key, where=where)
    return kind(number)


def _number(value: object) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = value if isinstance(value, int) else float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _check_range(value: Any, limit: Range, *, key: str, where: str) -> None:
    values = value if isinstance(value, tuple) else (value,)
    if any(item is not None and not limit.holds(item) for item in values):
        raise _wrong(value, str(limit), key=key, where=where)


def _hint(value: object, known: tuple[Any, ...]) -> str | None:
    hint = nearest(str(value), map(str, known))
    return hint if hint.startswith("did you mean") else None


def _wrong(value: object, right: str, *, key: str, where: str, hint: str | None = None) -> ConfigError:
    shown = repr(list(value) if isinstance(value, tuple) else value)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return ConfigError(f"{key} is {shown}: it must be {right}", where=where, cure=hint)
