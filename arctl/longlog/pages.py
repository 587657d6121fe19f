"""Where lines begin and end in a file of any size, by reading pages of it: what is read and held is bounded.

A line is what lies between two newlines. A line of more than 128 MiB is cut into pieces at multiples of that size, so
that the place of a piece can be told from its own surroundings, and nobody has to read two gigabytes for one line.
"""

from __future__ import annotations

import os
from collections import OrderedDict

PIECE = 1 << 27
"""Bytes: a stretch between two multiples of this that holds no newline ends in a cut."""

_PAGE = 1 << 18
_HELD = 8


class Pages:
    """The bytes of an open file up to the size that it had, read in pages of which the last few are held."""

    def __init__(self, file: int, size: int) -> None:
        self.size = size
        """Bytes of the file when it was opened; what it grows by later is not looked at."""
        self.spent = 0
        """Bytes that were read so far."""
        self._file = file
        self._pages: OrderedDict[int, bytes] = OrderedDict()

    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes from `begin` to `end`; fewer where the file was cut short meanwhile."""
        end = min(end, self.size)
        if begin >= end:
            return b""
        if begin // _PAGE == (end - 1) // _PAGE:
            page = self._page(begin // _PAGE)
            return page[begin % _PAGE : begin % _PAGE + end - begin]
        self.spent += end - begin
        return os.pread(self._file, end - begin, begin)

    def line_begin(self, at: int) -> int:
        """Return where the line or piece begins in which byte `at` lies; `at` may be the size of the file."""
        cell = at // PIECE * PIECE
        newline = self._newline_before(at, cell)
        if newline is None and cell > 0:
            newline = self._newline_before(cell, cell - PIECE)
            return cell if newline is None else newline + 1
        return 0 if newline is None else newline + 1

    def line_end(self, begin: int) -> int:
        """Return where the next line or piece begins after the one that begins at `begin`."""
        cut = min(-(-begin // PIECE) * PIECE + PIECE, self.size)
        newline = self._newline_after(begin, cut)
        return cut if newline is None else newline + 1

    def _page(self, number: int) -> bytes:
        page = self._pages.pop(number, None)
        if page is None:
            begin = number * _PAGE
            page = os.pread(self._file, min(_PAGE, self.size - begin), begin)
            self.spent += len(page)
        self._pages[number] = page
        if len(self._pages) > _HELD:
            self._pages.popitem(last=False)
        return page

    def _newline_after(self, at: int, until: int) -> int | None:
        while at < until:
            number = at // _PAGE
            found = self._page(number).find(b"\n", at % _PAGE)
            if found >= 0:
                place = number * _PAGE + found
                return place if place < until else None
            at = (number + 1) * _PAGE
        return None

    def _newline_before(self, at: int, down_to: int) -> int | None:
        while at > down_to:
            number = (at - 1) // _PAGE
            found = self._page(number).rfind(b"\n", 0, at - number * _PAGE)
            if found >= 0:
                place = number * _PAGE + found
                return place if place >= down_to else None
            at = number * _PAGE
        return None
