"""Frame averaging: the mean over frames, blind to their order."""

from __future__ import annotations

import torch
from torchvision.models import resnet50

from trainer.config import ModelConfig
from trainer.models import build
from trainer.models.frame import FrameAverage


def test_frame_r50_is_the_mean_of_the_image_networks_logits() -> None:
    reference = resnet50(weights=None, num_classes=6).eval()
    model = build(ModelConfig(name="frame_r50", dropout=0.5), classes=6).eval()
    assert isinstance(model, FrameAverage)
    model.load_state_dict(dict(model.translate(reference.state_dict()).state), strict=True)
    clips_BCTHW = torch.randn(2, 3, 3, 32, 32)
    with torch.no_grad():
        wanted = torch.stack([reference(clips_BCTHW[:, :, frame]) for frame in range(3)]).mean(0)
        torch.testing.assert_close(model(clips_BCTHW), wanted, rtol=1e-4, atol=1e-4)


def test_frame_r50_cannot_know_the_order_of_frames() -> None:
    model = build(ModelConfig(name="frame_r50"), classes=6).eval()
    clips_BCTHW = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        shuffled = model(clips_BCTHW[:, :, [2, 0, 3, 1]])
        torch.testing.assert_close(model(clips_BCTHW), shuffled, rtol=1e-4, atol=1e-4)


def test_its_own_state_dict_is_read_as_it_is() -> None:
    model = build(ModelConfig(name="frame_tiny"), classes=6)
    assert isinstance(model, FrameAverage)
    state = model.state_dict()
    assert dict(model.translate(state).state) == state
