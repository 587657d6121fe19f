"""Models that look at one frame at a time and average: the baseline that cannot know the order of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from trainer.models.parts import Head, State, Translated, drop_paths

if TYPE_CHECKING:
    from trainer.config import ModelConfig


class FrameAverage(nn.Module):
    """Applies an image classifier to every frame and averages the logits over the frames.

    Clips (B, C, T, H, W) to logits (B, K). Any permutation of the frames gives the same logits.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        """Frames (N, C, H, W) to logits (N, K)."""

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Logits of each clip, the mean over its frames."""
        batch, frames = clips_BCTHW.shape[0], clips_BCTHW.shape[2]
        frames_NCHW = clips_BCTHW.transpose(1, 2).flatten(0, 1)
        logits_NK: Tensor = self.net(frames_NCHW)
        return logits_NK.reshape(batch, frames, -1).mean(dim=1)

    def translate(self, state: State) -> Translated:
        """Accepts the image classifier's own state dict (ImageNet files) besides that of this module."""
        if any(key.startswith("net.") for key in state):
            return Translated(state)
        return Translated({f"net.{key}": tensor for key, tensor in state.items()}, note="2-D image weights")


def build_frame_r50(*, classes: int, config: ModelConfig) -> nn.Module:
    """ResNet-50 on every frame, logits averaged; reads torchvision's ImageNet state dicts."""
    from torchvision.models import resnet50
    from torchvision.models.resnet import Bottleneck

    net = resnet50(weights=None)
    net.fc = Head(net.fc.in_features, classes, dropout=config.dropout, std=0.01)
    drop_paths([[module.bn3] for module in net.modules() if isinstance(module, Bottleneck)], config.drop_path)
    return FrameAverage(net)
