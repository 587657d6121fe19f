"""One term of a filter, checked: a field, a comparison and what it is compared with, as a test of rows.

What a run does not have is neither so nor otherwise: no comparison of numbers, times and configuration values holds
for it, with a minus or without. Words that a run does not have are not contained, so that `-note:debug` holds.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from arctl.errors import UsageError, nearest
from arctl.filtering.fields import NULL, Context, Field, Kind
from arctl.filtering.values import TRUTHS, number, run_number, seconds
from arctl.registry.rows import RunRow
from arctl.states import ENDED, LIVE, State
from arctl.text import safe_line

Test = Callable[[Any], bool]
Predicate = Callable[[RunRow], bool]

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""The operators that compare sizes."""

OPPOSITE = {"=": "!=", "!=": "=", ":": "!="}

STATES: dict[str, frozenset[State]] = {str(state): frozenset({state}) for state in State} | {
    "live": LIVE,
    "ended": ENDED,
    "oom": frozenset({State.OUT_OF_MEMORY}),
}
"""What stands behind `state:`."""

_STRICT = frozenset({Kind.NUMBER, Kind.RUN, Kind.SPAN, Kind.TRUTH, Kind.VALUE})
_EXPECTED = {
    Kind.NUMBER: "a number, such as 0.8, 80% or 1e-4",
    Kind.RUN: "a run, such as 12 or run12",
    Kind.SPAN: "a time with its unit, such as 90s, 30m, 3h, 2d or 1w",
    Kind.TRUTH: "yes or no",
}


@dataclass(frozen=True)
class Asked:
    """A term as it was typed, of a field that exists."""

    field: Field
    operator: str
    values: tuple[str, ...]
    negated: bool = False
    beginning: bool = False
    """Whether its last word may not be whole yet: tags and states are then compared by their beginning."""


def compiled(asked: Asked) -> Callable[[Context], Predicate]:
    """Return what binds a term to what is known. Raises UsageError for a value or an operator that does not fit."""
    test = _test(asked)
    bind, negated = asked.field.bind, asked.negated
    if asked.field.kind in _STRICT:
        return lambda context: _strict(bind(context), test, negated)
    return lambda context: _lenient(bind(context), test, negated)


def free(words: Sequence[str], *, negated: bool) -> Callable[[Context], Predicate]:
    """Return what binds free words, any of which a run's text shall hold."""
    folded = tuple(word.casefold() for word in words)

    def bind(context: Context) -> Predicate:
        text = context.haystack.text
        if len(folded) == 1:
            (word,) = folded
            return (lambda row: word not in text(row)) if negated else (lambda row: word in text(row))
        return lambda row: any(word in text(row) for word in folded) != negated

    return bind


def _strict(get: Callable[[RunRow], Any], test: Test, negated: bool) -> Predicate:
    if negated:
        return lambda row: (value := get(row)) is not None and value == value and not test(value)
    return lambda row: (value := get(row)) is not None and test(value)


def _lenient(get: Callable[[RunRow], Any], test: Test, negated: bool) -> Predicate:
    if negated:
        return lambda row: not test(get(row))
    return lambda row: test(get(row))


def _test(asked: Asked) -> Test:
    match asked.field.kind:
        case Kind.TEXT:
            return _text(asked)
        case Kind.WORDS:
            return _words(asked)
        case Kind.STATE:
            return _state(asked)
        case Kind.VALUE:
            return _value(asked)
        case Kind.SPAN if asked.operator not in ORDERS:
            raise _unfit(asked, "compare it with < or >")
        case _:
            return _number(asked)


def _text(asked: Asked) -> Test:
    wanted = tuple(value.casefold() for value in asked.values)
    match asked.operator:
        case "=":
            return _Remembered(lambda value: (value or "").casefold() in wanted).__getitem__
        case "!=":
            return _Remembered(lambda value: bool(value) and value.casefold() not in wanted).__getitem__
        case ":" | "~":
            return _Remembered(
                lambda value: value is not None and any(word in value.casefold() for word in wanted)
            ).__getitem__
    raise _unfit(asked, "it is text: use : (contains), = (is) or != (is another)")


class _Remembered(dict[Any, bool]):
    """The answers of a test: many runs have the same model."""

    def __init__(self, test: Test) -> None:
        super().__init__()
        self._test = test

    def __missing__(self, value: Any) -> bool:
        found = self[value] = self._test(value)
        return found


def _words(asked: Asked) -> Test:
    wanted = frozenset(value.casefold() for value in asked.values)
    match asked.operator:
        case ":" if asked.beginning:
            return lambda tags: any(tag.casefold().startswith(word) for tag in tags for word in wanted)
        case ":" | "=":
            return _Remembered(lambda tags: any(tag.casefold() in wanted for tag in tags)).__getitem__
        case "!=":
            return lambda tags: bool(tags) and not any(tag.casefold() in wanted for tag in tags)
        case "~":
            return lambda tags: any(word in tag.casefold() for tag in tags for word in wanted)
    raise _unfit(asked, "these are words: use : or = (one of them is), ~ (one contains) or !=")


def _state(asked: Asked) -> Test:
    found: frozenset[State] = frozenset()
    for value in asked.values:
        word = value.casefold().replace(" ", "_").replace("-", "_")
        known = STATES.get(word)
        if known is None and asked.beginning and word:
            known = frozenset(state for name, states in STATES.items() if name.startswith(word) for state in states)
        if not known:
            raise UsageError(f"no state {safe_line(value, limit=80)!r}", cure=nearest(word, STATES))
        found |= known
    match asked.operator:
        case ":" | "=":
            return lambda state: state in found
        case "!=":
            return lambda state: state not in found
    raise _unfit(asked, "use : or !=")


def _number(asked: Asked) -> Test:
    """Compare what is a number for Python too: numbers, runs, seconds, yes and no."""
    parse: Callable[[str], float | None] = {
        Kind.RUN: run_number,
        Kind.SPAN: seconds,
        Kind.TRUTH: lambda word: TRUTHS.get(word.casefold()),
    }.get(asked.field.kind, number)
    wanted = []
    for value in asked.values:
        one = parse(value)
        if one is None:
            shown = safe_line(value, limit=80)
            raise UsageError(f"{asked.field.key} is compared with {_EXPECTED[asked.field.kind]}, not {shown!r}")
        wanted.append(one)
    if asked.operator in ORDERS:
        if asked.field.kind is Kind.TRUTH:
            raise _unfit(asked, "use late:yes or late:no")
        return _ordered(asked, wanted[0])
    match asked.operator:
        case ":" | "=":
            return lambda value: any(_alike(value, one) for one in wanted)
        case "!=":
            return lambda value: value == value and not any(_alike(value, one) for one in wanted)
    raise _unfit(asked, "it is a number: use = != < <= > >=")


def _ordered(asked: Asked, wanted: float) -> Test:
    if len(asked.values) > 1:
        raise _unfit(asked, "compare it with one value")
    order = ORDERS[asked.operator]
    return lambda value: order(value, wanted)


def _value(asked: Asked) -> Test:
    """Compare what a configuration holds: numbers as numbers, everything else as text."""
    numbers = [number(value) for value in asked.values]
    if asked.operator in ORDERS:
        if numbers[0] is None:
            shown = safe_line(asked.values[0], limit=80)
            raise UsageError(f"{asked.field.key} is compared with {_EXPECTED[Kind.NUMBER]}, not {shown!r}")
        order = _ordered(asked, numbers[0])
        return lambda value: (known := _as_number(value)) is not None and order(known)
    wanted = [(value.casefold(), one) for value, one in zip(asked.values, numbers, strict=True)]
    match asked.operator:
        case "=":
            return lambda value: any(_same(value, *one) for one in wanted)
        case "!=":
            return lambda value: value == value and not any(_same(value, *one) for one in wanted)
        case ":":
            return lambda value: any(_same(value, *one) or _contains(value, one[0]) for one in wanted)
        case _:
            return lambda value: any(one[0] in _as_text(value) for one in wanted)


def _same(value: object, text: str, wanted: float | None) -> bool:
    known = _as_number(value) if wanted is not None else None
    if known is not None and wanted is not None:
        return _alike(known, wanted)
    return _as_text(value) == text or (value is NULL and text == "none")


def _contains(value: object, text: str) -> bool:
    return isinstance(value, str | list) and text in _as_text(value)


def _as_number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    return number(value) if isinstance(value, str) else None


def _as_text(value: object) -> str:
    return str(value).casefold()


def _alike(value: float, wanted: float) -> bool:
    return value == wanted or math.isclose(value, wanted, rel_tol=1e-9)


def _unfit(asked: Asked, cure: str) -> UsageError:
    return UsageError(f"{asked.field.key} cannot be compared with {asked.operator!r}", cure=cure)
