"""Writes what the model said of every sample, so that confusion, comparison and statistics need no GPU."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from trainer.data.annotations import Sample

KEEP_ALL_BYTES = 4 << 20
"""A larger file is kept only of the best and of the newest epoch."""


@dataclass(frozen=True)
class About:
    """Where scores come from."""

    split: str
    """`val`."""
    epoch: int
    """After which epoch."""
    step: int
    """After which step."""
    data: str
    """The data set's name."""


def prediction_path(run_dir: Path, split: str, epoch: int) -> Path:
    """Return where the predictions of a split after an epoch lie."""
    return run_dir / "predictions" / f"{split}-{epoch:04d}.npz"


def write_predictions(
    run_dir: Path, scores_NVK: Tensor, *, samples: Sequence[Sample], classes: Sequence[str], about: About
) -> Path:
    """Write an evaluation's scores (logits, NaN where unreadable) atomically; return the path. Raises OSError."""
    meta = {
        "contract": 1,
        "split": about.split,
        "epoch": about.epoch,
        "step": about.step,
        "views": scores_NVK.shape[1],
        "aggregation": "softmax-mean",
        "level": "video",
        "data": about.data,
    }
    path = prediction_path(run_dir, about.split, about.epoch)
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(
                file,
                ids=np.array([sample.id for sample in samples], dtype=np.str_),
                groups=np.array([sample.group for sample in samples], dtype=np.str_),
                targets=np.array([sample.target for sample in samples], dtype=np.int64),
                scores=scores_NVK.numpy().astype(np.float16),
                classes=np.array(list(classes), dtype=np.str_),
                meta=np.array(json.dumps(meta)),
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def prune_predictions(run_dir: Path, *, split: str, keep: set[int]) -> None:
    """Remove the large predictions of a split, but for the epochs to keep."""
    for path in (run_dir / "predictions").glob(f"{split}-*.npz"):
        number = path.stem.rpartition("-")[2]
        if number.isdecimal() and int(number) not in keep and path.stat().st_size > KEEP_ALL_BYTES:
            path.unlink(missing_ok=True)
