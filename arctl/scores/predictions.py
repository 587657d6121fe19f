"""Per-sample predictions, read from the file that a trainer wrote: checked before anything is computed from them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arctl.errors import DataError, NotFoundError
from arctl.protocol import Protocol, class_hash, from_meta, sample_hash, view_numbers
from arctl.rundir import PredictionName, RunDir
from arctl.scores import archive
from arctl.scores.checking import Damage, check_ids, check_scores, check_targets
from arctl.text import safe_line

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Head:
    """The answers of one classifier: all K logits of each view, or of more than 1,000 classes the T highest."""

    name: str
    """`verb` or `noun`; empty for a model with one head."""
    targets: NDArray[np.int64]
    """(N,) true classes."""
    classes: tuple[str, ...]
    """(K,) names, safe to show."""
    scores: NDArray[np.floating]
    """(N, V, K) logits, or (N, V, T) of the classes in `top`; a view that could not be read is NaN throughout."""
    top: NDArray[np.int32] | None = None
    """(N, V, T) class numbers, the highest logit first; None where all logits are there."""
    lse: NDArray[np.floating] | None = None
    """(N, V) log of the sum of exp over all K logits, where `top` is there."""
    own: NDArray[np.floating] | None = None
    """(N, V) logit of the true class, where `top` is there."""

    @property
    def reach(self) -> int:
        """How many ranks are known: K, or T of the highest."""
        return int(self.scores.shape[2])


@dataclass(frozen=True)
class Speed:
    """How fast a model was, as `trainer eval --speed` measured it."""

    parts: Mapping[str, Mapping[str, float]]
    """`batch1` and `batched`: ms_per_clip and clips_per_s, and of the second the batch."""
    hardware: str | None
    """On which GPU or processor."""
    precision: str | None
    """`fp32`, `fp16` or `bf16`."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of one run on N samples, seen in V views."""

    ids: tuple[str, ...]
    """(N,) samples, as the split file names them."""
    groups: tuple[str, ...]
    """(N,) source that samples share; empty where unknown."""
    heads: Mapping[str, Head]
    """By name; a model with one head has it under the empty name."""
    protocol: Protocol
    """How the scores came about."""
    path: Path
    """The file."""
    participants: tuple[str, ...] = ()
    """(N,) who is filmed, of two-headed files that say it."""
    tail: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Rare classes of each head, by number."""
    unseen: frozenset[str] = frozenset()
    """Participants that training did not see."""
    speed: Speed | None = None
    """How fast the model was; None where that was not measured."""

    def head(self, name: str = "") -> Head:
        """Return a head by its name. Raises DataError for one that the file lacks, or for none of several."""
        if name in self.heads:
            return self.heads[name]
        have = "|".join(self.heads)
        if not name:
            raise DataError("say which head", where=str(self.path), cure=f"--head {have}|action")
        if "" in self.heads:
            raise DataError(
                f"these predictions have no head {safe_line(name)!r}", where=str(self.path), cure="one only"
            )
        raise DataError(f"no head {safe_line(name)!r}", where=str(self.path), cure=f"there are {have}")

    @property
    def targets(self) -> NDArray[np.int64]:
        """(N,) true classes of the only head. Raises DataError where there are several."""
        return self.head().targets

    @property
    def scores(self) -> NDArray[np.floating]:
        """(N, V, K) logits of the only head. Raises DataError where there are several."""
        return self.head().scores

    @property
    def classes(self) -> tuple[str, ...]:
        """(K,) class names of the only head. Raises DataError where there are several."""
        return self.head().classes


def read_predictions(path: Path) -> Predictions:
    """Read `predictions/<split>-<epoch>[-<variant>].npz` without pickles.

    Raises NotFoundError where it is gone, DataError where it cannot be read or does not hold together: the file, the
    sample and what is wrong with it are named.
    """
    cure = "the next evaluation replaces it; or remove it and use another --epoch"
    try:
        arrays = archive.read(path)
        return _assembled(path, arrays)
    except FileNotFoundError as error:
        raise NotFoundError("no such predictions", where=str(path), cure="list them with `arctl show`") from error
    except PermissionError as error:
        raise DataError("predictions may not be read", where=str(path), cure="ask their owner") from error
    except Damage as error:
        raise DataError(f"damaged predictions: {error}", where=str(path), cure=cure) from error
    except (OSError, ValueError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile) as error:
        said = safe_line(str(error)) or type(error).__name__
        raise DataError(f"damaged predictions: {said}", where=str(path), cure=cure) from error


def read_speed(path: Path) -> Speed | None:
    """Return the speed that a predictions file tells, without reading its scores; None where it tells none."""
    try:
        return _speed(_meta(archive.read(path, only=("meta",))))
    except (Damage, OSError, ValueError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile):
        return None


def read_heads(path: Path) -> tuple[str, ...]:
    """Return the names of a file's heads without reading its scores; `("",)` for one, or where it cannot be read."""
    try:
        return _head_names(_meta(archive.read(path, only=("meta",))))
    except (Damage, OSError, ValueError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile):
        return ("",)


def _assembled(path: Path, arrays: Arrays) -> Predictions:
    """Return arrays of a file as what they mean. Raises Damage where they do not hold together."""
    meta = _meta(arrays)
    ids = check_ids(arrays)
    names = _head_names(meta)
    heads = {name: _head(name, arrays, ids) for name in names}
    counts = {head.scores.shape[1] for head in heads.values()}
    if len(counts) > 1:
        raise Damage(f"the heads have {' and '.join(map(str, sorted(counts)))} views")
    found = _named(path)
    told = from_meta(
        meta,
        split=found.split if found else "val",
        epoch=found.epoch if found else None,
        view_count=counts.pop(),
        variant=found.variant if found else "",
    )
    _agrees_with_name(path, told)
    listed = [name for head in heads.values() for name in head.classes]
    protocol = replace(
        told,
        samples=sample_hash(ids, *(head.targets.tolist() for head in heads.values())),
        classes=class_hash(listed),
        videos=len(ids),
    )
    texts = {name: _texts(name, arrays, len(ids)) for name in ("groups", "participants")}
    return Predictions(
        ids=tuple(ids),
        groups=texts["groups"] or ("",) * len(ids),
        heads=heads,
        protocol=protocol,
        path=path,
        participants=texts["participants"],
        tail={name: _tail(name, arrays, len(heads[name].classes)) for name in names if f"tail_{name}" in arrays},
        unseen=frozenset(str(name) for name in arrays["unseen"].ravel()) if "unseen" in arrays else frozenset(),
        speed=_speed(meta),
    )


def _meta(arrays: Arrays) -> Mapping[str, object]:
    if "meta" not in arrays:
        return {}
    try:
        meta = json.loads(str(arrays["meta"][()]))
    except (ValueError, RecursionError, IndexError) as error:
        raise Damage("meta is no JSON") from error
    if not isinstance(meta, dict):
        raise Damage("meta is no JSON object")
    return meta


def _head_names(meta: Mapping[str, object]) -> tuple[str, ...]:
    names = meta.get("heads")
    if names is None:
        return ("",)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Damage("meta names no heads")
    if len(set(names)) < len(names) or not all(name.isidentifier() and name != "action" for name in names):
        raise Damage("meta names heads that cannot be")
    return tuple(names)


def _head(name: str, arrays: Arrays, ids: list[str]) -> Head:
    tail = f"_{name}" if name else ""
    parts = {}
    for part in ("targets", "scores", "classes", "top", "lse", "own"):
        if part + tail in arrays:
            parts[part] = arrays[part + tail]
        elif part in ("targets", "scores", "classes"):
            raise Damage(f"there is no array {part}{tail} in it")
    classes = check_targets(parts, ids)
    check_scores(parts, ids)
    return Head(
        name,
        parts["targets"].astype(np.int64),
        classes,
        parts["scores"],
        parts.get("top"),
        parts.get("lse"),
        parts.get("own"),
    )


def _agrees_with_name(path: Path, told: Protocol) -> None:
    """Refuse a file that says that it is another than its name says: somebody renamed or replaced it."""
    clips_crops = view_numbers(told.views) if told.views else None
    if clips_crops and clips_crops[0] * clips_crops[1] != told.view_count:
        raise Damage(f"it says {told.views} views and holds {told.view_count}")
    found = _named(path)
    if found is None:
        return
    if (told.split, told.epoch) != (found.split, found.epoch):
        raise Damage(f"it says {told.split} after epoch {told.epoch}, its name {found.split} after epoch {found.epoch}")
    views, _, probe = found.variant.partition("-")
    if views and view_numbers(views) and told.views and (views, probe or None) != (told.views, told.probe):
        is_, named = (" ".join(filter(None, pair)) for pair in ((told.views, told.probe), (views, probe)))
        raise Damage(f"it says {is_}, its name {named}")


def _named(path: Path) -> PredictionName | None:
    """Return what the name of a file in a run's `predictions` says, None for another place or name."""
    return next((name for name in RunDir(path.parent.parent).prediction_names() if name.path == path), None)


def _texts(name: str, arrays: Arrays, count: int) -> tuple[str, ...]:
    if name not in arrays:
        return ()
    if arrays[name].shape != (count,) or arrays[name].dtype.kind != "U":
        raise Damage(f"{name} are {arrays[name].dtype} {arrays[name].shape}, for {count} samples")
    return tuple(arrays[name].tolist())


def _tail(name: str, arrays: Arrays, classes: int) -> frozenset[int]:
    given = arrays[f"tail_{name}"]
    if given.dtype.kind not in "iu" or given.ndim != 1 or ((given < 0) | (given >= classes)).any():
        raise Damage(f"tail_{name} holds what is no class of {classes}")
    return frozenset(given.tolist())


def _speed(meta: Mapping[str, object]) -> Speed | None:
    """Return the measured speed that meta tells, None where it tells none."""
    told = meta.get("speed")
    if not isinstance(told, dict):
        return None
    parts = {
        name: {key: float(value) for key, value in part.items() if isinstance(value, int | float)}
        for name in ("batch1", "batched")
        if isinstance(part := told.get(name), dict)
    }
    made = from_meta(meta, split="", epoch=None, view_count=1)
    return Speed(parts, made.hardware, made.precision) if parts else None
