"""VideoMAE's ViT-B/16 from transformers, always pooled over all patches, and the two formats its weights come in.

Without mean pooling transformers classifies by the first patch alone (there is no class token), and the configuration
of the pre-trained files asks for that: so it is not read, only the tensors are. Nothing is ever downloaded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.models.parts import Head, State, Translated, drop_paths

if TYPE_CHECKING:
    from trainer.config import ModelConfig

NORM_EPS = 1e-6
"""Of every layer norm, as the authors train it; transformers has 1e-12 and 1e-5 for the last."""

HEAD_STD = 0.02
"""Of the classifier's first weights, as of all other linear layers."""

_OFFICIAL = (
    (r"^patch_embed\.proj\.", "videomae.embeddings.patch_embeddings.projection."),
    (r"^blocks\.(\d+)\.norm1\.", r"videomae.encoder.layer.\1.layernorm_before."),
    (r"^blocks\.(\d+)\.norm2\.", r"videomae.encoder.layer.\1.layernorm_after."),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"videomae.encoder.layer.\1.attention.output.dense."),
    (r"^blocks\.(\d+)\.attn\.q_bias$", r"videomae.encoder.layer.\1.attention.attention.query.bias"),
    (r"^blocks\.(\d+)\.attn\.v_bias$", r"videomae.encoder.layer.\1.attention.attention.value.bias"),
    (r"^blocks\.(\d+)\.mlp\.fc1\.", r"videomae.encoder.layer.\1.intermediate.dense."),
    (r"^blocks\.(\d+)\.mlp\.fc2\.", r"videomae.encoder.layer.\1.output.dense."),
    (r"^norm\.", "videomae.layernorm."),
    (r"^head\.", "classifier."),
)
"""Names in the authors' files, without `encoder.`, and in transformers; the joint qkv weight is cut in three."""
_QKV = re.compile(r"^blocks\.(\d+)\.attn\.qkv\.weight$")
_OLD_BIAS = re.compile(r"\.attention\.attention\.([qv])_bias$")
_PRETRAINING_ONLY = (
    "decoder.",
    "encoder_to_decoder.",
    "mask_token",
    "pos_embed",
    "videomae.layernorm.",
)
"""What a pre-training file holds and a classifier has no place for; the last norm gives way to `fc_norm`."""


class VideoMAE(nn.Module):
    """Clips (B, 3, T, H, W) of the one size that it was built for to logits (B, K)."""

    def __init__(self, *, classes: int, dropout: float, **sizes: int) -> None:
        super().__init__()
        from transformers import VideoMAEConfig, VideoMAEForVideoClassification

        self.config: Any = VideoMAEConfig(use_mean_pooling=True, layer_norm_eps=NORM_EPS, **sizes)
        self.net: Any = VideoMAEForVideoClassification(self.config)
        self.net.fc_norm.eps = NORM_EPS
        self.net.classifier = Head(self.config.hidden_size, classes, dropout=dropout, std=HEAD_STD)
        embeddings = self.net.videomae.embeddings
        positions = embeddings.position_embeddings
        del embeddings.position_embeddings
        # A buffer moves to the GPU with the model; transformers copies its plain tensor there at every step.
        embeddings.register_buffer("position_embeddings", positions, persistent=False)

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Logits of the mean over all patches. Raises ConfigError for clips of another size."""
        frames, size = self.config.num_frames, self.config.image_size
        if clips_BCTHW.shape[1:] != (3, frames, size, size):
            given = "x".join(str(side) for side in clips_BCTHW.shape[2:])
            raise ConfigError(
                f"videomae takes clips of {frames}x{size}x{size}, not {given}",
                where="data.frames, data.crop",
                cure=f"set data.frames={frames} data.crop={size}",
            )
        logits_BK: Tensor = self.net(pixel_values=clips_BCTHW.transpose(1, 2)).logits
        return logits_BK

    def translate(self, state: State) -> Translated:
        """Accepts transformers' files, old and new, and the authors' `.pth` files, pre-trained or fine-tuned."""
        if any(key.startswith("net.") for key in state):
            return Translated(state)
        official = any(key.removeprefix("encoder.").startswith("blocks.") for key in state)
        named = _from_official(state) if official else _from_transformers(state)
        ignored = tuple(key for key in named if key.startswith(_PRETRAINING_ONLY))
        tensors = {f"net.{key}": tensor for key, tensor in named.items() if key not in ignored}
        note = "the authors' format" if official else "transformers' format"
        fine_tuned = any(key.startswith("net.fc_norm.") for key in tensors)
        fresh = () if fine_tuned else ("net.fc_norm.",)
        return Translated(tensors, note=note, ignored=ignored, fresh=fresh)


def build_videomae_b(*, classes: int, config: ModelConfig) -> nn.Module:
    """VideoMAE ViT-B/16 for clips of 16x224x224; 86.5 M parameters at 400 classes."""
    model = VideoMAE(classes=classes, dropout=config.dropout)
    drop_paths([[layer.attention, layer.output.dense] for layer in model.net.videomae.encoder.layer], config.drop_path)
    return model


def _from_transformers(state: State) -> dict[str, Tensor]:
    """Renames the free-standing q and v biases of files written before transformers 5."""
    word = {"q": "query", "v": "value"}
    return {
        _OLD_BIAS.sub(lambda found: f".attention.attention.{word[found[1]]}.bias", key): tensor
        for key, tensor in state.items()
    }


def _from_official(state: State) -> dict[str, Tensor]:
    """The authors' names in transformers' words; a decoder's keys keep theirs."""
    named: dict[str, Tensor] = {}
    for original, tensor in state.items():
        key = original.removeprefix("encoder.")
        joint = _QKV.match(key)
        if joint:
            layer = f"videomae.encoder.layer.{joint[1]}.attention.attention"
            for part, weight in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                named[f"{layer}.{part}.weight"] = weight
            continue
        for pattern, replacement in _OFFICIAL:
            key = re.sub(pattern, replacement, key)
        named[key] = tensor
    return named
