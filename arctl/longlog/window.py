"""A few lines around any place of a log, as a screen needs them: the size of the file does not matter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from arctl.longlog.pages import Pages
from arctl.tail import LINE_LIMIT, inode_of, opened, shown

_WHOLE = 4 * LINE_LIMIT
_BUDGET = 5 << 25


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log."""

    at: int
    """Byte offset at which it begins."""
    end: int
    """Byte offset at which the next one begins."""
    text: str
    """What may be shown of it: safe, at most some 4096 characters, of a progress bar its last state."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A log as it was at one look."""

    inode: int
    """Inode of the file; 0 where there was none."""
    size: int
    """Bytes."""
    changed: float
    """When it was last written to, Unix seconds."""

    def begun_anew(self, before: Stamp) -> bool:
        """Tell whether this is another file than before, or the same one cut short."""
        return before.inode != 0 and (self.inode != before.inode or self.size < before.size)


@dataclass(frozen=True, slots=True)
class Window:
    """Whole lines of a log that follow one another, and half a last one where the log ends so."""

    lines: tuple[Line, ...]
    """The lines, in order."""
    anchor: int
    """Which of them was asked for: an index; 0 where there are none."""
    stamp: Stamp
    """The file."""

    @property
    def at_top(self) -> bool:
        """Whether nothing stands before these lines."""
        return not self.lines or self.lines[0].at == 0

    @property
    def at_end(self) -> bool:
        """Whether nothing stands after them."""
        return not self.lines or self.lines[-1].end >= self.stamp.size


def stamp_of(path: Path) -> Stamp:
    """Return inode, size and time of a log; zeros where there is none. Raises DataError as `window` does."""
    with opened(path) as file:
        return _stamp(os.fstat(file)) if file is not None else Stamp(0, 0, 0.0)


def window(path: Path, at: int | None = None, *, before: int = 0, after: int = 0) -> Window:
    """Return the line at byte offset `at`, up to `before` lines above it and `after` below; None is the last line.

    An offset beyond the end means the last line. Where lines are so long that the window would take more than
    160 MiB to read, it holds fewer of them. Raises DataError for what is no regular file or cannot be read.
    """
    with opened(path) as file:
        if file is None:
            return Window((), 0, Stamp(0, 0, 0.0))
        stamp = _stamp(os.fstat(file))
        pages = Pages(file, stamp.size)
        if not stamp.size:
            return Window((), 0, stamp)
        anchor = pages.line_begin(stamp.size - 1 if at is None else max(0, min(at, stamp.size - 1)))
        below = _below(pages, anchor, after + 1)
        above = _above(pages, anchor, before)
        return Window((*above, *below), len(above), stamp)


def _below(pages: Pages, begin: int, count: int) -> list[Line]:
    lines: list[Line] = []
    while begin < pages.size and len(lines) < count and (len(lines) < 2 or pages.spent < _BUDGET):
        end = pages.line_end(begin)
        lines.append(Line(begin, end, text_of(pages, begin, end)))
        begin = end
    return lines


def _above(pages: Pages, end: int, count: int) -> list[Line]:
    lines: list[Line] = []
    while end > 0 and len(lines) < count and (not lines or pages.spent < _BUDGET):
        begin = pages.line_begin(end - 1)
        lines.append(Line(begin, end, text_of(pages, begin, end)))
        end = begin
    return lines[::-1]


def text_of(pages: Pages, begin: int, end: int) -> str:
    """Return what may be shown of the line from `begin` to `end`: of a long one the head, of a long bar the end."""
    length = end - begin
    if length <= _WHOLE:
        return shown(pages.read(begin, end).removesuffix(b"\n"))
    tail = pages.read(end - _WHOLE, end).rstrip(b"\r\n")
    if (redrawn := tail.find(b"\r")) >= 0:
        return shown(tail[redrawn:])
    return shown(pages.read(begin, begin + LINE_LIMIT), length=length - (pages.read(end - 1, end) == b"\n"))


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(inode_of(found), found.st_size, found.st_mtime)
