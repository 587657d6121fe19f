"""I3D on a ResNet-50: the image network with time added to its kernels, so that image weights are a start.

The names are those of torchvision's `resnet50`, one to one. Time is padded by repeating the end frames: then a
video that stands still gives exactly the features of its frame, which zero padding misses by several per cent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.models.parts import Head, State, Translated, drop_paths

if TYPE_CHECKING:
    from trainer.config import ModelConfig

TIME_KERNELS = ((3, 3, 3), (3, 1, 3, 1), (3, 1, 3, 1, 3, 1), (1, 3, 1))
"""Frames that the first 1x1 of each bottleneck spans, stage by stage."""
STEM_TIME_KERNEL = 5
"""Frames that the stem spans."""
EXPANSION = 4
"""Channels out of a bottleneck for each channel inside it."""


class TimeConv(nn.Conv3d):
    """A convolution without bias that repeats the end frames as padding in time, and pads space with zeros.

    Clips (B, C, T, H, W) to (B, C', T, H/s, W/s). The repeated frames are concatenated: unlike the
    replication pad of torch this has a deterministic gradient on a GPU.
    """

    def __init__(self, channels: int, width: int, *, time: int, space: int = 1, stride: int = 1) -> None:
        super().__init__(
            channels,
            width,
            (time, space, space),
            stride=(1, stride, stride),
            padding=(0, space // 2, space // 2),
            bias=False,
        )
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, input: Tensor) -> Tensor:
        """The convolved clips, as many frames as came in."""
        pad = self.kernel_size[0] // 2
        if pad:
            first, last = input[:, :, :1], input[:, :, -1:]
            input = torch.cat([first] * pad + [input] + [last] * pad, dim=2)
        return super().forward(input)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a shortcut; the first one may span three frames. The 3x3 carries the stride."""

    def __init__(self, channels: int, width: int, *, time: int, stride: int) -> None:
        super().__init__()
        out = width * EXPANSION
        self.conv1 = TimeConv(channels, width, time=time)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = TimeConv(width, width, time=1, space=3, stride=stride)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = TimeConv(width, out, time=1)
        self.bn3 = nn.BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(
                TimeConv(channels, out, time=1, stride=stride),
                nn.BatchNorm3d(out),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) to (B, 4 * width, T, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + shortcut)


class I3DResNet50(nn.Module):
    """Clips (B, 3, T, H, W), T at least 2, to logits (B, K); 28,043,472 parameters at 400 classes.

    Frames are halved once, after the first stage.
    """

    def __init__(self, *, classes: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = TimeConv(3, 64, time=STEM_TIME_KERNEL, space=7, stride=2)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.layer1 = _stage(64, 64, times=TIME_KERNELS[0], stride=1)
        self.timepool = nn.MaxPool3d((2, 1, 1))
        self.layer2 = _stage(256, 128, times=TIME_KERNELS[1], stride=2)
        self.layer3 = _stage(512, 256, times=TIME_KERNELS[2], stride=2)
        self.layer4 = _stage(1024, 512, times=TIME_KERNELS[3], stride=2)
        self.fc = Head(2048, classes, dropout=dropout, std=0.01)

    def features(self, clips_BCTHW: Tensor) -> Tensor:
        """Feature maps (B, 2048, T/2, H/32, W/32) before they are averaged. Raises ConfigError for a single frame."""
        if clips_BCTHW.shape[2] < 2:
            raise ConfigError("i3d_r50 halves the frames and needs two of them", where="data.frames", cure="set 8")
        x = self.maxpool(self.relu(self.bn1(self.conv1(clips_BCTHW))))
        x = self.timepool(self.layer1(x))
        features: Tensor = self.layer4(self.layer3(self.layer2(x)))
        return features

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Logits of the features averaged over time and space."""
        logits_BK: Tensor = self.fc(self.features(clips_BCTHW).mean(dim=(2, 3, 4)))
        return logits_BK

    def translate(self, state: State) -> Translated:
        """Accepts 2-D ResNet-50 weights (spread evenly over a kernel's frames) besides its own."""
        stem = state.get("conv1.weight")
        if stem is None or stem.ndim != 4:
            return Translated(state)
        wanted = self.state_dict()
        inflated = {key: _inflate(tensor, wanted[key]) if key in wanted else tensor for key, tensor in state.items()}
        return Translated(inflated, note="2-D image weights, inflated")


def build_i3d_r50(*, classes: int, config: ModelConfig) -> nn.Module:
    """I3D ResNet-50; reads torchvision's 2-D `resnet50` files (inflated) and its own."""
    net = I3DResNet50(classes=classes, dropout=config.dropout)
    drop_paths([[module.bn3] for module in net.modules() if isinstance(module, Bottleneck)], config.drop_path)
    return net


def _stage(channels: int, width: int, *, times: tuple[int, ...], stride: int) -> nn.Sequential:
    blocks = [Bottleneck(channels, width, time=times[0], stride=stride)]
    blocks += [Bottleneck(width * EXPANSION, width, time=time, stride=1) for time in times[1:]]
    return nn.Sequential(*blocks)


def _inflate(tensor: Tensor, like: Tensor) -> Tensor:
    """A 2-D kernel repeated over the frames of a 3-D one and divided by their number; else the tensor as it is."""
    if tensor.ndim != 4 or like.ndim != 5:
        return tensor
    frames = like.shape[2]
    return tensor.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames
