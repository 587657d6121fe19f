"""Remembers the hashes of files between submissions, so that an unchanged project is not read again.

A remembered hash counts while size, times and inode of the file are the same. As in git, a file that was written within
the last two seconds is not remembered: it could change once more and look the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from arctl.errors import UsageError
from arctl.snapshot.project import Entry, cure, shown

RACY_NS = 2_000_000_000
"""A file that is younger than this when it is read is read again the next time."""

CHUNK = 1 << 20
"""Bytes that are read at once."""

THREADS = 16
"""Files that are read or written at the same time."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_LIMIT = 64 << 20


class Changed(Exception):
    """A file was written while it was read; the text is its name."""


class Index:
    """The remembered hashes of one workspace, and the snapshot that was taken last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        found = read_json(path)
        files, last = found.get("files"), found.get("last")
        self._files: dict[str, object] = files if isinstance(files, dict) else {}
        self._fresh: dict[str, list[object]] = {}
        self.last = last if isinstance(last, str) else None
        """Name of the snapshot that was taken last."""

    def hashes(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Return the SHA-256 of each file by its name, and of each link's text.

        Raises Changed for a file that is being written, UsageError for one that cannot be read.
        """
        known = {one.name: self._known(one) for one in entries}
        unknown = [one for one in entries if known[one.name] is None]
        now = _now(self._path.parent) if unknown else 0
        found = {name: sha for name, sha in known.items() if sha is not None}
        for one, sha in zip(unknown, at_once(hash_of, unknown), strict=True):
            found[one.name] = sha
            if one.link is None and max(one.mtime_ns, one.ctime_ns) < now - RACY_NS:
                self._fresh[one.name] = [*_seen(one), sha]
        return found

    def save(self, entries: Iterable[Entry], *, last: str) -> None:
        """Keep what was read, for files that are still of use. Raises OSError."""
        if not self._fresh and self.last == last:
            return
        names = {one.name for one in entries}
        kept = {
            name: facts for name, facts in self._files.items() if name in names or len(self._files) < 2 * len(names)
        }
        write_json(self._path, {"last": last, "files": {**kept, **self._fresh}})

    def _known(self, one: Entry) -> str | None:
        if one.link is not None:
            return hashlib.sha256(os.fsencode(one.link)).hexdigest()
        facts = self._files.get(one.name)
        if isinstance(facts, list) and len(facts) == 5 and facts[:4] == _seen(one) and isinstance(facts[4], str):
            return facts[4]
        return None


def at_once(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Do some work on files, several at a time: a network disk takes as long for sixteen as for one.

    The first error ends it and is raised.
    """
    if not items:
        return []
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(THREADS, len(items))) as pool:
        try:
            return list(pool.map(work, items))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def hash_of(one: Entry) -> str:
    """Return the SHA-256 of a live file. Raises Changed or UsageError."""
    digest = hashlib.sha256()
    file = open_live(one)
    try:
        while block := os.read(file, CHUNK):
            digest.update(block)
        check_same(one, os.fstat(file))
    except OSError as error:
        raise _unreadable(one, error) from error
    finally:
        os.close(file)
    return digest.hexdigest()


def open_live(one: Entry) -> int:
    """Open a live file, which must still be the one that was found. Raises Changed or UsageError."""
    try:
        file = os.open(one.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Changed(shown(str(one.source))) from error
    except OSError as error:
        raise _unreadable(one, error) from error
    try:
        check_same(one, os.fstat(file))
    except BaseException:
        os.close(file)
        raise
    return file


def check_same(one: Entry, found: os.stat_result) -> None:
    """See that a file is as it was found. Raises Changed."""
    seen = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    if not stat.S_ISREG(found.st_mode) or seen != _seen(one):
        raise Changed(shown(str(one.source)))


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object of arctl's own; empty where there is none, or a damaged one."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Replace a JSON file as a whole. Raises OSError; the old one is as it was then."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("x", encoding="ascii") as file:
            json.dump(content, file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _seen(one: Entry) -> list[object]:
    return [one.size, one.mtime_ns, one.ctime_ns, one.inode]


def _unreadable(one: Entry, error: OSError) -> UsageError:
    what = f"cannot be read: {error.strerror}"
    return UsageError(what, where=shown(str(one.source)), cure=cure(one.name.partition("/")[2]))


def _now(directory: Path) -> int:
    """Return the time of the file system, which need not be this machine's, nanoseconds."""
    probe = directory / f".clock.{secrets.token_hex(4)}.tmp"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            return probe.stat().st_mtime_ns
        finally:
            probe.unlink()
    except OSError:
        return 0
