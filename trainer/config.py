"""The typed configuration of a training run, checked in full without torch.

Layers, each over the one before: the defaults below, the model's card, the data set's card, the preset, the overrides.
The result is written to `config.yaml` with every key present, and read back from there by the trainer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from trainer import catalog
from trainer.catalog import Stats, nearest
from trainer.errors import ConfigError
from trainer.fields import Range, coerce


@dataclass(frozen=True)
class ModelConfig:
    """Which model."""

    name: str
    """A name of the catalog (`arctl models`)."""
    weights: str | None = None
    """Path of a state dict to start from; null starts from random weights."""
    dropout: Annotated[float, Range(low=0.0, below=1.0)] = 0.0
    """Share of the features dropped before the classifier."""


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

_CARD_ONLY = ("flip_keeps_labels", "description")
MAX_BYTES = 1 << 20
"""Size beyond which a file is no configuration."""


def resolve(
    *, model: str, data: Mapping[str, object], preset: str | None = None, overrides: Sequence[str] = ()
) -> Config:
    """Return the checked configuration of a run.

    `data` is a data set's card: `name`, `root` (absolute), and any key of DataConfig; `flip_keeps_labels: false`
    forbids mirrored clips. `overrides` are `section.key=value` with YAML values. Raises ConfigError naming the key
    and the nearest one.
    """
    layers = [(f"data set {data.get('name', '?')}", _card_values(data))]
    if preset is not None:
        layers.append((f"preset {preset}", catalog.preset(model, preset)))
    layers.extend((f"--set {text}", dict([parse_override(text)])) for text in overrides)
    return _build(model, layers)


def from_dict(mapping: object, *, where: str) -> Config:
    """Return the checked configuration of a mapping of sections; keys left out get the model's defaults.

    `where` names the file for messages. Raises ConfigError.
    """
    values = _flatten(mapping, where=where)
    name = values.get("model.name")
    if not isinstance(name, str):
        raise ConfigError("model.name is missing", where=where, cure=f"set it: {nearest('', catalog.MODELS)}")
    catalog.card(name, where=where)
    return _build(name, [(where, values)])


def to_dict(config: Config) -> dict[str, dict[str, Any]]:
    """Return the configuration as plain sections of plain values, every key present."""
    return {
        name: {key: list(value) if isinstance(value, tuple) else value for key, value in section.items()}
        for name, section in dataclasses.asdict(config).items()
    }


def load(path: Path) -> Config:
    """Read and check a `config.yaml`. Raises ConfigError naming line and column, or the key."""
    from trainer.yaml_file import read_yaml

    return from_dict(read_yaml(path, limit=MAX_BYTES), where=str(path))


def normalisation(config: Config) -> tuple[Stats, Stats]:
    """Return (mean, std) of each channel: the configuration's, else those of the model's weights."""
    card = catalog.card(config.model.name)
    return config.data.mean or card.mean, config.data.std or card.std


def parse_override(text: str) -> tuple[str, object]:
    """Split `section.key=value` and read the value as YAML. Raises ConfigError."""
    import yaml

    key, equals, value = text.partition("=")
    if not equals or "." not in key:
        raise ConfigError(
            f"cannot read {text!r}", where="--set", cure="write --set section.key=value, as optim.lr=1e-4"
        )
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"cannot read the value {value!r} of {key}", where="--set", cure="quote it as YAML") from None


def _build(model: str, layers: Sequence[tuple[str, Mapping[str, object]]]) -> Config:
    card = catalog.card(model)
    values: dict[str, object] = {"model.name": model}
    sources: dict[str, str] = {}
    own = f"model {model}"
    geometry = {"data.frames": card.frames, "data.resize": card.resize, "data.crop": card.crop}
    for where, layer in [(own, {**geometry, **card.defaults}), *layers]:
        for key in layer:
            _check_key(key, where=where)
            sources[key] = where
        values.update(layer)
    if values["model.name"] != model:
        raise ConfigError(f"model.name is {values['model.name']!r}", where=sources["model.name"], cure="use --model")
    config = Config(**{name: _section(name, cls, values, sources) for name, cls in SECTIONS.items()})
    usual = sources.get("optim.warmup_epochs", own)
    if (usual == own or usual.startswith("preset ")) and config.optim.warmup_epochs >= config.train.epochs:
        optim = dataclasses.replace(config.optim, warmup_epochs=config.train.epochs / 10)  # it is too long
        config = dataclasses.replace(config, optim=optim)
    _check_together(config, sources)
    return config


def _section(name: str, cls: type, values: Mapping[str, object], sources: Mapping[str, str]) -> Any:
    hints = get_type_hints(cls, include_extras=True)
    given: dict[str, Any] = {}
    for item in dataclasses.fields(cls):
        key = f"{name}.{item.name}"
        if key in values:
            where = sources.get(key, "configuration")
            given[item.name] = coerce(values[key], hints[item.name], key=key, where=where)
        elif item.default is dataclasses.MISSING:
            given_by = [source for source in sources.values() if not source.startswith("model ")]
            where = given_by[-1] if given_by else "configuration"
            raise ConfigError(f"{key} is missing", where=where, cure="add it")
    return cls(**given)


def _check_together(config: Config, sources: Mapping[str, str]) -> None:
    data, optim, train = config.data, config.optim, config.train
    either, warmup = "change one of them", "lower it, or raise train.epochs"
    shorter = optim.warmup_epochs < train.epochs
    rules = [
        ("data.root", Path(data.root).is_absolute(), f"{data.root!r} is no absolute path", "write it from / on"),
        ("data.crop", data.crop <= min(data.resize), f"{data.crop} is above data.resize {list(data.resize)}", either),
        ("optim.min_lr", optim.min_lr <= optim.lr, f"{optim.min_lr:g} is above optim.lr {optim.lr:g}", either),
        ("optim.warmup_epochs", shorter, f"{optim.warmup_epochs:g} leaves nothing of {train.epochs} epochs", warmup),
    ]
    for key, holds, message, cure in rules:
        if not holds:
            raise ConfigError(f"{key} {message}", where=sources.get(key), cure=cure)


def _card_values(data: Mapping[str, object]) -> dict[str, object]:
    values = {f"data.{key}": value for key, value in data.items() if key not in _CARD_ONLY}
    keeps = data.get("flip_keeps_labels")
    if keeps is not None and data.get("flip", "auto") == "auto":
        values["data.flip"] = coerce(keeps, bool, key="flip_keeps_labels", where=f"data set {data.get('name', '?')}")
    return values


def _flatten(mapping: object, *, where: str) -> dict[str, object]:
    if not isinstance(mapping, Mapping) or not mapping:
        raise ConfigError("no sections", where=where, cure=f"write {', '.join(SECTIONS)} as mappings")
    values: dict[str, object] = {}
    for name, section in mapping.items():
        if name not in SECTIONS:
            raise ConfigError(f"unknown section {name!r}", where=where, cure=nearest(str(name), SECTIONS))
        if not isinstance(section, Mapping):
            raise ConfigError(f"{name} is no mapping", where=where, cure="write `key: value` lines under it")
        values.update({f"{name}.{key}": value for key, value in section.items()})
    return values


def _check_key(key: str, *, where: str) -> None:
    known = [f"{name}.{item.name}" for name, cls in SECTIONS.items() for item in dataclasses.fields(cls)]
    if key not in known:
        section = key.partition(".")[0]
        inside = [name for name in known if name.startswith(f"{section}.")]
        hint = nearest(key, known)
        hint = hint if hint.startswith("did you mean") else nearest(key, inside or known)
        raise ConfigError(f"unknown key {key!r}", where=where, cure=hint)
