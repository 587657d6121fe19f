"""The snapshots on disk, each in a directory named by its content, with a manifest that tells a whole one from a half.

What is left of killed submissions is swept; what jobs wrote into a snapshot is found before it is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from arctl.snapshot.index import read_json, write_json
from arctl.snapshot.project import Entry

MANIFEST = "manifest.json"
"""What a snapshot holds; written last, so that it is whole where this is."""

STALE_S = 3600.0
"""A stage older than this was left by a submission that was killed, seconds."""

STAGE = ".stage-"
"""Begins the names of what is being made or removed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file or link of a snapshot."""

    sha: str
    """SHA-256 of its content, or of the link's text."""
    size: int
    """Bytes."""
    mtime_ns: int
    """When it was last changed, as it must still be."""
    executable: bool
    """Whether it may be executed."""
    link: str | None
    """What a symbolic link says."""


@dataclass(frozen=True)
class Manifest:
    """What a snapshot holds."""

    hash: str
    """SHA-256 of all of it, 64 hex digits."""
    files: Mapping[str, Stored]
    """By name: `tree/src/model.py`."""


def content_hash(entries: Iterable[Entry], hashes: Mapping[str, str]) -> str:
    """Return the SHA-256 over names, kinds and contents, 64 hex digits: the same wherever the project lies."""
    digest = hashlib.sha256()
    for one in sorted(entries, key=lambda one: os.fsencode(one.name)):
        kind = "link" if one.link is not None else "program" if one.executable else "file"
        digest.update(f"{kind} {hashes[one.name]} ".encode() + os.fsencode(one.name) + b"\0")
    return digest.hexdigest()


def read_manifest(place: Path) -> Manifest | None:
    """Return what a snapshot holds, or None where there is none, or its manifest is damaged."""
    found = read_json(place / MANIFEST)
    try:
        files = {str(name): Stored(*facts) for name, facts in dict(found["files"]).items()}  # type: ignore[call-overload]
        return Manifest(str(found["hash"]), files)
    except (KeyError, TypeError, ValueError):
        return None


def intact(place: Path, name: str, stored: Stored) -> bool:
    """Say whether a file or link of a snapshot is as it was written."""
    path = place / name
    try:
        if stored.link is not None:
            return str(path.readlink()) == stored.link
        found = path.lstat()
    except OSError:
        return False
    seen = (stat.S_ISREG(found.st_mode), found.st_size, found.st_mtime_ns, bool(found.st_mode & stat.S_IXUSR))
    return seen == (True, stored.size, stored.mtime_ns, stored.executable)


def missing(place: Path, manifest: Manifest) -> list[str]:
    """Return the names of files and links that are gone from a snapshot, or no longer as they were written."""
    return [name for name, stored in manifest.files.items() if not intact(place, name, stored)]


def write_manifest(place: Path, whole: str, entries: Iterable[Entry], hashes: Mapping[str, str]) -> None:
    """Write what a snapshot holds, as its files are now. Raises OSError."""
    files = {}
    for one in entries:
        found = (place / one.name).lstat()
        size, mtime_ns = (0, 0) if one.link is not None else (found.st_size, found.st_mtime_ns)
        files[one.name] = astuple(Stored(hashes[one.name], size, mtime_ns, one.executable, one.link))
    write_json(place / MANIFEST, {"version": 1, "hash": whole, "files": files})


def strangers(place: Path, manifest: Manifest) -> list[str]:
    """Return the files in a snapshot that are not of it: what jobs wrote there. Compiled Python does not count."""
    found = []
    for directory, below, names in os.walk(place):
        below[:] = [name for name in below if name != "__pycache__"]
        for name in names:
            inside = os.path.relpath(f"{directory}/{name}", place)
            if "/" in inside and inside not in manifest.files and not (place / inside).is_symlink():
                found.append(inside)
    return sorted(found)


def sweep(directory: Path) -> None:
    """Remove the stages and drafts that killed submissions left behind."""
    for path in directory.iterdir():
        if path.name.startswith(STAGE) or (path.name.startswith(".") and path.name.endswith(".tmp")):
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > STALE_S:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def remove(place: Path) -> bool:
    """Remove a snapshot, at once out of its place, so that a half is never met; say whether it is gone.

    One that another arctl has begun to use stays.
    """
    away = place.parent / f"{STAGE}{secrets.token_hex(6)}"
    try:
        place.rename(away)
        if time.time() - away.stat().st_mtime < STALE_S:
            away.rename(place)
            return False
    except OSError:
        return False
    shutil.rmtree(away, ignore_errors=True)
    return True
