"""The cards agree with the models that they describe."""

from __future__ import annotations

import importlib

import pytest
import torch

from trainer import catalog, config


@pytest.mark.parametrize("name", list(catalog.MODELS))
def test_a_card_tells_the_true_number_of_parameters(name: str) -> None:
    card = catalog.card(name)
    made = config.resolve(model=name, data={"name": "x", "root": "/x"})
    module, _, function = card.builder.partition(":")
    with torch.device("meta"):
        model = getattr(importlib.import_module(module), function)(classes=card.params_classes, config=made.model)
    millions = sum(weight.numel() for weight in model.parameters()) / 1e6
    assert round(millions, 2) == card.params


def test_cards_are_listed_with_what_a_person_needs() -> None:
    assert list(catalog.MODELS) == ["r3d18", "i3d_r50", "videomae_b", "frame_r50", "r3d_tiny", "frame_tiny"]
    for name, card in catalog.MODELS.items():
        assert card.name == name
        assert card.crop <= min(card.resize)
        assert card.description
        assert {"default", "quick", "finetune", "scratch"} <= set(catalog.preset_names(name))


def test_nearest_names_one_or_all() -> None:
    assert catalog.nearest("r3d", ["r3d18", "other"]) == "did you mean r3d18?"
    assert catalog.nearest("zzz", ["a", "b"]) == "one of: a, b"
