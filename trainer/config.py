"""The typed configuration of a training run, checked in full without torch.

Layers, each over the one before: the defaults of each key, the model's card, the data set's card, the preset, the
overrides. The result is written to `config.yaml` with every key present, and read back from there by the trainer.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer import catalog
from trainer.catalog import Stats, nearest
from trainer.errors import ConfigError
from trainer.fields import coerce, describe, hints_of
from trainer.sections import SECTIONS, Config, DataConfig, ModelConfig, OptimConfig, TrainConfig

__all__ = [
    "SECTIONS",
    "Config",
    "DataConfig",
    "ModelConfig",
    "OptimConfig",
    "TrainConfig",
    "describe",
    "from_dict",
    "load",
    "normalisation",
    "parse_override",
    "resolve",
    "to_dict",
]

_CARD_ONLY = ("flip_keeps_labels", "groups_span_classes", "description")
_NUMBER = re.compile(
    r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]?\.(?:inf|nan)", re.IGNORECASE
)  # a plain one: YAML takes 010 for 8, 1:30 for 90 and 1_0 for 10
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
        name: {key: list(value) if isinstance(value, tuple) else value for key, value in vars(section).items()}
        for name, section in vars(config).items()
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
        found = yaml.load(value, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"cannot read the value {value!r} of {key}", where="--set", cure="quote it as YAML") from None
    scalar = found is not None and not isinstance(found, bool | str | list | dict)
    if scalar and not _NUMBER.fullmatch(value.strip()):
        what = f"{value!r} of {key} is {found} to YAML"
        raise ConfigError(what, where="--set", cure="write a plain number")
    return key.strip(), found


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
    hints = hints_of(cls)
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
    straight = not config.model.drop_path or catalog.card(config.model.name).residual
    shorter = optim.warmup_epochs < train.epochs
    rules = [
        ("model.drop_path", straight, f"is for residual blocks, which {config.model.name} has not", "leave it at 0"),
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


@functools.cache
def _known_keys() -> tuple[str, ...]:
    return tuple(f"{name}.{item.name}" for name, cls in SECTIONS.items() for item in dataclasses.fields(cls))


def _check_key(key: str, *, where: str) -> None:
    known = _known_keys()
    if key not in known:
        section = key.partition(".")[0]
        inside = [name for name in known if name.startswith(f"{section}.")]
        hint = nearest(key, known)
        hint = hint if hint.startswith("did you mean") else nearest(key, inside or known)
        raise ConfigError(f"unknown key {key!r}", where=where, cure=hint)
