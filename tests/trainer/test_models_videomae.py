"""VideoMAE: mean pooling always, and weights in each format that exists, checked against the network they mean."""

from __future__ import annotations

import socket

import pytest
import torch
from torch import Tensor, nn

from trainer.config import ModelConfig
from trainer.errors import ConfigError
from trainer.models import untrained
from trainer.models.videomae import VideoMAE

DEPTH, WIDTH, HEADS, CLASSES = 2, 24, 3, 5
SIZES = {
    "image_size": 32,
    "num_frames": 4,
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "intermediate_size": 4 * WIDTH,
}


def twin() -> VideoMAE:
    return VideoMAE(classes=CLASSES, dropout=0.0, **SIZES).eval()


def official_shapes(*, depth: int, width: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a fine-tuned file of the authors' repository."""
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (width, 3, 2, 16, 16),
        "patch_embed.proj.bias": (width,),
        "fc_norm.weight": (width,),
        "fc_norm.bias": (width,),
        "head.weight": (classes, width),
        "head.bias": (classes,),
    }
    for layer in range(depth):
        block = f"blocks.{layer}"
        shapes |= {
            f"{block}.norm1.weight": (width,),
            f"{block}.norm1.bias": (width,),
            f"{block}.attn.q_bias": (width,),
            f"{block}.attn.v_bias": (width,),
            f"{block}.attn.qkv.weight": (3 * width, width),
            f"{block}.attn.proj.weight": (width, width),
            f"{block}.attn.proj.bias": (width,),
            f"{block}.norm2.weight": (width,),
            f"{block}.norm2.bias": (width,),
            f"{block}.mlp.fc1.weight": (4 * width, width),
            f"{block}.mlp.fc1.bias": (4 * width,),
            f"{block}.mlp.fc2.weight": (width, 4 * width),
            f"{block}.mlp.fc2.bias": (width,),
        }
    return shapes


def official_state(*, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = official_shapes(depth=DEPTH, width=WIDTH, classes=CLASSES)
    return {key: 0.2 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}


def official_logits(state: dict[str, Tensor], clips_BCTHW: Tensor) -> Tensor:
    """The authors' network written out: pre-norm blocks, no bias on the keys, mean pooling, then the last norm."""

    def norm(x: Tensor, name: str) -> Tensor:
        return nn.functional.layer_norm(x, (WIDTH,), state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-6)

    def linear(x: Tensor, name: str) -> Tensor:
        return nn.functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    x = nn.functional.conv3d(
        clips_BCTHW, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=(2, 16, 16)
    )
    x = x.flatten(2).transpose(1, 2)
    place = torch.arange(x.shape[1]).double()[:, None]
    angle = place / 10000 ** (2 * (torch.arange(WIDTH) // 2).double() / WIDTH)
    x = x + torch.where(torch.arange(WIDTH) % 2 == 0, angle.sin(), angle.cos()).float()
    for layer in range(DEPTH):
        block = f"blocks.{layer}"
        bias = torch.cat([state[f"{block}.attn.q_bias"], torch.zeros(WIDTH), state[f"{block}.attn.v_bias"]])
        qkv = nn.functional.linear(norm(x, f"{block}.norm1"), state[f"{block}.attn.qkv.weight"], bias)
        q, k, v = qkv.unflatten(2, (3, HEADS, WIDTH // HEADS)).permute(2, 0, 3, 1, 4)
        mixed = ((q * (WIDTH // HEADS) ** -0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
        x = x + linear(mixed.transpose(1, 2).flatten(2), f"{block}.attn.proj")
        hidden = nn.functional.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
        x = x + linear(hidden, f"{block}.mlp.fc2")
    return linear(norm(x.mean(1), "fc_norm"), "head")


def load(model: VideoMAE, state: dict[str, Tensor]) -> None:
    model.load_state_dict(dict(model.translate(state).state), strict=True)


@pytest.fixture(scope="module", name="clips_BCTHW")
def make_clips() -> Tensor:
    return torch.randn(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(9))


def test_the_authors_weights_give_the_authors_logits(clips_BCTHW: Tensor) -> None:
    state, model = official_state(), twin()
    load(model, state)
    with torch.no_grad():
        torch.testing.assert_close(model(clips_BCTHW), official_logits(state, clips_BCTHW), rtol=1e-4, atol=1e-4)


def test_the_full_vit_b_file_fills_every_tensor() -> None:
    with torch.device("meta"):
        model = untrained(ModelConfig(name="videomae_b"), classes=400)
        state = {key: torch.empty(shape) for key, shape in official_shapes(depth=12, width=768, classes=400).items()}
    assert isinstance(model, VideoMAE)
    translated = model.translate(state)
    wanted = {key: tensor.shape for key, tensor in model.state_dict().items()}
    assert {key: tensor.shape for key, tensor in translated.state.items()} == wanted
    assert sum(parameter.numel() for parameter in model.parameters()) == 86_534_800
    assert translated.ignored == translated.fresh == ()


def test_transformers_files_old_and_new_are_the_same_network(clips_BCTHW: Tensor) -> None:
    state, reference = official_state(), twin()
    load(reference, state)
    new = {key.removeprefix("net."): tensor for key, tensor in reference.state_dict().items()}
    old = {
        key.replace("attention.query.bias", "attention.q_bias").replace(
            "attention.value.bias", "attention.v_bias"
        ): tensor
        for key, tensor in new.items()
    }
    assert sum(key.endswith("attention.attention.q_bias") for key in old) == DEPTH
    for written in (new, old):
        model = twin()
        load(model, written)
        with torch.no_grad():
            assert torch.equal(model(clips_BCTHW), reference(clips_BCTHW))


@pytest.mark.parametrize("prefix", ["encoder.", ""])
def test_a_pre_training_file_fills_all_but_the_end(prefix: str) -> None:
    state = {
        f"{prefix}{key}": tensor
        for key, tensor in official_state().items()
        if not key.startswith(("head.", "fc_norm."))
    }
    state |= {f"{prefix}norm.weight": torch.ones(WIDTH), f"{prefix}norm.bias": torch.zeros(WIDTH)}
    state |= {"decoder.blocks.0.norm1.weight": torch.ones(12), "decoder.head.bias": torch.zeros(3)}
    state |= {"encoder_to_decoder.weight": torch.zeros(12, WIDTH), "mask_token": torch.zeros(1, 1, 12)}
    model = twin()
    translated = model.translate(state)
    left = set(model.state_dict()) - set(translated.state)
    assert left == {
        "net.fc_norm.weight",
        "net.fc_norm.bias",
        "net.classifier.weight",
        "net.classifier.bias",
    }
    assert translated.fresh == ("net.fc_norm.",)
    assert set(translated.ignored) == {
        "videomae.layernorm.weight",
        "videomae.layernorm.bias",
        "decoder.blocks.0.norm1.weight",
        "decoder.head.bias",
        "encoder_to_decoder.weight",
        "mask_token",
    }


def test_the_classifier_sees_the_mean_of_all_patches_not_the_first(clips_BCTHW: Tensor) -> None:
    model = twin()
    load(model, official_state())
    with torch.no_grad():
        patches_BNF = model.net.videomae(clips_BCTHW.transpose(1, 2)).last_hidden_state
        head = model.net.classifier
        mean_BK = head(model.net.fc_norm(patches_BNF.mean(1)))
        first_BK = head(model.net.fc_norm(patches_BNF[:, 0]))
        logits_BK = model(clips_BCTHW)
    torch.testing.assert_close(logits_BK, mean_BK)
    assert not torch.allclose(logits_BK, first_BK, rtol=0.05, atol=0.05)


def test_clips_of_another_size_are_refused_with_the_cure(clips_BCTHW: Tensor) -> None:
    with pytest.raises(ConfigError, match=r"4x32x32, not 2x32x32 \(set data.frames=4 data.crop=32\)"):
        twin()(clips_BCTHW[:, :, :2])


def test_the_position_table_moves_with_the_model_and_is_not_saved() -> None:
    model = twin()
    assert not any("position" in key for key in model.state_dict())
    assert model.to(torch.float64).net.videomae.embeddings.position_embeddings.dtype == torch.float64


def test_building_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert sum(parameter.numel() for parameter in twin().parameters()) > 0
