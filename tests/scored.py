"""What the tests of predictions and metrics share: predictions files of every layout, made of logits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Arrays = dict[str, NDArray[Any]]


def head_arrays(
    logits_NVK: NDArray[Any], targets: Sequence[int] | NDArray[np.int64], *, name: str = "", highest: int | None = None
) -> Arrays:
    """Return the arrays of one head; with `highest` only so many scores of each view are kept."""
    scores = logits_NVK.astype(np.float16)
    classes = np.array([f"{name or 'class'}{k}" for k in range(scores.shape[2])])
    own = np.asarray(targets, dtype=np.int64)
    found: Arrays = {"targets": own, "scores": scores, "classes": classes}
    if highest is not None:
        top = np.argsort(-scores, axis=2, kind="stable")[:, :, :highest]
        found["scores"], found["top"] = np.take_along_axis(scores, top, axis=2), top.astype(np.int32)
        found["lse"] = logsumexp(scores.astype(np.float64), axis=2).astype(np.float32)
        found["own"] = np.take_along_axis(scores, own[:, None, None].repeat(scores.shape[1], axis=1), axis=2)[:, :, 0]
    return {f"{key}_{name}" if name else key: value for key, value in found.items()}


def scored_arrays(
    logits_NVK: NDArray[Any], targets: Sequence[int] | NDArray[np.int64], *, highest: int | None = None, **other: Any
) -> Arrays:
    """Return the arrays of a one-headed file; `other` replaces or adds some."""
    count = len(targets)
    given: Arrays = {
        "ids": np.array([f"v{row:04d}.avi" for row in range(count)], dtype=np.str_),
        "groups": np.array([f"g{row % 5:02d}" for row in range(count)], dtype=np.str_),
        **head_arrays(logits_NVK, targets, highest=highest),
    }
    return {**given, **other}


def meta(split: str = "val", epoch: int = 1, *, views: str = "1x1", **other: Any) -> NDArray[Any]:
    """Return the JSON that an evaluation writes into its file."""
    clips, crops = (int(part) for part in views.split("x"))
    protocol = {"views": views, "clips": clips, "crops": crops, "probe": other.pop("probe", None)}
    protocol |= {"sampling": "uniform", "frames": 16, "resize": [128, 171], "crop": 112}
    told = {"contract": 1, "split": split, "epoch": epoch, "step": 10 * epoch, "views": clips * crops}
    told |= {"aggregation": "softmax-mean", "level": "video", "data": "motions", "protocol": protocol}
    told |= {"weights": "ab" * 32, "weights_file": "best.pt", "model": "r3d18", "precision": "fp16"}
    return np.array(json.dumps({**told, "hardware": "a GPU", "speed": None, **other}))


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write a file as a trainer does; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def logits_of(
    count: int, views: int, classes: int, *, seed: int = 0, lift: float = 2
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return random logits (N, V, K) and the true classes, whose logits are `lift` higher than chance has them."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, count)
    logits = random.standard_normal((count, views, classes)) * 2
    logits[np.arange(count), :, targets] += lift
    return logits.astype(np.float16), targets
