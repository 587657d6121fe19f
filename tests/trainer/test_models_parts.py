"""Stochastic depth: branches are left out for whole samples, deeper ones more often, in training alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.catalog import MODELS
from trainer.config import ModelConfig, resolve
from trainer.errors import ConfigError
from trainer.models import build
from trainer.models.parts import drop_paths

SIZES = {"r3d18": (8, 32), "i3d_r50": (4, 32), "frame_r50": (2, 32), "videomae_b": (16, 224)}


def test_the_share_rises_linearly_and_whole_samples_are_dropped() -> None:
    blocks = [nn.Identity() for _ in range(5)]
    drop_paths([[block] for block in blocks], 0.8)
    ones = torch.ones(20_000, 3)
    torch.manual_seed(0)
    for block, share in zip(blocks, (0.0, 0.2, 0.4, 0.6, 0.8), strict=True):
        out = block.train()(ones)
        assert (out.std(dim=1) == 0).all(), "a sample is dropped as a whole"
        assert (out[:, 0] == 0).float().mean().item() == pytest.approx(share, abs=0.02)
        assert out.mean().item() == pytest.approx(1.0, abs=0.05), "the others make up for it"
        assert torch.equal(block.eval()(ones), ones)


def test_nothing_is_hooked_at_rate_zero() -> None:
    block = nn.Identity()
    drop_paths([[block], [block]], 0.0)
    assert not block._forward_hooks


@pytest.mark.parametrize("name", SIZES)
def test_models_train_with_it_and_keep_their_state_dict(name: str) -> None:
    frames, size = SIZES[name]
    torch.manual_seed(0)
    plain, deep = (build(ModelConfig(name=name, drop_path=rate), classes=3) for rate in (0.0, 0.5))
    deep.load_state_dict(plain.state_dict())
    hooked = [module for module in deep.modules() if module._forward_hooks]
    assert len(hooked) == {"r3d18": 7, "i3d_r50": 15, "frame_r50": 15, "videomae_b": 22}[name]
    clips = torch.randn(1, 3, frames, size, size)
    with torch.no_grad():
        assert torch.equal(plain.eval()(clips), deep.eval()(clips)), "evaluation is untouched"
        if name != "videomae_b":  # one pass on a CPU is enough of that
            differs = [not torch.equal(deep.train()(clips.repeat(2, 1, 1, 1, 1)), deep(clips.repeat(2, 1, 1, 1, 1)))]
            assert any(differs)


@pytest.mark.parametrize("name", sorted(name for name, card in MODELS.items() if not card.residual))
def test_models_without_residual_blocks_refuse_it(name: str) -> None:
    with pytest.raises(ConfigError, match="drop_path is for residual blocks"):
        resolve(model=name, data={"name": "x", "root": "/x"}, overrides=["model.drop_path=0.1"])
