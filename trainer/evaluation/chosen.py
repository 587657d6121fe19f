"""The weights that are evaluated: a checkpoint of the run that its manifest vouches for, or any file that fits."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainer.checkpoint import BEST, LAST, MANIFEST
from trainer.config import Config, to_dict
from trainer.errors import DataError
from trainer.position import Position
from trainer.resume import flat
from trainer.weights import check_file, load_into

NAMED = {"best": BEST, "last": LAST}
"""What `--checkpoint` calls them."""
TRIES, PAUSE_S = 8, 0.25
"""A run that trains replaces file and manifest one after the other: how often to look again, and when."""
DECIDING = ("model.name", *(f"data.{key}" for key in ("split", "frames", "sampling", "resize", "crop", "mean", "std")))
"""Settings that the weights were trained for."""


@dataclass(frozen=True)
class Chosen:
    """Weights that are in the model."""

    file: str
    """Name of their file."""
    sha256: str
    """Of the whole file, hexadecimal."""
    position: Position
    """Where the run was when they were saved; at its start where they are not this run's."""
    own: bool
    """Whether they are a checkpoint of the run that is evaluated."""
    notes: tuple[str, ...] = ()
    """What a user should know of them."""


def load_chosen(model: nn.Module, asked: str, *, run_dir: Path, config: Config, classes: Sequence[str]) -> Chosen:
    """Load the weights that `asked` names, `best`, `last` or a path, into a model.

    Raises DataError where they are missing, damaged, or made for other classes or another clip.
    """
    directory = run_dir / "checkpoints"
    manifest = _manifest(directory)
    if asked in NAMED:
        state, digest = _vouched(directory / NAMED[asked], manifest)
        return _take(model, state, digest, path=directory / NAMED[asked], config=config, classes=classes)
    path = Path(asked).expanduser()
    if not path.exists():
        cure = "best, last, or the path of a file"
        raise DataError("there is no such file", where=f"--checkpoint {asked}", cure=cure)
    with _named(path):
        check_file(path)
    digest = _digest(path)
    if any(entry.get("sha256") == digest for entry in manifest.values()):
        return _take(model, _load(path), digest, path=path, config=config, classes=classes)
    return _foreign(model, path, digest, config=config, classes=classes)


def _take(
    model: nn.Module, state: dict[str, Any], digest: str, *, path: Path, config: Config, classes: Sequence[str]
) -> Chosen:
    """Load a checkpoint of this run."""
    _check_classes(state.get("classes"), classes, where=str(path))
    before, now = flat(state.get("config", {})), flat(to_dict(config))
    changed = [key for key in DECIDING if key in before and before[key] != now[key]]
    if changed:
        what = f"was trained with another {', '.join(changed)} than config.yaml says"
        raise DataError(what, where=str(path), cure="restore config.yaml")
    position = Position()
    try:
        model.load_state_dict(state["model"])
        position.restore(state["position"])
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        what = f"does not fit {config.model.name}: {(str(error).strip() or 'damaged').splitlines()[0]}"
        raise DataError(what, where=str(path), cure="was config.yaml changed?") from None
    notes: tuple[str, ...] = ()
    if position.step_in_epoch and not position.trained:
        notes = (f"{path.name} was saved in the middle of epoch {position.epoch}, at step {position.step}",)
    return Chosen(path.name, digest, position, own=True, notes=notes)


def _foreign(model: nn.Module, path: Path, digest: str, *, config: Config, classes: Sequence[str]) -> Chosen:
    """Load weights from elsewhere; they need a classifier of as many classes, and of the same where the file says."""
    with _named(path):
        report = load_into(model, path, name=config.model.name)
    if report.reinitialised:
        has = f"a classifier of {report.classes_in_file} classes" if report.classes_in_file else "no classifier"
        what = f"has {has}, and the data set {len(classes)} classes"
        raise DataError(what, where=f"--checkpoint {path}", cure="evaluate weights that were trained on these classes")
    names = _classes_in(path)
    if names is not None:
        _check_classes(names, classes, where=f"--checkpoint {path}")
    known = "" if names is not None else "; the file does not name its classes: they are taken for the data set's"
    return Chosen(path.name, digest, Position(), own=False, notes=(f"weights: {report.line()}{known}",))


def _check_classes(found: object, classes: Sequence[str], *, where: str) -> None:
    if found == list(classes):
        return
    names = [str(name) for name in found] if isinstance(found, list) else []
    if len(names) != len(classes):
        what = f"was trained on {len(names)} classes, and the data set has {len(classes)}"
    else:
        place = next(n for n, (one, other) in enumerate(zip(names, classes, strict=True)) if one != other)
        what = f"was trained on other classes: number {place + 1} is {names[place]!r}, not {classes[place]!r}"
    raise DataError(what, where=where, cure="evaluate it on the classes that it was trained on")


def _vouched(path: Path, manifest: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """Read a checkpoint whose SHA-256 is the manifest's; a run that saves just now gets a moment."""
    if path.name not in manifest:
        there = ", ".join(sorted(manifest)) or "none yet"
        raise DataError("the run has no such checkpoint", where=str(path), cure=f"there is: {there}; --checkpoint PATH")
    digest, found = "", "is missing"
    for attempt in range(TRIES):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if any(entry.get("sha256") == digest for entry in manifest.values()):
                file.seek(0)
                return _load(file, where=path), digest
            found = "is damaged or half replaced: its SHA-256 is not in manifest.json"
        if attempt < TRIES - 1:
            time.sleep(PAUSE_S)
            manifest = _manifest(path.parent)
    raise DataError(found, where=str(path), cure="evaluate another (--checkpoint last, best or PATH)")


def _load(file: Any, *, where: Path | None = None) -> dict[str, Any]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen types for a file that it cannot read
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"cannot be loaded: {reason}", where=str(where or file), cure="evaluate another") from None
    if not isinstance(state, dict) or "model" not in state:
        raise DataError("holds no training state", where=str(where or file), cure="evaluate another")
    return state


def _classes_in(path: Path) -> list[str] | None:
    """Return the class names that a checkpoint of arctl holds; None for any other file of weights."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # another format, which load_into has read
        return None
    names = state.get("classes") if isinstance(state, dict) else None
    return names if isinstance(names, list) else None


def _manifest(directory: Path) -> dict[str, dict[str, Any]]:
    path = directory / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise DataError("cannot be read", where=str(path), cure="--checkpoint PATH evaluates a file without it")
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _named(path: Path) -> Any:
    """Name what the user named: these files are not `model.weights` here."""
    try:
        yield
    except DataError as error:
        raise DataError(error.what, where=f"--checkpoint {path}", cure=error.cure) from None
