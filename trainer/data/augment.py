"""From raw frames to what a model eats, in batches and on the device: crop, flip, brightness, normalisation.

What happens to a clip is drawn from (seed, epoch, index) alone: no process, batch size, order or resume changes it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.config import Config, normalisation
from trainer.data.annotations import read_card
from trainer.data.loaders import Batch

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def train_clips(batch: Batch, config: Config, *, epoch: int, device: torch.device) -> Tensor:
    """Return clips_BCTHW, float32, normalised: cropped, mirrored, made brighter or darker.

    One draw from (seed, epoch, index) for a whole clip: every frame gets the same.
    """
    data = config.data
    draws_B4 = draws(config.train.seed, epoch=epoch, indices=batch.indices_B.numpy())
    spare = np.array([data.resize[0] - data.crop, data.resize[1] - data.crop])
    corners_B2 = np.minimum((draws_B4[:, :2] * (spare + 1)).astype(int), spare)
    if not data.random_crop:
        corners_B2[:] = spare // 2
    mirrored_B = (draws_B4[:, 2] < 0.5) & flips(config)
    gains_B = 1 + data.brightness * (2 * draws_B4[:, 3] - 1)
    frames = batch.frames_BTHWC.to(device, non_blocking=True)
    cut = _crop(frames, corners_B2, data.crop, mirrored_B)
    gains = torch.from_numpy(gains_B.astype(np.float32)).to(device, non_blocking=True) if data.brightness else None
    return _normalised(cut, config, gains_B=gains)


def eval_clips(batch: Batch, config: Config, *, device: torch.device) -> Tensor:
    """Return clips_BCTHW, float32, normalised: the centre crop."""
    data = config.data
    frames = batch.frames_BTHWC.to(device, non_blocking=True)
    top, left = (data.resize[0] - data.crop) // 2, (data.resize[1] - data.crop) // 2
    return _normalised(frames[:, :, top : top + data.crop, left : left + data.crop], config)


def flips(config: Config) -> bool:
    """Whether training clips are mirrored: as configured, or where `auto`, as the data set's card allows."""
    if config.data.flip == "auto":
        return _keeps_labels(Path(config.data.root))
    return config.data.flip


def draws(seed: int, *, epoch: int, indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (B, 4) uniform numbers in [0, 1), a pure function of seed, epoch and index (splitmix64)."""
    with np.errstate(over="ignore"):
        state = _mixed(np.uint64(seed) * _STEP + np.uint64(epoch))
        state = _mixed(state[None] + (indices.astype(np.uint64) + np.uint64(1)) * _STEP)
        counters = np.arange(1, 5, dtype=np.uint64) * _STEP
        bits = _mixed(state[:, None] + counters[None, :])
    return np.asarray((bits >> np.uint64(11)).astype(np.float64) / 2.0**53)


def _mixed(value: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    value = np.asarray(value, np.uint64)
    value = (value ^ (value >> np.uint64(30))) * _MIX[0]
    value = (value ^ (value >> np.uint64(27))) * _MIX[1]
    return np.asarray(value ^ (value >> np.uint64(31)))


def _crop(frames: Tensor, corners_B2: NDArray[np.int64], side: int, mirrored_B: NDArray[np.bool_]) -> Tensor:
    cut = frames.new_empty((*frames.shape[:2], side, side, 3))
    for place, ((top, left), mirrored) in enumerate(zip(corners_B2.tolist(), mirrored_B.tolist(), strict=True)):
        part = frames[place, :, top : top + side, left : left + side]
        cut[place] = part.flip(2) if mirrored else part
    return cut


def _normalised(frames_BTHWC: Tensor, config: Config, *, gains_B: Tensor | None = None) -> Tensor:
    mean, std = (torch.tensor(stats).view(3, 1, 1, 1) for stats in normalisation(config))
    clips = frames_BTHWC.permute(0, 4, 1, 2, 3).to(torch.float32, memory_format=torch.contiguous_format)
    if gains_B is not None:
        clips = (clips * gains_B.view(-1, 1, 1, 1, 1)).clamp_(max=255.0)
    scale, shift = (1 / (255 * std)).to(clips.device), (mean / std).to(clips.device)
    return clips.mul_(scale).sub_(shift)


@lru_cache(maxsize=8)
def _keeps_labels(root: Path) -> bool:
    return bool(read_card(root)["flip_keeps_labels"])
