"""The tiny pair: the 3-D net can tell a motion from its reverse, its 2-D twin of the same width cannot."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from trainer.config import ModelConfig
from trainer.models import build
from trainer.models.tiny import Tiny3D, TinyFrames


def kernel_shapes(model: nn.Module) -> list[tuple[int, ...]]:
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Conv3d)]
    return [(*conv.weight.shape[:2], *conv.weight.shape[-2:]) for conv in convolutions]


def test_the_twins_differ_only_in_time() -> None:
    deep = build(ModelConfig(name="r3d_tiny"), classes=8)
    flat = build(ModelConfig(name="frame_tiny"), classes=8)
    assert kernel_shapes(deep) == kernel_shapes(flat)
    assert [shape[0] for shape in kernel_shapes(deep)] == [16, 24, 32, 48]
    spans = [module.kernel_size[0] for module in deep.modules() if isinstance(module, nn.Conv3d)]
    assert sum(span > 1 for span in spans) >= 2


def test_on_a_single_frame_both_compute_the_same_features() -> None:
    deep = build(ModelConfig(name="r3d_tiny"), classes=8).eval()
    flat = build(ModelConfig(name="frame_tiny"), classes=8).eval()
    assert isinstance(deep, Tiny3D)
    assert isinstance(flat, TinyFrames)
    middle = {
        key.replace("net.", ""): tensor.select(2, tensor.shape[2] // 2) if tensor.ndim == 5 else tensor
        for key, tensor in deep.state_dict().items()
    }
    flat.load_state_dict({f"net.{key}": tensor for key, tensor in middle.items()}, strict=True)
    frames_NCHW = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        deep_NCHW = deep.features(frames_NCHW.unsqueeze(2)).squeeze(2)
        torch.testing.assert_close(deep_NCHW, flat.net.features(frames_NCHW))


def test_what_stands_still_has_no_say() -> None:
    clips_BCTHW = torch.randn(2, 3, 8, 48, 48)
    background_BCTHW = torch.randn(2, 3, 1, 48, 48)
    for name in ("r3d_tiny", "frame_tiny"):
        model = build(ModelConfig(name=name), classes=8).eval()
        with torch.no_grad():
            torch.testing.assert_close(model(clips_BCTHW + background_BCTHW), model(clips_BCTHW), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("frames", [8, 16])
def test_only_the_3d_net_sees_the_order_of_frames(frames: int) -> None:
    clips_BCTHW = torch.randn(2, 3, frames, 48, 48)
    orders = [torch.arange(frames).flip(0), torch.randperm(frames, generator=torch.Generator().manual_seed(3))]
    deep = build(ModelConfig(name="r3d_tiny"), classes=8).eval()
    flat = build(ModelConfig(name="frame_tiny"), classes=8).eval()
    with torch.no_grad():
        for order in orders:
            shuffled = clips_BCTHW[:, :, order]
            torch.testing.assert_close(flat(clips_BCTHW), flat(shuffled), rtol=1e-5, atol=1e-5)
            assert not torch.allclose(deep(clips_BCTHW), deep(shuffled), rtol=1e-3, atol=1e-4)


def moving_bars(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Bars (N, 3, 8, 24, 24) that move left (0) or right (1), in a loop, from random places at random speeds."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 2, (count,), generator=generator)
    starts = torch.randint(0, 24, (count,), generator=generator)
    speeds = torch.randint(1, 5, (count,), generator=generator)
    steps_NT = torch.arange(8) * (speeds * (targets * 2 - 1)).unsqueeze(1)
    columns_NTW = (torch.arange(24) - starts.view(-1, 1, 1) - steps_NT.unsqueeze(2)) % 24
    bars_NTW = (columns_NTW < 4).float()
    clips = bars_NTW[:, None, :, None, :].expand(count, 3, 8, 24, 24)
    return clips + 0.1 * torch.randn(clips.shape, generator=generator), targets


def trained_accuracy(name: str) -> float:
    torch.manual_seed(0)
    model = build(ModelConfig(name=name), classes=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    clips, targets = moving_bars(256, seed=0)
    for step in range(64):
        rows = slice(step % 16 * 16, step % 16 * 16 + 16)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(clips[rows]), targets[rows]).backward()
        optimizer.step()
    clips, targets = moving_bars(128, seed=1)
    model.eval()
    with torch.no_grad():
        return float((model(clips).argmax(1) == targets).float().mean())


def test_the_3d_net_learns_a_direction_in_four_short_epochs_and_its_twin_does_not() -> None:
    assert trained_accuracy("r3d_tiny") > 0.95
    assert trained_accuracy("frame_tiny") < 0.7
