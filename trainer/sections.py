"""Every key of a training run's configuration, with its type, its default, its range and its meaning.

`trainer.config` fills and checks it; `python -m trainer --help` prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from trainer.fields import Range


@dataclass(frozen=True)
class ModelConfig:
    """Which model."""

    name: str
    """A name of the catalog (`arctl models`)."""
    weights: str | None = None
    """Path of a state dict to start from; null starts from random weights."""
    dropout: Annotated[float, Range(low=0.0, below=1.0)] = 0.0
    """Share of the features dropped before the classifier."""
    drop_path: Annotated[float, Range(low=0.0, below=1.0)] = 0.0
    """Stochastic depth: share of samples that skip the last residual block, less for earlier ones."""


@dataclass(frozen=True)
class DataConfig:
    """Which videos, and how they become clips."""

    name: str
    """The data set's name, for people."""
    root: str
    """Absolute path of the data set."""
    format: Literal["ucf101"] = "ucf101"
    """Layout of the data set on disk."""
    split: Annotated[int, Range(low=1, high=3)] = 1
    """Which of the official splits."""
    frames: Annotated[int, Range(low=1, high=256)] = 16
    """Frames of a clip."""
    sampling: Literal["uniform"] = "uniform"
    """How a clip's frames are chosen from a video: evenly over all of it."""
    resize: Annotated[tuple[int, int], Range(low=8, high=2048)] = (128, 171)
    """Height and width of a frame before the crop, pixels."""
    crop: Annotated[int, Range(low=8, high=2048)] = 112
    """Side of the square that the model sees, pixels."""
    batch_size: Annotated[int, Range(low=1, high=65536)] = 16
    """Clips in one forward pass of one GPU."""
    eval_batch_size: Annotated[int, Range(low=1, high=65536)] | None = None
    """The same in evaluation; null: as in training."""
    workers: Annotated[int, Range(low=0, high=256)] = 4
    """Processes that load clips; 0 loads in the trainer itself."""
    flip: bool | Literal["auto"] = "auto"
    """Mirror half of the training clips; auto: only where the data set says that it keeps the labels."""
    random_crop: bool = True
    """Crop training clips at random; false: at the centre."""
    brightness: Annotated[float, Range(low=0.0, below=1.0)] = 0.2
    """Training clips are made brighter or darker by up to this share."""
    mean: tuple[float, float, float] | None = None
    """Mean of each channel; null: that of the model's weights."""
    std: Annotated[tuple[float, float, float], Range(above=0.0)] | None = None
    """Standard deviation of each channel; null: that of the model's weights."""
    cache: Literal["auto", "off", "build"] = "auto"
    """Decoded frames kept on disk: use them and build them where missing (auto), never (off), or anew (build)."""
    cache_dir: str | None = None
    """Where they are kept; null: beside the data set, or in the user's cache."""
    limit_train: Annotated[int, Range(low=1)] | None = None
    """Use only so many training videos."""
    limit_val: Annotated[int, Range(low=1)] | None = None
    """Use only so many validation videos."""


@dataclass(frozen=True)
class OptimConfig:
    """How the weights are changed."""

    name: Literal["adamw", "sgd"] = "adamw"
    """The optimizer."""
    lr: Annotated[float, Range(above=0.0, high=1e10)] = 3e-4
    """Learning rate after the warm-up."""
    weight_decay: Annotated[float, Range(low=0.0)] = 0.05
    """Weight decay; never on biases and normalisation weights."""
    momentum: Annotated[float, Range(low=0.0, below=1.0)] = 0.9
    """Momentum of sgd; adamw uses it as its first beta."""
    warmup_epochs: Annotated[float, Range(low=0.0)] = 2.0
    """Epochs of linear warm-up, step by step; fractions count."""
    min_lr: Annotated[float, Range(low=0.0)] = 0.0
    """Where the cosine ends."""
    clip_grad: Annotated[float, Range(above=0.0)] | None = None
    """Greatest L2 norm of the gradient; null: not clipped."""
    accumulate: Annotated[int, Range(low=1, high=65536)] = 1
    """Batches whose gradients make one step."""
    label_smoothing: Annotated[float, Range(low=0.0, below=1.0)] = 0.0
    """Share of the target spread over all classes, in training only."""


@dataclass(frozen=True)
class TrainConfig:
    """How long, how precisely, how reproducibly."""

    epochs: Annotated[int, Range(low=1, high=100000)] = 30
    """Passes over the training videos."""
    precision: Literal["fp32", "fp16", "bf16"] = "bf16"
    """Type of the forward pass; fp16 scales the loss."""
    seed: Annotated[int, Range(low=0, high=2**31 - 1)] = 0
    """Where all randomness comes from."""
    patience: Annotated[int, Range(low=1)] | None = None
    """Stop after so many evaluations without a better val/top1; null: never."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU where there is one."""
    deterministic: bool = False
    """Only operations that repeat bit for bit, where a GPU has them."""
    log_every: Annotated[int, Range(low=1)] = 10
    """Steps between two reads of the device, fewer where they are slow; every step is recorded."""
    eval_every: Annotated[int, Range(low=1)] = 1
    """Epochs between two evaluations; the last is always evaluated."""
    max_steps: Annotated[int, Range(low=1)] | None = None
    """Stop after so many steps, wherever that is."""
    channels_last: bool = True
    """Keep tensors in the memory order that GPUs convolve fastest."""
    checkpoint_minutes: Annotated[float, Range(above=0.0)] | None = 15.0
    """Save inside an epoch after so long; null: only after epochs."""


@dataclass(frozen=True)
class Config:
    """Everything that decides a training run."""

    model: ModelConfig
    """Which model."""
    data: DataConfig
    """Which videos."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """How the weights are changed."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """How long, how precisely."""


SECTIONS: Mapping[str, type] = {"model": ModelConfig, "data": DataConfig, "optim": OptimConfig, "train": TrainConfig}
"""The sections of `config.yaml`."""
