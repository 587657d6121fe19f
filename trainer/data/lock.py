"""One builder at a time, on any file system: a directory is the lock, because mkdir is atomic on all of them.

The lock only saves work. Should two hold it, after one was wrongly taken for dead, each writes a directory of its own,
and a rename decides.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

BEAT_S = 5.0
"""Seconds between two signs of life of a builder."""
STALE_S = 60.0
"""A builder that gives no sign for so long is dead. Measured by the waiter's own clock: those of two hosts differ."""


@contextmanager
def held(
    lock: Path, *, done: Callable[[], bool], waiting: Callable[[], None], stale_s: float = STALE_S
) -> Iterator[bool]:
    """Hold the lock, or wait while another does: yields True with the lock, False once `done()` is true without it.

    `waiting` is called once, when the wait begins. Raises OSError where the directory cannot be written.
    """
    watch = _Watch(lock, stale_s)
    told = False
    while not _take(lock):
        if done():
            yield False
            return
        if not told:
            waiting()
            told = True
        if watch.is_stale():
            _break(lock)
        else:
            time.sleep(0.2)
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(lock, stop), daemon=True)
    thread.start()
    try:
        yield True
    finally:
        stop.set()
        thread.join()
        shutil.rmtree(lock, ignore_errors=True)


def _take(lock: Path) -> bool:
    try:
        lock.mkdir()
    except FileExistsError:
        return False
    try:
        owner = {"place": _place(), "pid": os.getpid(), "token": uuid.uuid4().hex}
        (lock / "owner.json").write_text(json.dumps(owner))
    except OSError:
        shutil.rmtree(lock, ignore_errors=True)
        raise
    return True


def _beat(lock: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        try:
            os.utime(lock / "owner.json")
        except OSError:
            return


def _break(lock: Path) -> None:
    """Move the dead owner's lock away; of several that try, one succeeds, and all try to take it then."""
    grave = lock.with_name(f"{lock.name}.{uuid.uuid4().hex}")
    try:
        lock.rename(grave)
    except OSError:
        return
    shutil.rmtree(grave, ignore_errors=True)


def _place() -> str:
    """Return what a process number is unique in: the host and its process namespace."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}"


class _Watch:
    """Tells whether the owner of a lock still lives."""

    def __init__(self, lock: Path, stale_s: float) -> None:
        self._owner = lock / "owner.json"
        self._stale_s = stale_s
        self._sign: tuple[str, float] | None = None
        self._since = time.monotonic()

    def is_stale(self) -> bool:
        """True where the owner is a dead process of this host, or gave no sign of life for a while."""
        try:
            text = self._owner.read_text()
            sign = (text, self._owner.stat().st_mtime)
        except OSError:
            text, sign = "", ("", 0.0)
        if sign != self._sign:
            self._sign, self._since = sign, time.monotonic()
        return _is_dead(text) or time.monotonic() - self._since > self._stale_s


def _is_dead(text: str) -> bool:
    try:
        owner = json.loads(text)
        if owner["place"] != _place():
            return False
        os.kill(int(owner["pid"]), 0)
    except ProcessLookupError:
        return True
    except (ValueError, KeyError, TypeError, OSError):
        return False
    return False
