"""Cuts the text of a filter into terms: `-state:running,pending`, `val/top1 > 0.8`, `"two words"`, `a|b`, `@saved`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 4096
"""Characters that a filter may have."""


@dataclass(frozen=True)
class Token:
    """One term as it was typed."""

    column: int
    """Where it begins, from 1."""
    negated: bool
    """Whether a minus stands before it."""
    key: str | None
    """What stands before the operator; None for a free word and for `@name`."""
    operator: str
    """`:`, `~`, `=`, `!=`, `<`, `<=`, `>`, `>=`; empty for a free word."""
    values: tuple[str, ...]
    """What stands behind it: alternatives; empty where nothing was typed yet."""
    open: bool
    """Whether it reaches the end of the text, so that more of it may be typed."""
    quoted: bool = False
    """Whether the first value stood in quotes."""
    trouble: str = ""
    """Why it cannot be read."""


_HEAD = re.compile(r"(?:best|last|min|max)\(\s*(?:\"[^\"]*\"|[^)\"]*)\)|[^\s\"'<>=!~:|,()]+")
_OPERATOR = re.compile(r"\s*(<=|>=|!=|==?|<|>)\s*|(:|~)")
_VALUE = re.compile(r"\"([^\"]*)(\"?)|'([^']*)('?)|([^\s,|]+)")
_WORD = re.compile(r"\"([^\"]*)(\"?)|'([^']*)('?)|([^\s|]+)")
_BLANKS = re.compile(r"\s*")


def scan(text: str) -> Iterator[Token]:
    """Give the terms of a filter, in their order; one that cannot be read says so in `trouble`."""
    at = _skip(text, 0)
    while at < len(text):
        token, at = _token(text, at)
        yield token
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _token(text: str, begin: int) -> tuple[Token, int]:
    negated = text[begin] == "-"
    at = begin + negated
    head = _HEAD.match(text, at)
    operator = _OPERATOR.match(text, head.end()) if head else None
    if head is not None and operator is not None:
        key, said = head[0], (operator[1] or operator[2]).replace("==", "=")
        values, quoted, at, trouble = _values(text, operator.end(), _VALUE, ",|")
    else:
        key, said = None, ""
        values, quoted, at, trouble = _values(text, at, _WORD, "|")
    if text[begin:at].startswith(("(", "-(")):
        trouble = "there are no brackets in a filter"
    return Token(begin + 1, negated, key, said, values, at >= len(text), quoted, trouble), max(at, begin + 1)


def _values(text: str, at: int, form: re.Pattern[str], between: str) -> tuple[tuple[str, ...], bool, int, str]:
    """Return the alternatives at a place, whether the first was quoted, where they end, and what is wrong."""
    values: list[str] = []
    quoted, trouble = False, ""
    while match := form.match(text, at):
        double, end_double, single, end_single, bare = match.groups()
        at = match.end()
        value = next(part for part in (double, single, bare) if part is not None)
        quoted |= bare is None and not values
        values.append(value)
        if bare is None and not (end_double or end_single):
            trouble = "a quote is not closed"
        elif bare is None and at < len(text) and not text[at].isspace() and text[at] not in between:
            trouble = "a blank is missing behind the quotes"
        if at >= len(text) or text[at] not in between:
            break
        at += 1
    return tuple(values), quoted, at, trouble
