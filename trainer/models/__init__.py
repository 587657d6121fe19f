"""The models, one file per family; the catalog names a build function for each, imported when it is wanted."""

from __future__ import annotations

import importlib
from difflib import get_close_matches
from typing import TYPE_CHECKING, cast

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from trainer.config import ModelConfig
    from trainer.weights import LoadReport


def build(config: ModelConfig, *, classes: int) -> nn.Module:
    """The model that `config.name` names, for `classes` classes, with `config.weights` loaded if it is set.

    Clips (B, C, T, H, W) float to logits (B, K). Never downloads anything.
    Raises ConfigError for an unknown model, DataError for weights that cannot be used.
    """
    return build_reported(config, classes=classes)[0]


def build_reported(config: ModelConfig, *, classes: int) -> tuple[nn.Module, LoadReport | None]:
    """As `build`, with the report of what the weights file gave; None when no weights are configured."""
    model = untrained(config, classes=classes)
    if not config.weights:
        return model, None
    from trainer.weights import load_into

    return model, load_into(model, config.weights, name=config.name)


def untrained(config: ModelConfig, *, classes: int) -> nn.Module:
    """As `build`, and leaves `config.weights` unread."""
    if classes < 1:
        raise ConfigError(f"a model needs at least one class, not {classes}", where="model")
    return _builder(config.name)(classes=classes, config=config)


def _builder(name: str) -> Callable[..., nn.Module]:
    from trainer.catalog import MODELS

    if name not in MODELS:
        near = get_close_matches(name, MODELS, n=1)
        cure = f"did you mean {near[0]}?" if near else "one of: " + ", ".join(sorted(MODELS))
        raise ConfigError(f"unknown model {name!r}", where="model.name", cure=cure)
    module, _, function = MODELS[name].builder.partition(":")
    return cast("Callable[..., nn.Module]", getattr(importlib.import_module(module), function))
