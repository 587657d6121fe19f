"""Per-sample predictions, read from the file that a trainer wrote: checked before anything is computed from them."""

from __future__ import annotations

import os
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arctl.errors import DataError, NotFoundError
from arctl.text import safe_line

LARGEST = 4 << 30
"""Bytes that one array of the file may take unpacked."""

_ARRAYS = ("ids", "targets", "scores", "classes")


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of one run on N samples, seen in V views, among K classes."""

    ids: tuple[str, ...]
    """(N,) samples, as the split file names them."""
    targets: NDArray[np.int64]
    """(N,) true classes."""
    scores: NDArray[np.floating]
    """(N, V, K) logits; NaN for what could not be read."""
    classes: tuple[str, ...]
    """(K,) names, safe to show."""


def read_predictions(path: Path) -> Predictions:
    """Read `predictions/<split>-<epoch>.npz` without pickles.

    Raises NotFoundError where it is gone, DataError where it cannot be read or does not hold together.
    """
    cure = "the next evaluation replaces it; or remove it and use another --epoch"
    try:
        ids, targets, scores, classes = _arrays(path)
    except FileNotFoundError as error:
        raise NotFoundError("no such predictions", where=str(path), cure="list them with `arctl show`") from error
    except PermissionError as error:
        raise DataError("predictions may not be read", where=str(path), cure="ask their owner") from error
    except KeyError as error:
        raise DataError(f"damaged predictions: {safe_line(str(error.args[0]))}", where=str(path), cure=cure) from error
    except (OSError, ValueError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DataError(f"damaged predictions: {safe_line(str(error))}", where=str(path), cure=cure) from error
    wrong = _wrong(ids, targets, scores, classes)
    if wrong:
        raise DataError(f"damaged predictions: {wrong}", where=str(path), cure=cure)
    return Predictions(
        tuple(str(name) for name in ids),
        targets.astype(np.int64),
        scores,
        tuple(safe_line(str(name)) for name in classes),
    )


def _arrays(path: Path) -> list[NDArray[Any]]:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("this is no regular file")
        with zipfile.ZipFile(file) as packed:
            for name in _ARRAYS:
                size = packed.getinfo(f"{name}.npy").file_size
                if size > LARGEST:
                    raise ValueError(f"{name} takes {size} bytes, more than {LARGEST}")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            return [archive[name] for name in _ARRAYS]


def _wrong(ids: NDArray[Any], targets: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any]) -> str | None:
    """Say in one phrase why the arrays do not belong together, or None."""
    shapes = f"ids {ids.shape}, targets {targets.shape}, scores {scores.shape}, classes {classes.shape}"
    if ids.ndim != 1 or targets.shape != ids.shape or classes.ndim != 1 or scores.ndim != 3:
        return f"shapes {shapes}"
    if len(scores) != len(ids) or scores.shape[2] != len(classes) or scores.shape[1] < 1 or not len(classes):
        return f"shapes {shapes}"
    if targets.dtype.kind not in "iu" or scores.dtype.kind != "f" or ids.dtype.kind != "U" or classes.dtype.kind != "U":
        return f"types: ids {ids.dtype}, targets {targets.dtype}, scores {scores.dtype}, classes {classes.dtype}"
    outside = np.flatnonzero((targets < 0) | (targets >= len(classes)))
    if len(outside):
        first = outside[0]
        return f"sample {safe_line(str(ids[first]))!r} has class {int(targets[first])} of {len(classes)}"
    names, counts = np.unique(ids, return_counts=True)
    if len(names) < len(ids):
        return f"sample {safe_line(str(names[counts.argmax()]))!r} is there {int(counts.max())} times"
    return None
