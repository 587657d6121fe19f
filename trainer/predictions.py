"""Writes what the model said of every sample, so that confusion, comparison and statistics need no GPU."""

from __future__ import annotations

import json
import os
import platform
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.errors import TrainerError

if TYPE_CHECKING:
    from trainer.config import Config
    from trainer.data.annotations import Sample

KEEP_ALL_BYTES = 4 << 20
"""A larger file is kept only of the best and of the newest epoch."""
WHOLE_CLASSES = 1000
"""With more classes only the highest scores are stored."""
HIGHEST = 100
"""How many of them."""
FLOAT16_MAX = 65504.0
"""What a stored score is at the most."""
STALE_SECONDS = 3600.0
"""A half-written file that is older was left by a process that was killed."""


@dataclass(frozen=True)
class About:
    """Where scores come from."""

    split: str
    """`val`."""
    epoch: int
    """After which epoch; 0 for weights that are not of this run."""
    step: int
    """After which step."""
    data: str
    """The data set's name."""
    config: Config | None = None
    """The run's configuration: model, clip geometry, precision."""
    hardware: str | None = None
    """What computed them: the GPU's name, or the CPU's model."""
    clips: int = 1
    """Temporal clips of a video."""
    crops: int = 1
    """Spatial crops of each clip."""
    probe: str | None = None
    """What was done to the order of the frames: `shuffled`, `reversed` or `still`."""
    weights: str | None = None
    """SHA-256 of the file of weights; None in training, where there is none yet."""
    weights_file: str | None = None
    """Its name."""
    speed: Mapping[str, object] | None = None
    """How fast the model was, where that was measured."""

    @property
    def views(self) -> str:
        """`10x3`: clips and crops."""
        return f"{self.clips}x{self.crops}"

    @property
    def variant(self) -> str:
        """What tells this file from the others of the split and epoch; "" for one that training wrote."""
        if self.weights is None:
            return ""
        return f"{self.views}-{self.probe}" if self.probe else self.views

    def meta(self, *, heads: Sequence[str] = ()) -> dict[str, object]:
        """Return what the file says of itself, as docs/run-directory.md lists it."""
        made = {"contract": 1, "split": self.split, "epoch": self.epoch, "step": self.step}
        made |= {"views": self.clips * self.crops, "aggregation": "softmax-mean", "level": "video", "data": self.data}
        config = self.config
        data = config.data if config else None
        made["protocol"] = {
            "views": self.views,
            "clips": self.clips,
            "crops": self.crops,
            "probe": self.probe,
            "sampling": data.sampling if data else None,
            "frames": data.frames if data else None,
            "resize": list(data.resize) if data else None,
            "crop": data.crop if data else None,
            "aggregation": "softmax-mean",
            "level": "video",
        }
        made |= {"weights": self.weights, "weights_file": self.weights_file, "hardware": self.hardware}
        made |= {"model": config and config.model.name, "precision": config and config.train.precision}
        made["speed"] = self.speed
        return made | ({"heads": list(heads)} if heads else {})


@dataclass(frozen=True, eq=False)
class HeadScores:
    """One classifier's scores of N samples in V views, as they are stored. NaN marks a view that could not be read."""

    targets_N: NDArray[np.int64]  # noqa: N815
    """True classes."""
    classes: tuple[str, ...]
    """Names of the K classes."""
    scores_NVT: Tensor  # noqa: N815
    """float16 logits: of all classes, or of the highest, highest first."""
    top_NVT: Tensor | None = None  # noqa: N815
    """int32 classes of the highest; None where all are stored. With the two below."""
    lse_NV: Tensor | None = None  # noqa: N815
    """float32 log-sum-exp over all classes."""
    own_NV: Tensor | None = None  # noqa: N815
    """float16 logit of the true class."""


def head_scores(logits_NVK: Tensor, targets_N: Tensor, classes: Sequence[str]) -> HeadScores:
    """Return logits as they are stored: rounded to float16, of more than WHOLE_CLASSES classes the highest alone."""
    scores_NVK = logits_NVK.clamp(-FLOAT16_MAX, FLOAT16_MAX).half()
    targets, names = targets_N.numpy().astype(np.int64), tuple(classes)
    if logits_NVK.shape[2] <= WHOLE_CLASSES:
        return HeadScores(targets, names, scores_NVK)
    top, highest, lse, own = highest_scores(scores_NVK, targets_N[:, None].expand(-1, logits_NVK.shape[1]))
    return HeadScores(targets, names, highest, top, lse, own)


def highest_scores(scores_XK: Tensor, targets_X: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return (classes int32, float16 scores, float32 log-sum-exp, float16 score of the target) over the last axis.

    Of equal scores the lower class number comes first.
    """
    order_XK = scores_XK.float().sort(dim=-1, descending=True, stable=True).indices[..., :HIGHEST]
    own_X = scores_XK.gather(-1, targets_X[..., None].to(scores_XK.device))[..., 0]
    lse_X = torch.logsumexp(scores_XK.double(), dim=-1).float()
    return order_XK.int(), scores_XK.gather(-1, order_XK), lse_X, own_X


def prediction_path(run_dir: Path, split: str, epoch: int, variant: str = "") -> Path:
    """Return where the predictions of a split after an epoch lie; `variant` as in `About.variant`."""
    tail = f"-{variant}" if variant else ""
    return run_dir / "predictions" / f"{split}-{epoch:04d}{tail}.npz"


def write_predictions(
    run_dir: Path, scores_NVK: Tensor, *, samples: Sequence[Sample], classes: Sequence[str], about: About
) -> Path:
    """Write an evaluation's scores (logits, NaN where unreadable) atomically; return the path. Raises OSError."""
    targets_N = torch.tensor([sample.target for sample in samples], dtype=torch.int64)
    return write_heads(run_dir, {"": head_scores(scores_NVK, targets_N, classes)}, samples=samples, about=about)


def write_heads(
    run_dir: Path,
    heads: Mapping[str, HeadScores],
    *,
    samples: Sequence[Sample],
    about: About,
    extra: Mapping[str, Sequence[str] | Sequence[int]] | None = None,
) -> Path:
    """Write the scores of each head by its name, "" for the only one; return the path. Raises OSError.

    `extra` are arrays by name: `participants` (N,), `tail_verb` and `tail_noun` (classes), `unseen` (participants).
    """
    arrays: dict[str, NDArray[np.generic]] = {
        "ids": np.array([sample.id for sample in samples], dtype=np.str_),
        "groups": np.array([sample.group for sample in samples], dtype=np.str_),
    }
    for name, head in heads.items():
        arrays |= {f"{key}_{name}" if name else key: value for key, value in _arrays(head).items()}
    for name, values in (extra or {}).items():
        arrays[name] = np.array(list(values), dtype=np.int64 if name.startswith("tail_") else np.str_)
    arrays["meta"] = np.array(json.dumps(about.meta(heads=[name for name in heads if name])))
    path = prediction_path(run_dir, about.split, about.epoch, about.variant)
    path.parent.mkdir(exist_ok=True)
    _write_archive(path, arrays)
    return path


def write_or_explain(
    run_dir: Path, heads: Mapping[str, HeadScores], *, samples: Sequence[Sample], about: About
) -> Path:
    """As `write_heads`, where the file is all that the process is for. Raises TrainerError."""
    try:
        return write_heads(run_dir, heads, samples=samples, about=about)
    except OSError as error:
        raise TrainerError(
            f"the predictions could not be written: {error.strerror or error}",
            where=str(prediction_path(run_dir, about.split, about.epoch, about.variant)),
            cure="check free space and permissions, and evaluate again",
        ) from None


def prune_predictions(run_dir: Path, *, split: str, keep: set[int]) -> None:
    """Remove the large predictions of a split that training wrote, but for the epochs to keep."""
    for path in (run_dir / "predictions").glob(f"{split}-*.npz"):
        number = path.stem.removeprefix(f"{split}-")
        if number.isdecimal() and int(number) not in keep and path.stat().st_size > KEEP_ALL_BYTES:
            path.unlink(missing_ok=True)


def hardware_name(device: torch.device) -> str:
    """Return what computes: the GPU's name, or the CPU's model."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _arrays(head: HeadScores) -> dict[str, NDArray[np.generic]]:
    arrays: dict[str, NDArray[np.generic]] = {
        "targets": head.targets_N,
        "scores": head.scores_NVT.numpy(),
        "classes": np.array(list(head.classes), dtype=np.str_),
    }
    rest = {"top": head.top_NVT, "lse": head.lse_NV, "own": head.own_NV}
    return arrays | {name: tensor.numpy() for name, tensor in rest.items() if tensor is not None}


def _write_archive(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write beside and rename, under a name of this process's own: two evaluations may write the same file."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                leftover.unlink()
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("xb") as file:
            np.savez_compressed(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
