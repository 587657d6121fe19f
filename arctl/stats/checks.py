"""The questions that every test asks of its arguments before it counts anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arctl.errors import UsageError


def as_correct(name: str, values: ArrayLike) -> NDArray[np.bool_]:
    """Return (N,) booleans; raises UsageError for another shape, or for values that are neither 0 nor 1."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise UsageError(f"{name} has the shape {array.shape}, and one value for each sample is needed")
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise UsageError(f"{name} must be true or false for each sample")
    return array.astype(np.bool_)


def as_classes(name: str, values: ArrayLike, *, least: int, classes: int | None = None) -> NDArray[np.int64]:
    """Return (N,) class numbers from `least` to `classes` - 1; raises UsageError for anything else."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise UsageError(f"{name} must hold one class number for each sample, and is {array.dtype} {array.shape}")
    array = array.astype(np.int64)
    top = array.max(initial=least)
    if array.min(initial=least) < least or (classes is not None and top >= classes):
        last = "" if classes is None else f" to {classes - 1}"
        raise UsageError(f"{name} holds class numbers outside {least}{last}")
    return array


def as_counts(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Return whole numbers from 0, of any shape; raises UsageError for anything else."""
    array = np.asarray(values)
    whole = array.astype(np.int64)
    if (array != whole).any() or (whole < 0).any():
        raise UsageError(f"{name} must be counts, whole numbers from 0")
    return whole


def same_length(**arrays: NDArray[Any]) -> int:
    """Return the length that the named arrays share; raises UsageError where they differ or are empty."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError("not the same samples: " + ", ".join(f"{name} has {size}" for name, size in lengths.items()))
    size = next(iter(lengths.values()))
    if size == 0:
        raise UsageError("there are no samples to compare")
    return size


def as_share(name: str, value: float) -> float:
    """Return a number between 0 and 1, both excluded; raises UsageError for another."""
    if not 0 < value < 1:
        raise UsageError(f"{name} is {value:g}, and must lie between 0 and 1")
    return float(value)
