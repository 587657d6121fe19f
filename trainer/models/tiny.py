"""A small 3-D CNN and its 2-D twin, for a laptop or a test: the same widths, depths and spatial strides.

Only the kernels' extent in time differs, so a difference in accuracy between the two is what motion tells. Both take
the clip's mean frame off each frame first: what stands still goes, and a few hundred clips are enough to learn from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trainer.models.frame import FrameAverage
from trainer.models.parts import Head

if TYPE_CHECKING:
    from trainer.config import ModelConfig

WIDTHS = (16, 24, 32, 48)
"""Channels after each of the four convolutions."""
KERNELS = (5, 3, 3, 3)
"""Spatial kernel sizes."""
STRIDES = (3, 2, 1, 1)
"""Spatial strides: 48x48 frames soon become an 8x8 map, on which a fast motion is a small step."""
TIME_KERNELS = (1, 3, 3, 3)
"""Frames that a kernel of the 3-D net spans. The stem, where one costs most, looks at single frames."""
TIME_STRIDES = (1, 1, 2, 1)
"""Strides in time of the 3-D net: every neighbouring pair of frames is compared before frames are dropped."""


class Tiny3D(nn.Module):
    """Clips (B, 3, T, H, W), T from 2 up, to logits (B, K); 0.07 M parameters.

    Spatial maximum, then the mean over time: something small that moves is not averaged away by its background.
    """

    def __init__(self, *, classes: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, space, stride, time, skip in zip(WIDTHS, KERNELS, STRIDES, TIME_KERNELS, TIME_STRIDES, strict=True):
            kernel, padding = (time, space, space), (time // 2, space // 2, space // 2)
            conv = nn.Conv3d(before, width, kernel, stride=(skip, stride, stride), padding=padding, bias=False)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            layers += [conv, nn.BatchNorm3d(width), nn.ReLU(inplace=True)]
            before = width
        self.features = nn.Sequential(*layers)
        self.head = Head(before, classes, dropout=dropout)

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Logits of each clip."""
        # Channels innermost halve the time of a step on a CPU.
        moving_BCTHW = without_still(clips_BCTHW).contiguous(memory_format=torch.channels_last_3d)
        features_BCT: Tensor = self.features(moving_BCTHW).amax(dim=(3, 4))
        logits_BK: Tensor = self.head(features_BCT.mean(dim=2))
        return logits_BK


class TinyFrames(FrameAverage):
    """The twin without time: clips (B, 3, T, H, W) to logits (B, K), the same for every order of the frames."""

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Logits of each clip, the mean over its frames."""
        return super().forward(without_still(clips_BCTHW))


class Tiny2D(nn.Module):
    """What the twin applies to each frame: frames (N, 3, H, W) to logits (N, K)."""

    def __init__(self, *, classes: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, kernel, stride in zip(WIDTHS, KERNELS, STRIDES, strict=True):
            conv = nn.Conv2d(before, width, kernel, stride=stride, padding=kernel // 2, bias=False)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            before = width
        self.features = nn.Sequential(*layers)
        self.head = Head(before, classes, dropout=dropout)

    def forward(self, frames_NCHW: Tensor) -> Tensor:
        """Logits of each frame."""
        logits_NK: Tensor = self.head(self.features(frames_NCHW).amax(dim=(2, 3)))
        return logits_NK


def without_still(clips_BCTHW: Tensor) -> Tensor:
    """Clips (B, C, T, H, W) less their mean frame, which is the same for every order of the frames."""
    return clips_BCTHW - clips_BCTHW.mean(dim=2, keepdim=True)


def build_r3d_tiny(*, classes: int, config: ModelConfig) -> nn.Module:
    """Four convolutions, three of them three frames long; made for 8x48x48."""
    return Tiny3D(classes=classes, dropout=config.dropout)


def build_frame_tiny(*, classes: int, config: ModelConfig) -> nn.Module:
    """The same four convolutions on every frame alone, logits averaged over the frames."""
    return TinyFrames(Tiny2D(classes=classes, dropout=config.dropout))
