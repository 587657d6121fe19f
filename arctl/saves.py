"""When a start of the trainer last saved its state, and how long saving takes: read from the end of its event file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from arctl import events
from arctl.errors import DataError
from arctl.tail import read_new

_BLOCK = 1 << 17
_LAP = 1 << 12
_MOST = 1 << 25


def last_save(path: Path) -> float | None:
    """Return when the newest checkpoint of an event file was whole, Unix seconds.

    None where its last 32 MiB tell of none, and for a file that is missing or cannot be read.
    """
    for lines, _ in _blocks(path):
        for line in reversed(lines):
            if b'"checkpoint"' in line and isinstance(event := events.parse(line), events.Checkpoint):
                return event.t
    return None


def save_seconds(path: Path) -> list[float]:
    """Return how long the newest checkpoints of an event file took at most, seconds: the time since the event before.

    Looks at the end of the file alone, and is empty where that has none.
    """
    lines, begin = next(_blocks(path), ([], 0))
    found: list[float] = []
    before: float | None = None
    for place, line in enumerate(lines):
        event = None if begin and place == 0 else events.parse(line)
        if event is None or isinstance(event, events.Damaged):
            continue
        if isinstance(event, events.Checkpoint) and before is not None:
            found.append(max(0.0, event.t - before))
        before = event.t
    return found


def _blocks(path: Path) -> Iterator[tuple[list[bytes], int]]:
    """Give the lines of a file from its end on, block by block, each with its offset; the blocks lap a little."""
    try:
        size = path.lstat().st_size
        end = size
        while end > 0 and size - end < _MOST:
            begin = max(0, end - _BLOCK)
            yield read_new(path, begin, limit=end - begin + _LAP).lines, begin
            end = begin
    except (OSError, DataError):
        return
