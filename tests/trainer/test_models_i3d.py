"""The inflated ResNet-50: its size, its layout, and the proof that a still video gives the image's features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet50

from trainer.errors import ConfigError
from trainer.models.i3d import I3DResNet50, TimeConv


@pytest.fixture(scope="module")
def image_net() -> nn.Module:
    """A 2-D ResNet-50 with random weights and batch norms that are far from the identity."""
    torch.manual_seed(0)
    net = resnet50(weights=None)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return net.eval()


@pytest.fixture(scope="module")
def inflated(image_net: nn.Module) -> I3DResNet50:
    model = I3DResNet50(classes=1000, dropout=0.0).eval()
    translated = model.translate(image_net.state_dict())
    assert "inflated" in translated.note
    model.load_state_dict(dict(translated.state), strict=True)
    return model


def image_features(net: nn.Module, frames_BCHW: Tensor) -> Tensor:
    children = list(net.children())[:-2]
    return nn.Sequential(*children)(frames_BCHW)


def relative_error(model: I3DResNet50, net: nn.Module) -> float:
    torch.manual_seed(1)
    frame_BCHW = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        features_BCTHW = model.features(frame_BCHW.unsqueeze(2).repeat(1, 1, 8, 1, 1))
        wanted_BCHW = image_features(net, frame_BCHW)
    difference = features_BCTHW - wanted_BCHW.unsqueeze(2)
    worst = difference.transpose(1, 2).flatten(2).norm(dim=2).max()
    return float(worst / wanted_BCHW.norm())


def test_a_still_video_gives_the_features_of_its_frame(inflated: I3DResNet50, image_net: nn.Module) -> None:
    assert relative_error(inflated, image_net) <= 1e-5


def test_zero_padding_would_not(inflated: I3DResNet50, image_net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    def zero_padded(conv: TimeConv, x: Tensor) -> Tensor:
        padding = tuple(size // 2 for size in conv.kernel_size)
        return nn.functional.conv3d(x, conv.weight, stride=conv.stride, padding=padding)

    monkeypatch.setattr(TimeConv, "forward", zero_padded)
    assert relative_error(inflated, image_net) > 0.01


def test_the_size_is_the_published_one() -> None:
    with torch.device("meta"):
        model = I3DResNet50(classes=400, dropout=0.0)
    assert sum(parameter.numel() for parameter in model.parameters()) == 28_043_472


def test_only_the_first_convolution_of_a_bottleneck_spans_time() -> None:
    with torch.device("meta"):
        model = I3DResNet50(classes=400, dropout=0.0)
    assert model.conv1.kernel_size == (5, 7, 7)
    assert model.conv1.stride == (1, 2, 2)
    spans = {}
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        blocks = getattr(model, stage)
        spans[stage] = [block.conv1.kernel_size[0] for block in blocks]
        assert all(block.conv2.kernel_size == (1, 3, 3) for block in blocks)
        assert all(block.conv3.kernel_size == (1, 1, 1) for block in blocks)
    assert spans == {
        "layer1": [3, 3, 3],
        "layer2": [3, 1, 3, 1],
        "layer3": [3, 1, 3, 1, 3, 1],
        "layer4": [1, 3, 1],
    }


def test_frames_are_halved_once_and_space_by_32() -> None:
    with torch.device("meta"):
        model = I3DResNet50(classes=4, dropout=0.0).eval()
        features = model.features(torch.empty(2, 3, 8, 224, 224))
    assert features.shape == (2, 2048, 4, 7, 7)


def test_a_single_frame_is_refused() -> None:
    with torch.device("meta"):
        model = I3DResNet50(classes=4, dropout=0.0)
        with pytest.raises(ConfigError, match=r"needs two of them \(set 8\)"):
            model(torch.empty(1, 3, 1, 32, 32))


def test_the_order_of_frames_matters_once_kernels_differ_in_time() -> None:
    torch.manual_seed(2)
    model = I3DResNet50(classes=4, dropout=0.0).eval()
    clips_BCTHW = torch.randn(1, 3, 8, 32, 32)
    with torch.no_grad():
        forward, backward = model.features(clips_BCTHW).mean(2), model.features(clips_BCTHW.flip(2)).mean(2)
    assert (forward - backward).norm() > 0.01 * forward.norm()
