"""R3D-18: a ResNet-18 with 3x3x3 convolutions throughout, as torchvision builds and names it.

The keys of its state dict are torchvision's flat ones (`stem.0.weight`, `layer1.0.conv1.0.weight`, `fc.weight`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from trainer.models.parts import Head, drop_paths

if TYPE_CHECKING:
    from trainer.config import ModelConfig


def build_r3d18(*, classes: int, config: ModelConfig) -> nn.Module:
    """Clips (B, 3, T, H, W) to logits (B, K); made for 16x112x112; 33.37 M parameters at 400 classes.

    Reads torchvision's `r3d_18` files as they are.
    """
    from torchvision.models.video import r3d_18
    from torchvision.models.video.resnet import BasicBlock

    net: nn.Module = r3d_18(weights=None)
    net.fc = Head(512, classes, dropout=config.dropout, std=0.01)
    drop_paths([[module.conv2] for module in net.modules() if isinstance(module, BasicBlock)], config.drop_path)
    return net
