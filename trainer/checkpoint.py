"""Saves and finds the state of a run so that a kill at any moment leaves one whole checkpoint to go on from.

A new file is written beside the old one and renamed over it; the old one lives on as previous.pt; manifest.json,
with the SHA-256 of all, comes last. A file that it does not vouch for is never loaded: `torch.load` sees no bit rot.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainer.errors import DataError, TrainerError

LAST, PREVIOUS, BEST, MANIFEST = "last.pt", "previous.pt", "best.pt", "manifest.json"


@dataclass(frozen=True)
class Found:
    """A checkpoint that is whole, read into memory."""

    name: str
    """Which file it is."""
    state: dict[str, Any]
    """What was saved; tensors on the CPU."""
    complaints: tuple[str, ...]
    """What was wrong with newer files, one sentence each."""


def save(
    directory: Path,
    state: Mapping[str, Any],
    *,
    epoch: int,
    step: int,
    attempt: str,
    best: bool,
    check: Callable[[], None],
) -> None:
    """Replace last.pt, and best.pt where it is the best; `check` may refuse just before anything is replaced.

    Raises TrainerError where it cannot be written: the older files are whole then.
    """
    temporary = directory / f".{LAST}.{attempt}.tmp"  # a lost node may still write one of its own
    try:
        directory.mkdir(exist_ok=True)
        entry = _write(temporary, state) | {"epoch": epoch, "step": step, "attempt": attempt}
        manifest = _read_manifest(directory)
        check()
        if _vouched(directory / LAST, manifest):
            _link(directory / LAST, directory / PREVIOUS)
            manifest[PREVIOUS] = manifest[LAST]
        temporary.replace(directory / LAST)
        manifest[LAST] = entry
        if best:
            _link(directory / LAST, directory / BEST)
            manifest[BEST] = entry
        _sync_directory(directory)
        _replace_json(directory / MANIFEST, manifest)
        _sync_directory(directory)
        for leftover in half_saved(directory):
            leftover.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise TrainerError(
            f"the checkpoint of step {step} could not be saved: {reason}",
            where=str(directory),
            cure="make room; the one before it is whole",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def half_saved(directory: Path) -> list[Path]:
    """Return what attempts have left behind that were killed while they saved."""
    return sorted(directory.glob(f".{LAST}.*.tmp"))


def find(directory: Path) -> Found | None:
    """Return the newest whole checkpoint, None where none was ever completed.

    Raises DataError where there were some and none of them is whole.
    """
    manifest = _read_manifest(directory)
    if not manifest:
        return None
    known = {entry.get("sha256"): entry for entry in manifest.values() if entry}
    complaints: list[str] = []
    for name in (LAST, PREVIOUS, BEST):
        path = directory / name
        if not path.is_file():
            complaints.append(f"{name} is missing")
        elif _digest(path) not in known:
            wanted = manifest.get(name, {}).get("bytes", "?")
            complaints.append(f"{name} is damaged or half replaced ({path.stat().st_size} of {wanted} bytes)")
        else:
            return Found(name, _load(path), tuple(complaints))
    raise DataError(
        f"no checkpoint is whole: {'; '.join(complaints)}", where=str(directory), cure="remove the folder to begin anew"
    )


def _write(path: Path, state: Mapping[str, Any]) -> dict[str, Any]:
    with path.open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": path.stat().st_size, "sha256": _digest(path)}


def _vouched(path: Path, manifest: Mapping[str, Any]) -> bool:
    """Tell whether the manifest stands for a file as it is: not after a kill between the renames of a save.

    Such a file must not take the place of the one before it, which may be the only whole one.
    """
    entry = manifest.get(path.name, {})
    return path.is_file() and path.stat().st_size == entry.get("bytes") and _digest(path) == entry.get("sha256")


def _load(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen types for a file that it cannot read
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"cannot be loaded: {reason}", where=str(path), cure="remove checkpoints/ to begin anew"
        ) from None
    if not isinstance(state, dict) or "model" not in state:
        raise DataError("holds no training state", where=str(path), cure="remove checkpoints/ to begin anew")
    return state


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
    temporary.replace(target)


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise DataError("cannot be read", where=str(path), cure="remove checkpoints/ to begin anew") from None
    if not isinstance(manifest, dict) or not all(isinstance(entry, dict) for entry in manifest.values()):
        raise DataError("is no manifest", where=str(path), cure="remove checkpoints/ to begin anew")
    return manifest


def _replace_json(path: Path, value: object) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
