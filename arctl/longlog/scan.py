"""Looks through a log of any size for a query, in slices: between two of them one can stop, or say how far it is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from arctl.longlog.pages import Pages
from arctl.longlog.queries import Query
from arctl.tail import opened

_SLICE = 1 << 28
_PATIENCE = 0.15
_OVERLAP = 1 << 12


@dataclass(frozen=True, slots=True)
class Hit:
    """A line in which something was found."""

    line: int
    """Byte offset at which the line begins."""
    at: int
    """Byte offset of the match."""
    end: int
    """Byte offset after it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What one look through a part of a log found."""

    hit: Hit | None
    """The match nearest to where the look began."""
    at: int
    """Where to go on."""
    done: bool
    """Whether that is the end of the log, or its beginning where one looks backwards."""
    size: int
    """Bytes of the log."""


def look(path: Path, query: Query, *, at: int, backward: bool = False, patience: float = _PATIENCE) -> Slice:
    """Return the first match from byte offset `at` on, or the last one before it; looks for `patience` seconds.

    `at` is the begin of a line. A slice that found nothing and is not done says where to go on. Raises DataError as
    `window` does.
    """
    with opened(path) as file:
        if file is None:
            return Slice(None, 0, done=True, size=0)
        pages = Pages(file, os.fstat(file).st_size)
        at = min(max(at, 0), pages.size)
        step = _upwards if backward else _downwards
        deadline, begun, hit = time.monotonic() + patience, at, None
        while hit is None and at != (0 if backward else pages.size):
            hit, at = step(pages, query, at)
            if time.monotonic() > deadline or abs(at - begun) > _SLICE:
                break
        return Slice(hit, at, done=at == (0 if backward else pages.size), size=pages.size)


def find(
    path: Path,
    query: Query,
    *,
    at: int = 0,
    backward: bool = False,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda at, size: None,
) -> Hit | None:
    """Return the next match in a whole log, or None; asks `stop` and tells `progress` (offset, size) between slices."""
    while not stop():
        part = look(path, query, at=at, backward=backward)
        if part.hit is not None or part.done:
            return part.hit
        progress(part.at, part.size)
        at = part.at
    return None


def every(path: Path, query: Query, *, at: int = 0) -> Iterator[tuple[int, Hit, str]]:
    """Give number (from 1, counted from `at`), place and safe text of each line that matches, in order."""
    from arctl.longlog.window import text_of

    with opened(path) as file:
        if file is None:
            return
        pages = Pages(file, os.fstat(file).st_size)
        number = 1
        while at < pages.size:
            data, end = _block(pages, query, at)
            begin = counted = 0
            while found := query.first(data, begin, end):
                first = data.rfind(b"\n", 0, found[0]) + 1
                place = at + first if first else pages.line_begin(at + found[0])
                number += data.count(b"\n", counted, first)
                counted, begin = first, data.find(b"\n", found[1], end) + 1 or pages.line_end(place) - at
                yield number, Hit(place, at + found[0], at + found[1]), text_of(pages, place, at + begin)
            begin = max(begin, _step(data, end, last=at + len(data) >= pages.size))
            number += data.count(b"\n", counted, begin) + (begin > len(data))
            at += begin


def _block(pages: Pages, query: Query, at: int) -> tuple[bytes, int]:
    """Return a block from `at` on, and where its whole lines end; a line that fills it ends where it does."""
    data = pages.read(at, at + query.block)
    if not data:
        pages.size = at  # cut short meanwhile
    last = at + len(data) >= pages.size
    return data, len(data) if last else data.rfind(b"\n") + 1 or len(data)


def _step(data: bytes, end: int, *, last: bool) -> int:
    """Return how far to go on behind a block: matches that lie across the ends of two blocks are not missed."""
    torn = not last and data[end - 1 : end] != b"\n"
    return end - (_OVERLAP if torn else 0)


def _downwards(pages: Pages, query: Query, at: int) -> tuple[Hit | None, int]:
    """Look through the block from `at` on; return a match, and where the next block begins."""
    data, end = _block(pages, query, at)
    if found := query.first(data, 0, end):
        line = data.rfind(b"\n", 0, found[0])
        begin = at + line + 1 if line >= 0 else pages.line_begin(at + found[0])
        return Hit(begin, at + found[0], at + found[1]), pages.line_end(begin)
    return None, at + _step(data, end, last=at + len(data) >= pages.size)


def _upwards(pages: Pages, query: Query, at: int) -> tuple[Hit | None, int]:
    """Look through the block before `at`; return a match, and where that block begins."""
    low = max(0, at - query.block)
    data = pages.read(low, at)
    newline = data.find(b"\n", 0, len(data) - 1) if low else -1
    if found := query.last(data, newline + 1, len(data)):
        begin = pages.line_begin(low + found[0])
        return Hit(begin, low + found[0], low + found[1]), begin
    torn = low > 0 and newline < 0
    return None, low + newline + 1 + (_OVERLAP if torn else 0)
