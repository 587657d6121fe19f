"""The models by name, and the presets by name, without importing torch.

A card says what a model eats (frames, crop, normalisation: these belong to the weights), how large it is, which
function builds it, and the settings that suit it. `trainer.config` lays presets and overrides on top.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from trainer.errors import ConfigError

Stats = tuple[float, float, float]
Settings = Mapping[str, object]

KINETICS_MEAN: Stats = (0.43216, 0.394666, 0.37645)
KINETICS_STD: Stats = (0.22803, 0.22145, 0.216989)
IMAGENET_MEAN: Stats = (0.485, 0.456, 0.406)
IMAGENET_STD: Stats = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ModelCard:
    """What a user and the configuration need to know of a model before it is built."""

    name: str
    """What `--model` takes."""
    family: str
    """`3d-cnn`, `2d-cnn` (frames averaged) or `transformer`."""
    params: float
    """Millions of parameters, head included, at `params_classes` classes."""
    params_classes: int
    """Number of classes that `params` was counted at."""
    frames: int
    """Frames of a clip."""
    resize: tuple[int, int]
    """Height and width that a frame is scaled to before it is cropped, pixels."""
    crop: int
    """Side of the square that the model sees, pixels."""
    mean: Stats
    """Mean that is taken off each channel (RGB, after scaling to 0..1): the weights were trained with it."""
    std: Stats
    """Standard deviation that each channel is divided by."""
    builder: str
    """`module:function`, called as `build(classes=..., config=ModelConfig)`; clips_BCTHW -> logits_BK."""
    description: str
    """One line for a list."""
    residual: bool = True
    """Whether it has residual blocks, which `model.drop_path` can leave out."""
    defaults: Settings = field(default_factory=dict)
    """Settings (`section.key`) that suit this model, under every preset."""
    presets: Mapping[str, Settings] = field(default_factory=dict)
    """Presets of its own, or what it changes in the common ones of the same name."""


PRESETS: Mapping[str, Settings] = MappingProxyType(
    {
        "default": {},
        "quick": {"train.epochs": 2, "optim.warmup_epochs": 0.0, "train.patience": None},
        "finetune": {"optim.label_smoothing": 0.1, "train.patience": 10},
        "scratch": {
            "train.epochs": 100,
            "optim.warmup_epochs": 5.0,
            "optim.label_smoothing": 0.1,
            "train.patience": 20,
        },
    }
)
"""The presets that every model has."""

_TINY: Settings = {
    "data.batch_size": 16,
    "data.workers": 0,
    "optim.name": "adamw",
    "optim.lr": 2e-3,
    "optim.weight_decay": 0.01,
    "optim.warmup_epochs": 1.0,
    "train.epochs": 10,
    "train.precision": "fp32",
    "train.log_every": 1,
    "train.channels_last": False,
}


def _cards() -> Iterable[ModelCard]:
    yield ModelCard(
        name="r3d18",
        family="3d-cnn",
        params=33.37,
        params_classes=400,
        frames=16,
        resize=(128, 171),
        crop=112,
        mean=KINETICS_MEAN,
        std=KINETICS_STD,
        builder="trainer.models.r3d:build_r3d18",
        description="R3D-18, an 18-layer 3-D ResNet (torchvision); the baseline",
        defaults={"optim.lr": 3e-4, "optim.weight_decay": 0.05, "data.batch_size": 32, "train.epochs": 30},
        presets={
            "finetune": {"optim.lr": 1e-4, "optim.warmup_epochs": 1.0},
            "scratch": {"optim.name": "sgd", "optim.lr": 0.05, "optim.weight_decay": 5e-4, "model.dropout": 0.3},
        },
    )
    yield ModelCard(
        name="i3d_r50",
        family="3d-cnn",
        params=28.04,
        params_classes=400,
        frames=8,
        resize=(256, 341),
        crop=224,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        builder="trainer.models.i3d:build_i3d_r50",
        description="I3D ResNet-50, inflated from 2-D, replicate padding in time",
        defaults={
            "optim.name": "sgd",
            "optim.lr": 0.01,
            "optim.weight_decay": 1e-4,
            "model.dropout": 0.5,
            "data.batch_size": 16,
            "train.epochs": 40,
        },
        presets={"finetune": {"optim.lr": 5e-3, "optim.warmup_epochs": 1.0}, "scratch": {"optim.lr": 0.05}},
    )
    yield ModelCard(
        name="videomae_b",
        family="transformer",
        params=86.53,
        params_classes=400,
        frames=16,
        resize=(224, 299),
        crop=224,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        builder="trainer.models.videomae:build_videomae_b",
        description="VideoMAE ViT-B/16, mean pooling (transformers)",
        defaults={
            "optim.name": "adamw",
            "optim.lr": 5e-4,
            "optim.weight_decay": 0.05,
            "optim.min_lr": 1e-5,
            "optim.warmup_epochs": 5.0,
            "optim.clip_grad": 1.0,
            "optim.label_smoothing": 0.1,
            "model.dropout": 0.5,
            "data.batch_size": 16,
            "train.epochs": 100,
            "train.channels_last": False,
        },
        presets={"finetune": {"train.epochs": 50}, "scratch": {"train.epochs": 200}},
    )
    yield ModelCard(
        name="frame_r50",
        family="2d-cnn",
        params=24.33,
        params_classes=400,
        frames=8,
        resize=(256, 341),
        crop=224,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        builder="trainer.models.frame:build_frame_r50",
        description="ResNet-50 on single frames, averaged: sees no motion",
        defaults={
            "optim.name": "sgd",
            "optim.lr": 0.01,
            "optim.weight_decay": 1e-4,
            "model.dropout": 0.5,
            "data.batch_size": 16,
            "train.epochs": 40,
        },
        presets={"finetune": {"optim.lr": 5e-3, "optim.warmup_epochs": 1.0}, "scratch": {"optim.lr": 0.05}},
    )
    yield ModelCard(
        name="r3d_tiny",
        family="3d-cnn",
        params=0.07,
        params_classes=8,
        frames=8,
        resize=(48, 64),
        crop=48,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        builder="trainer.models.tiny:build_r3d_tiny",
        residual=False,
        description="a small 3-D CNN that a CPU trains in a minute",
        defaults=_TINY,
    )
    yield ModelCard(
        name="frame_tiny",
        family="2d-cnn",
        params=0.03,
        params_classes=8,
        frames=8,
        resize=(48, 64),
        crop=48,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        builder="trainer.models.tiny:build_frame_tiny",
        residual=False,
        description="the 2-D twin of r3d_tiny: frames averaged, sees no motion",
        defaults=_TINY,
    )


MODELS: Mapping[str, ModelCard] = MappingProxyType({card.name: card for card in _cards()})
"""Every model, by name, in the order in which a list shows them."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean X?` where one is near, else `one of: A, B, ...`."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"one of: {', '.join(names)}"


def card(name: str, *, where: str | None = None) -> ModelCard:
    """Return the card of a model. Raises ConfigError, naming the nearest one and the file `where`, if there is none."""
    if name not in MODELS:
        raise ConfigError(f"unknown model {name!r}", where=where, cure=nearest(name, MODELS))
    return MODELS[name]


def preset_names(model: str) -> list[str]:
    """Return the presets that a model has, the common ones first. Raises ConfigError for an unknown model."""
    return list(dict.fromkeys([*PRESETS, *card(model).presets]))


def preset(model: str, name: str) -> dict[str, object]:
    """Return a preset's settings (`section.key` -> value), the common part under the model's own part.

    Raises ConfigError, naming the nearest, where there is none.
    """
    if name not in preset_names(model):
        raise ConfigError(f"unknown preset {name!r} of {model}", cure=nearest(name, preset_names(model)))
    return {**PRESETS.get(name, {}), **card(model).presets.get(name, {})}
