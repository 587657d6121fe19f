"""Whether the arrays of a predictions file hold together; if not, what is wrong and with which sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arctl.text import safe_line

Arrays = Mapping[str, NDArray[Any]]

_CHUNK = 1 << 22
"""Elements that are looked at at a time."""

_ROUNDING = 0.02
"""How far a sum of float32 may lie below a score that was rounded to float16, as a share of its size beyond 1."""


class Damage(Exception):
    """Arrays that do not hold together; the text is one phrase, safe to show."""


def check_ids(arrays: Arrays) -> list[str]:
    """Return the sample ids. Raises Damage where there are none, or one is there twice."""
    if "ids" not in arrays:
        raise Damage("there is no array ids in it")
    ids = arrays["ids"]
    if ids.ndim != 1 or ids.dtype.kind != "U":
        raise Damage(f"ids are {ids.dtype} {ids.shape}, not (N,) text")
    if not len(ids):
        raise Damage("it holds no samples")
    names: list[str] = ids.tolist()
    if len(set(names)) < len(names):
        found, counts = np.unique(ids, return_counts=True)
        raise Damage(f"sample {_shown(found[counts.argmax()])} is there {int(counts.max())} times")
    return names


def check_targets(parts: Arrays, ids: Sequence[str]) -> tuple[str, ...]:
    """Return the class names of a head, safe to show. Raises Damage where classes, targets and scores disagree."""
    targets, classes, scores = parts["targets"], parts["classes"], parts["scores"]
    shapes = f"ids ({len(ids)},), targets {targets.shape}, scores {scores.shape}, classes {classes.shape}"
    if targets.shape != (len(ids),) or classes.ndim != 1 or scores.ndim != 3 or len(scores) != len(ids):
        raise Damage(f"shapes {shapes}")
    if scores.shape[1] < 1 or scores.shape[2] < 1 or not len(classes):
        raise Damage(f"shapes {shapes}")
    if "top" not in parts and scores.shape[2] != len(classes):
        raise Damage(f"shapes {shapes}")
    if targets.dtype.kind not in "iu" or scores.dtype.kind != "f" or classes.dtype.kind != "U":
        raise Damage(f"types: targets {targets.dtype}, scores {scores.dtype}, classes {classes.dtype}")
    if len(classes) < 2:
        raise Damage(f"it has one class, {_shown(classes[0])}: every answer would be right")
    names: list[str] = classes.tolist()
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Damage(f"class {_shown(twice)} is there twice")
    if "" in names:
        raise Damage(f"class {names.index('')} of {len(names)} has no name")
    outside = np.flatnonzero((targets < 0) | (targets >= len(classes)))
    if len(outside):
        first = outside[0]
        raise Damage(f"sample {_shown(ids[first])} has class {int(targets[first])} of {len(classes)}")
    return tuple(safe_line(name) for name in names)


def check_scores(parts: Arrays, ids: Sequence[str]) -> None:
    """Raise Damage for a view that is partly NaN, for infinite scores, and for highest-T arrays that disagree."""
    scores = parts["scores"]
    for rows in _rows(scores):
        odd_BV = _odd(scores[rows])
        for at, view in zip(*np.nonzero(odd_BV), strict=True):
            values = scores[rows][at, view]
            if not np.isnan(values).all():
                lost = int(np.isnan(values).sum())
                said = f"{lost} of {len(values)} scores are NaN" if lost else "a score is infinite"
                raise Damage(f"sample {_shown(ids[rows.start + int(at)])}, view {int(view)}: {said}")
    if "top" in parts:
        _check_top(parts, ids)


def _check_top(parts: Arrays, ids: Sequence[str]) -> None:
    """Look at the layout of more than 1,000 classes: `scores` of the classes `top`, `lse`, `own`."""
    scores = parts["scores"]
    for name, kind, shape in (
        ("top", "iu", scores.shape),
        ("lse", "f", scores.shape[:2]),
        ("own", "f", scores.shape[:2]),
    ):
        if name not in parts:
            raise Damage(f"it holds top, and no array {name}")
        if parts[name].shape != shape or parts[name].dtype.kind not in kind:
            raise Damage(f"{name} is {parts[name].dtype} {parts[name].shape}, beside scores {scores.shape}")
    count = len(parts["classes"])
    if scores.shape[2] > count:
        raise Damage(f"it holds the {scores.shape[2]} highest of {count} classes")
    for rows in _rows(scores):
        seen_BV = ~np.isnan(scores[rows][:, :, 0])
        for said, bad_BV in _faults(parts, rows):
            found = np.argwhere(bad_BV & seen_BV)
            if len(found):
                at, view = found[0].tolist()
                raise Damage(f"sample {_shown(ids[rows.start + at])}, view {view} has {said}")


def _faults(parts: Arrays, rows: slice) -> Iterator[tuple[str, Any]]:
    """Yield what may be wrong with the highest classes of some samples, and in which views it is; (B, V)."""
    scores_BVT, top_BVT = parts["scores"][rows], parts["top"][rows]
    own_BV, lse_BV = parts["own"][rows], parts["lse"][rows]
    hit_BVT = top_BVT == parts["targets"][rows, None, None]
    held_BV = hit_BVT.any(axis=2)
    stored_BV = np.where(hit_BVT, scores_BVT, 0).sum(axis=2)
    best_BV = scores_BVT[:, :, 0].astype(np.float64)
    ordered = np.sort(top_BVT, axis=2)
    yield "a class beyond the class list", ((top_BVT < 0) | (top_BVT >= len(parts["classes"]))).any(axis=2)
    yield "a class twice among its highest", (ordered[:, :, 1:] == ordered[:, :, :-1]).any(axis=2)
    yield "scores that do not fall", (scores_BVT[:, :, 1:] > scores_BVT[:, :, :-1]).any(axis=2)
    yield "an own score or a sum that is not finite", np.asarray(~(np.isfinite(own_BV) & np.isfinite(lse_BV)))
    yield "a sum below its highest score", lse_BV < best_BV - _ROUNDING * np.maximum(1, abs(best_BV))
    yield "an own score unlike that among its highest", np.asarray(held_BV & (stored_BV != own_BV))
    yield "an own score that belongs among its highest", np.asarray(~held_BV & (own_BV > scores_BVT[:, :, -1]))


def _odd(scores: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell of each view whether it holds a score that is not finite; (B, V)."""
    if scores.dtype == np.float16 and scores.dtype.isnative and scores.flags.c_contiguous:
        bits = scores.view(np.uint16)
        return np.asarray(((bits & np.uint16(0x7C00)) == 0x7C00).any(axis=2))
    return np.asarray(~np.isfinite(scores).all(axis=2))


def _rows(scores: NDArray[Any]) -> Iterator[slice]:
    """Yield slices of samples that hold about `_CHUNK` scores."""
    step = max(1, _CHUNK // max(1, scores.shape[1] * scores.shape[2]))
    for start in range(0, len(scores), step):
        yield slice(start, min(start + step, len(scores)))


def _shown(name: object) -> str:
    return repr(safe_line(str(name)))
