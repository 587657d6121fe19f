"""Writes an attempt's events.jsonl: one write of one whole line for each event.

A full disk does not stop the training: what could not be written is counted, said once, and recorded when there is
room.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from trainer.errors import TrainerError

SYNC_SECONDS = 20.0
"""Longest time that an event waits for fsync; the contract promises 30."""
MAX_TEXT = 4000
"""Characters of a text field that are kept."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


class EventLog:
    """The event file of one attempt, written by one process."""

    def __init__(self, path: Path) -> None:
        """Create the file, which must not exist. Raises TrainerError where it cannot be created."""
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o644)
        except OSError as error:
            raise TrainerError(f"cannot be created: {error.strerror}", where=str(path), cure="check the disk") from None
        self.path = path
        """Where the events go."""
        self.dropped = 0
        """Events that could not be written since the last that could."""
        self._seq = 0
        self._clean = False
        self._warned = False
        self._dirty = threading.Event()
        self._lock = threading.Lock()

    def write(self, kind: str, *, t: float | None = None, **fields: object) -> bool:
        """Append one event; `t` is its wall time, by default now. Return whether it was written."""
        event = {"seq": self._seq, "t": time.time() if t is None else t, "kind": kind, **fields}
        try:
            line = _encode(event)
        except ValueError:
            line = _encode(_plain(event))
        if not self._append(line):
            return False
        if self.dropped:
            lost, self.dropped = self.dropped, 0
            self.write("warning", code="events_dropped", message=f"{lost} events could not be written before this one")
        return True

    def sync(self) -> None:
        """Flush to the disk what has been written; does nothing when nothing is new."""
        with self._lock:
            if not self._dirty.is_set() or self._file < 0:
                return
            self._dirty.clear()
            try:
                os.fsync(self._file)
            except OSError as error:
                self._warn(error)

    def close(self) -> None:
        """Flush and close; a second call does nothing."""
        self.sync()
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _append(self, line: str) -> bool:
        start = "" if self._clean else "\n"
        payload = f"{start}{line}\n".encode("utf-8", "replace")
        self._clean = False
        try:
            written = os.write(self._file, payload)
        except OSError as error:
            self._drop(error)
            return False
        self._dirty.set()
        if written < len(payload) - 1:  # a line that lacks only its end is whole: the next one begins with it
            self._drop(OSError(0, f"only {written} of {len(payload)} bytes were taken"))
            return False
        self._clean = written == len(payload)
        self._seq += 1
        return True

    def _drop(self, error: OSError) -> None:
        self.dropped += 1
        self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            reason = error.strerror or error
            print(f"trainer: warning: {self.path}: {reason}; training goes on without its events", file=sys.stderr)


class NoEvents:
    """What the processes beside the first one write: nothing."""

    def write(self, kind: str, *, t: float | None = None, **fields: object) -> bool:
        """Do nothing."""
        return False

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _plain(value: object) -> object:
    """Return a value that JSON can say: NaN and infinities as the contract spells them."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value[:MAX_TEXT] if isinstance(value, str) else value
