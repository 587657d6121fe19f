"""What can be looked for in a log: a text, a regular expression, or lines that say a certain thing.

A text is looked for in the file's bytes at the speed of memory; everything else costs more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

from arctl.errors import UsageError

REGEX = "re:"
"""What a regular expression begins with; everything else is looked for as it stands."""

_BLOCK = 1 << 18
_OVERLAP = 1 << 12


class Query(Protocol):
    """Finds itself in a block of a log."""

    block: int
    """Bytes that it is given at a time: what it does with them shall take milliseconds."""

    def first(self, data: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """Return begin and end of the first match in `data[begin:end]`; `begin` and `end` are ends of lines."""
        ...

    def last(self, data: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """Return begin and end of the last match in `data[begin:end]`."""
        ...

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return begins and ends of what is to be marked in a line as it is shown."""
        ...


def query_of(text: str) -> Query:
    """Return what a person asked for: a text, or after `re:` a regular expression; capitals count if there are any.

    Raises UsageError for an empty text and for what is no regular expression.
    """
    if text.startswith(REGEX) and text != REGEX:
        return Pattern(text.removeprefix(REGEX))
    if not text:
        raise UsageError("nothing to look for", cure="give a text, or a regular expression as re:loss=(nan|inf)")
    if text.isascii() or text != text.lower():
        return Words(text)
    return Pattern(re.escape(text))


class Words:
    """A text, as it stands; without capitals it means both cases."""

    block = _BLOCK

    def __init__(self, text: str) -> None:
        self.folded = text == text.lower()
        self.text = text
        self._needle = text.encode("utf-8", "surrogateescape")
        self._lower = _Lower()

    def first(self, data: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """See `Query`."""
        found = (self._lower(data) if self.folded else data).find(self._needle, begin, end)
        return (found, found + len(self._needle)) if found >= 0 else None

    def last(self, data: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """See `Query`."""
        found = (self._lower(data) if self.folded else data).rfind(self._needle, begin, end)
        return (found, found + len(self._needle)) if found >= 0 else None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """See `Query`."""
        flags = re.IGNORECASE if self.folded else 0
        return [found.span() for found in re.finditer(re.escape(self.text), text, flags)]


class Pattern:
    """A regular expression, within lines; without capitals it means both cases. Raises UsageError."""

    block = _BLOCK >> 2  # while it looks, nothing else runs

    def __init__(self, pattern: str) -> None:
        bare = re.sub(r"\\.", "", pattern)  # \S and \W are no capitals
        flags = re.MULTILINE | (re.IGNORECASE if bare == bare.lower() else 0)
        try:
            self._pattern = re.compile(pattern, flags)
        except (re.error, RecursionError, OverflowError) as error:
            cure = "leave `re:` away to look for the text itself"
            raise UsageError(f"no regular expression: {error}", where=pattern[:80], cure=cure) from error

    def first(self, data: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """See `Query`."""
        text = data[begin:end].decode("utf-8", "surrogateescape")
        found = self._next(text, 0)
        return _bytes_of(text, begin, found) if found else None

    def last(self, data: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """See `Query`."""
        text = data[begin:end].decode("utf-8", "surrogateescape")
        found, newer = None, self._next(text, 0)
        while newer:
            found, newer = newer, self._next(text, newer[1])
        return _bytes_of(text, begin, found) if found else None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """See `Query`."""
        return [found.span() for found in self._pattern.finditer(text) if found[0]]

    def _next(self, text: str, at: int) -> tuple[int, int] | None:
        """Return the next match that lies within a line and is not empty."""
        while at <= len(text) and (found := self._pattern.search(text, at)):
            if found[0] and "\n" not in found[0]:
                return found.span()
            stop = text.find("\n", found.start())
            stop = len(text) if stop < 0 else stop
            inside = self._pattern.search(text, found.start(), stop)
            if inside and inside[0]:
                return inside.span()
            at = max(found.start(), stop if found[0] else found.start()) + 1
        return None


class Telling:
    """Lines that say a certain thing: rare words lead to them, and a closer look decides."""

    block = _BLOCK

    def __init__(self, words: Sequence[str], tells: Callable[[str], bool]) -> None:
        self._words = [word.lower().encode() for word in words]
        self._tells = tells
        self._lower = _Lower()

    def first(self, data: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """See `Query`."""
        low = self._lower(data)
        places = {word: low.find(word, begin, end) for word in self._words}
        while near := [place for place in places.values() if place >= 0]:
            line = _line(data, min(near), begin, end)
            if self._told(data, line):
                return line
            for word, place in places.items():
                if 0 <= place < line[1]:
                    places[word] = low.find(word, line[1], end)
        return None

    def last(self, data: bytes, begin: int, end: int) -> tuple[int, int] | None:
        """See `Query`."""
        low = self._lower(data)
        places = {word: low.rfind(word, begin, end) for word in self._words}
        while (place := max(places.values())) >= 0:
            line = _line(data, place, begin, end)
            if self._told(data, line):
                return line
            for word, found in places.items():
                if found >= line[0]:
                    places[word] = low.rfind(word, begin, line[0])
        return None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """See `Query`."""
        return [(0, len(text))] if self._tells(text) else []

    def _told(self, data: bytes, line: tuple[int, int]) -> bool:
        text = data[line[0] : min(line[1], line[0] + _OVERLAP)].decode("utf-8", "replace")
        return self._tells(text.rpartition("\r")[2] if "\r" in text.rstrip() else text)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words that lead to such lines."""
        return tuple(word.decode() for word in self._words)


class _Lower:
    """A block in lower case, made once for all the matches in it."""

    def __init__(self) -> None:
        self._data = self._low = b""

    def __call__(self, data: bytes) -> bytes:
        if data is not self._data:
            self._data, self._low = data, data.lower()
        return self._low


def _line(data: bytes, at: int, begin: int, end: int) -> tuple[int, int]:
    stop = data.find(b"\n", at, end)
    return max(data.rfind(b"\n", begin, at) + 1, begin), stop if stop >= 0 else end


def _bytes_of(text: str, begin: int, span: tuple[int, int]) -> tuple[int, int]:
    if text.isascii():
        return begin + span[0], begin + span[1]
    first = begin + len(text[: span[0]].encode("utf-8", "surrogateescape"))
    return first, first + len(text[span[0] : span[1]].encode("utf-8", "surrogateescape"))
