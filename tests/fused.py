"""What the tests of `arctl fuse` share: two runs that know different classes, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arctl.rundir import RunDir
from arctl.scores.answers import answers
from arctl.scores.metrics import score
from arctl.scores.predictions import read_predictions
from tests.scored import meta, scored_arrays, write
from tests.seeing.conftest import Lab

COUNT, CLASSES = 240, 8
TARGETS = np.random.default_rng(0).integers(0, CLASSES, COUNT)
EASY = TARGETS < 4


def logits(seed: int, *, lift: NDArray[Any], targets: NDArray[np.int64] = TARGETS) -> NDArray[Any]:
    """Return (N, 1, K) logits of a run that knows `lift` of each video."""
    made = np.random.default_rng(seed).standard_normal((len(targets), 1, CLASSES))
    made[np.arange(len(targets)), 0, targets] += lift
    return made.astype(np.float16)


FRAMES, MOTION = logits(1, lift=np.where(EASY, 4.0, 0.2)), logits(2, lift=np.where(EASY, 0.2, 4.0))
"""A run that knows the first four classes, and one that knows the other four."""


def put(files: RunDir, name: str, scores: NDArray[Any], *, targets: NDArray[np.int64] = TARGETS, **other: Any) -> Path:
    """Write a predictions file, `val-0001` or `val-0001-1x3`."""
    split, epoch, *views = name.split("-")
    about = {"views": views[0] if views else "1x1", "weights": None, **other.pop("about", {})}
    arrays = scored_arrays(scores, targets, meta=meta(split, int(epoch), **about), **other)
    return write(files.predictions / f"{name}.npz", arrays)


def trained(lab: Lab, number: int, scores: NDArray[Any], **other: Any) -> RunDir:
    """Make a complete run of two epochs whose events say what its predictions say: the second is the best."""
    files = lab.run(number, name=f"model{number}")
    events: list[dict[str, Any]] = []
    for epoch, given in ((1, np.zeros_like(scores)), (2, scores)):
        told = score(answers(read_predictions(put(files, f"val-{epoch:04d}", given, **other))))
        metrics = {"val/top1": told.top[1].value, "val/top5": told.top[5].value, "val/loss": told.nll}
        events.append({"kind": "eval", "split": "val", "epoch": epoch, "step": epoch, "metrics": metrics})
    end = {"kind": "end", "status": "completed", "exit_code": 0, "message": None, "epoch": 2, "step": 2}
    lab.events(files, f"{100 + number}.0", [*events, end])
    return files


def fused_files(lab: Lab, number: int = 3) -> RunDir:
    return RunDir(lab.workspace.run_dir(number))


def pair(root: Path) -> Lab:
    """Return a workspace with two runs that know different classes."""
    lab = Lab(root)
    trained(lab, 1, FRAMES)
    trained(lab, 2, MOTION)
    lab.index()
    return lab
