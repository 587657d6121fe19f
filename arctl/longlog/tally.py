"""Line numbers of a log too long to count while one waits: newlines are counted in slices, and each count is kept."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from arctl.longlog.window import Stamp
from arctl.tail import inode_of, opened

_STEP = 1 << 22


@dataclass(frozen=True, slots=True)
class Tally:
    """How many lines stand before each multiple of 4 MiB of a log, as far as it was counted."""

    inode: int = 0
    """Inode of the log."""
    upto: int = 0
    """Bytes that were counted."""
    sums: tuple[int, ...] = (0,)
    """Newlines before byte 0, 4 MiB, 8 MiB, ... of what was counted."""
    total: int = 0
    """Newlines in what was counted."""

    def fits(self, stamp: Stamp) -> bool:
        """Tell whether this is the count of that log."""
        return self.inode == stamp.inode and self.upto <= stamp.size

    def knows(self, stamp: Stamp) -> bool:
        """Tell whether that log was counted to its end."""
        return self.fits(stamp) and self.upto == stamp.size


def counted(path: Path, tally: Tally, *, patience: float = 0.2) -> Tally:
    """Return the tally counted on for `patience` seconds, anew where the log is another one than before.

    What was counted up to the last multiple of 4 MiB stays; the rest, which may have grown, is counted again. Raises
    DataError as `window` does.
    """
    with opened(path) as file:
        if file is None:
            return Tally()
        found = os.fstat(file)
        if tally.inode != inode_of(found) or found.st_size < tally.upto:
            tally = Tally(inode_of(found))
        sums, deadline = list(tally.sums), time.monotonic() + patience
        at = (len(sums) - 1) * _STEP
        total = sums[-1]
        while at < found.st_size:
            data = os.pread(file, min(_STEP, found.st_size - at), at)
            if not data:
                break
            total += data.count(b"\n")
            at += len(data)
            if len(data) == _STEP:
                sums.append(total)
            if len(data) < _STEP or time.monotonic() > deadline:
                break
        return Tally(tally.inode, at, tuple(sums), total)


def number_at(path: Path, tally: Tally, at: int) -> int | None:
    """Return the number, from 1, of the line that begins at byte offset `at`; None where it was not counted yet."""
    if at > tally.upto or not tally.inode:
        return None
    cell = min(at // _STEP, len(tally.sums) - 1)
    with opened(path) as file:
        if file is None or inode_of(os.fstat(file)) != tally.inode:
            return None
        return tally.sums[cell] + os.pread(file, at - cell * _STEP, cell * _STEP).count(b"\n") + 1


def line_total(path: Path, tally: Tally) -> int:
    """Return how many lines the counted part has, half a last one counted too."""
    with opened(path) as file:
        torn = file is not None and tally.upto > 0 and os.pread(file, 1, tally.upto - 1) != b"\n"
        return tally.total + torn
