"""Copies the code of a project into a snapshot: whole beside its place, then renamed there; and mends an older one.

Files are read-only, so that no job changes what another one runs. Directories stay writable for their owner: a program
that writes beside its code goes on working, and `rm -r` needs no chmod. Files that two snapshots share are hard links.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from arctl.snapshot.index import CHUNK, Changed, at_once, check_same, open_live
from arctl.snapshot.project import TREE, Entry, shown
from arctl.snapshot.store import STAGE, Stored, intact, read_manifest, sweep, write_manifest

Donors = Mapping[tuple[str, bool], tuple[str, Stored]]
"""Content and executability -> name in an older snapshot, and what must still be there."""


def make(place: Path, entries: Sequence[Entry], hashes: Mapping[str, str], *, whole: str, older: Path | None) -> bool:
    """Make the snapshot of that content; False where another arctl has made it meanwhile.

    Raises Changed where a file is not as it was hashed, OSError where there is no room or no right; nothing stays then.
    """
    stage = place.parent / f"{STAGE}{secrets.token_hex(6)}"
    donors = _donors(older)
    try:
        (stage / TREE).mkdir(parents=True)
        directories = _make_directories(stage, entries)
        copied = [one for one in entries if not _linked(one, hashes[one.name], stage / one.name, older, donors)]
        at_once(lambda one: _copy(one, hashes[one.name], stage / one.name), copied)
        check_still(entries)
        write_manifest(stage, whole, entries, hashes)
        for directory in [*directories, stage / TREE, stage]:
            _sync(directory)
        try:
            stage.rename(place)
        except OSError:
            if place.is_dir():
                return False
            raise
        _sync(place.parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return True


def mend(place: Path, entries: Sequence[Entry], hashes: Mapping[str, str], *, whole: str) -> None:
    """Put back what was deleted from a snapshot or changed in it, file by file, so that running jobs miss nothing.

    Raises Changed or OSError.
    """
    manifest = read_manifest(place)
    files = manifest.files if manifest is not None and manifest.hash == whole else {}
    bad = [one for one in entries if one.name not in files or not intact(place, one.name, files[one.name])]
    if not bad and len(files) == len(entries):
        return
    sweep(place)
    (place / TREE).mkdir(exist_ok=True)
    _make_directories(place, bad)
    for one in bad:
        draft = place / f"{STAGE}{secrets.token_hex(6)}"
        try:
            _copy(one, hashes[one.name], draft)
            draft.replace(place / one.name)
        finally:
            draft.unlink(missing_ok=True)
    check_still(entries)
    write_manifest(place, whole, entries, hashes)


def relink(place: Path, entries: Sequence[Entry], links: Mapping[str, Path], *, root: Path) -> None:
    """Make the links of a snapshot to live files below `root`; take away those to what is gone, so that a job may
    make it anew. Raises OSError.
    """
    own = {place / one.name for one in entries}
    directories = {name.rpartition("/")[0] for name in (*links, *(one.name for one in entries))}
    for directory in directories | {TREE}:
        for path in (place / directory).iterdir():
            if path.is_symlink() and path not in own and not path.exists() and path.readlink().is_relative_to(root):
                path.unlink(missing_ok=True)
    for name, live in links.items():
        with contextlib.suppress(FileExistsError):
            (place / name).symlink_to(live)


def check_still(entries: Iterable[Entry]) -> None:
    """See that no live file was written since it was found. Raises Changed."""
    for one in entries:
        try:
            found = one.source.lstat()
        except OSError as error:
            raise Changed(shown(str(one.source))) from error
        if one.link is None:
            check_same(one, found)
        elif found.st_ino != one.inode or found.st_ctime_ns != one.ctime_ns:
            raise Changed(shown(str(one.source)))


def _donors(older: Path | None) -> Donors:
    manifest = read_manifest(older) if older is not None else None
    files = manifest.files if manifest is not None else {}
    return {(stored.sha, stored.executable): (name, stored) for name, stored in files.items() if stored.link is None}


def _linked(one: Entry, sha: str, target: Path, older: Path | None, donors: Donors) -> bool:
    """Take a file over from an older snapshot as a hard link, where it is there and the file system can."""
    if one.link is not None or older is None or (sha, one.executable) not in donors:
        return False
    name, stored = donors[sha, one.executable]
    if not intact(older, name, stored) or ((older / name).lstat().st_mode ^ one.mode) & 0o555:
        return False
    try:
        os.link(older / name, target)
    except OSError:
        return False
    return True


def _copy(one: Entry, sha: str, target: Path) -> None:
    """Write a file or link of a snapshot, on the disk when this returns. Raises Changed or OSError."""
    if one.link is not None:
        target.symlink_to(one.link)
        return
    digest, live = hashlib.sha256(), open_live(one)
    try:
        copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while block := os.read(live, CHUNK):
                digest.update(block)
                _write_all(copy, block)
            if digest.hexdigest() != sha:
                raise Changed(shown(str(one.source)))
            os.utime(copy, ns=(one.mtime_ns, one.mtime_ns))
            os.fchmod(copy, stat.S_IMODE(one.mode) & 0o555 | stat.S_IRUSR)
            os.fsync(copy)
        finally:
            os.close(copy)
    finally:
        os.close(live)


def _write_all(file: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(file, rest) :]


def _make_directories(place: Path, entries: Sequence[Entry]) -> list[Path]:
    """Make the directories of files, no more open to others than the live ones; return them."""
    wanted: dict[str, Path] = {}
    for one in entries:
        for name, live in _above(one):
            if name in wanted:
                break
            wanted[name] = live
    made = []
    for name, live in sorted(wanted.items()):
        made.append(place / name)
        with contextlib.suppress(FileExistsError):
            made[-1].mkdir()
            made[-1].chmod(live.stat().st_mode & 0o755 | stat.S_IRWXU)
    return made


def _above(one: Entry) -> Iterator[tuple[str, Path]]:
    """Yield the directories of a file, deepest first: name in the snapshot, and the live one."""
    name, live = one.name.rpartition("/")[0], one.source.parent
    while name:
        yield name, live
        name, live = name.rpartition("/")[0], live.parent


def _sync(directory: Path) -> None:
    """See that the names in a directory outlive a crash of the machine."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
