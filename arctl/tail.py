"""New whole lines of a growing file, and the last lines of a long one.

Files are opened anew for each look, read-only, and only if they are regular files: never a link, a pipe or a device.
On network file systems the growing end may show NUL bytes for a while, and a file may be cut or replaced
under its reader.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arctl.errors import DataError
from arctl.text import safe

LINE_LIMIT = 4096
"""Characters of a log line that are shown."""

NUL_WAIT_S = 60.0
"""A file that has not changed for so long keeps its NUL bytes: they are damage, not data on its way."""

RESTARTED = "--- the log was replaced or cut short; it goes on here ---"
"""What `follow` says where a file has begun anew."""

_BLOCK = 1 << 16
_BINARY_FROM = 32
_LAST_LIMIT = 1 << 26
_FOLLOW_LIMIT = 1 << 20


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a file, from one look."""

    lines: list[bytes]
    """The lines without their line ends; empty lines are among them."""
    begin: int
    """Byte offset of the first line."""
    offset: int
    """Byte offset after the last line: where to go on."""
    inode: int
    """Inode of the file; 0 where there is none."""
    restarted: bool
    """Whether the file is another one than before, or shorter: `begin` is 0 then."""


def read_new(path: Path, offset: int, *, inode: int | None = None, limit: int = 8 << 20) -> Chunk:
    """Return the whole lines after `offset`, at most `limit` bytes of them; a missing file has none.

    `inode` is that of the file to which `offset` belongs. Half a last line is left for the next look, and so are NUL
    bytes near the end of a file that is still written; a line longer than `limit` comes in pieces. Raises DataError
    for what is no regular file and what cannot be read.
    """
    with opened(path) as file:
        if file is None:
            return Chunk([], offset, offset, 0, restarted=False)
        found = os.fstat(file)
        number = inode_of(found)
        restarted = found.st_size < offset or (offset > 0 and inode not in (None, 0, number))
        begin = 0 if restarted else offset
        data = os.pread(file, limit, begin)
    settled = time.time() - found.st_mtime > NUL_WAIT_S
    doubtful = len(data) if settled else found.st_size - begin - _BLOCK
    end = _whole(data, full=len(data) == limit, doubtful=doubtful)
    lines = data[:end].split(b"\n")
    if data[:end].endswith(b"\n") or not end:
        lines.pop()
    return Chunk(lines, begin, begin + end, number, restarted)


def read_small(path: Path, *, limit: int = 1 << 16) -> bytes:
    """Return the first `limit` bytes of a file; a missing file has none. Raises DataError as `read_new` does."""
    with opened(path) as file:
        return os.pread(file, limit, 0) if file is not None else b""


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last `count` lines of a text file, safe to show, each cut at 4096 characters; a missing file has none.

    Reads backwards, so that the size of the file does not matter. Raises DataError as `read_new` does.
    """
    data, _, _ = _end(path, count)
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [shown(line) for line in lines[-count:]] if count > 0 else []


def follow(path: Path, *, stop: Callable[[], bool], from_end_lines: int = 10, poll_s: float = 0.25) -> Iterator[str]:
    """Give the last lines of a file and then each new one, safe to show, until `stop()` says so.

    A file that does not exist yet is waited for. After `stop()` what is left is given, also half a last line.
    """
    data, size, inode = _end(path, from_end_lines)
    *lines, half = data.split(b"\n")
    yield from (shown(line) for line in lines[-from_end_lines:] if from_end_lines > 0)
    offset = size - len(half)
    while True:
        stopping = stop()
        chunk = read_new(path, offset, inode=inode, limit=_FOLLOW_LIMIT)
        if chunk.restarted:
            yield RESTARTED
        yield from (shown(line) for line in chunk.lines)
        offset, inode = chunk.offset, chunk.inode or inode
        if chunk.lines:
            continue
        if stopping:
            break
        time.sleep(poll_s)
    with opened(path) as file:
        rest = os.pread(file, _BLOCK, offset) if file is not None else b""
    if rest:
        yield shown(rest)


def shown(line: bytes, *, length: int | None = None) -> str:
    """Return a line of a log as it may be shown: no escape sequence, undecodable bytes replaced, cut when long.

    A line that is mostly no text is told of in its place. `length` is that of the whole line in bytes where `line` is
    only its beginning.
    """
    cut = len(line) - 4 * LINE_LIMIT if length is None else length - len(line)
    if cut > 0 and length is None:
        line = line[-4 * LINE_LIMIT :] if b"\r" in line[-4 * LINE_LIMIT :] else line[: 4 * LINE_LIMIT]
    decoded = line.decode("utf-8", "replace")
    if len(line) >= _BINARY_FROM and decoded.count("\ufffd") + decoded.count("\x00") > len(decoded) // 4:
        return f"(binary data, {len(line) + max(cut, 0)} bytes)"
    text = safe(decoded, limit=LINE_LIMIT).expandtabs().rstrip()
    return f"{text} ({cut} more bytes)" if cut > 0 else text


@contextmanager
def opened(path: Path) -> Iterator[int | None]:
    """Open a regular file for reading; None where nothing is. Raises DataError for a link, a pipe and the like."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        what = "this is a link" if error.errno == errno.ELOOP else f"cannot be read: {error.strerror}"
        raise DataError(what, where=str(path), cure="arctl reads regular files only; put one there") from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise DataError("this is no regular file", where=str(path), cure="remove it, or put a file there")
        yield file
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path), cure="check the disk") from error
    finally:
        os.close(file)


def _whole(data: bytes, *, full: bool, doubtful: int) -> int:
    """Return how many bytes of `data` are whole lines to take now: a NUL from `doubtful` on ends them."""
    end = data.rfind(b"\n") + 1
    if not end and full:
        return len(data)
    hole = data.find(b"\x00", max(doubtful, 0), end)
    return end if hole < 0 else data.rfind(b"\n", 0, hole) + 1


def _tail_bytes(file: int, size: int, count: int) -> bytes:
    """Return the end of a file from the start of its `count`-th last line on."""
    blocks: deque[bytes] = deque()
    begin, newlines, held = size, 0, 0
    while begin > 0 and newlines <= count and held < _LAST_LIMIT:
        step = min(_BLOCK, begin)
        begin -= step
        block = os.pread(file, step, begin)
        blocks.appendleft(block)
        newlines += block.count(b"\n")
        held += len(block)
    return b"".join(blocks)


def _end(path: Path, count: int) -> tuple[bytes, int, int | None]:
    """Return at least the last `count` lines and half a line, the file's size, and its inode."""
    with opened(path) as file:
        if file is None:
            return b"", 0, None
        found = os.fstat(file)
        return _tail_bytes(file, found.st_size, max(count, 1)), found.st_size, inode_of(found)


def inode_of(found: os.stat_result) -> int:
    """Return a file's inode as a number that the registry can hold."""
    return found.st_ino & 0x7FFF_FFFF_FFFF_FFFF
