"""R3D-18 and the catalog's door to all models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision.models.video import r3d_18

from trainer.catalog import MODELS
from trainer.config import ModelConfig
from trainer.errors import ConfigError
from trainer.models import build, untrained
from trainer.models.parts import Head

ROOT = Path(__file__).parents[2]


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_r3d18_is_torchvisions_network_with_its_flat_keys() -> None:
    reference = r3d_18(weights=None, num_classes=7).eval()
    model = build(ModelConfig(name="r3d18"), classes=7).eval()
    assert model.load_state_dict(reference.state_dict(), strict=True)
    clips_BCTHW = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(clips_BCTHW), reference(clips_BCTHW))


def test_r3d18_drops_features_before_the_classifier_only_while_training() -> None:
    model = build(ModelConfig(name="r3d18", dropout=0.5), classes=7)
    assert isinstance(model.fc, Head)
    torch.nn.init.ones_(model.fc.weight)
    features = torch.ones(1, 512)
    model.train()
    kept = model.fc(features)[0, 0].item() / 2
    assert kept == pytest.approx(256, abs=60)
    assert not torch.equal(model.fc(features), model.fc(features))
    model.eval()
    assert torch.equal(model.fc(features), torch.full((1, 7), 512.0))


@pytest.mark.parametrize("name", list(MODELS))
def test_the_catalog_tells_the_true_size_of_every_model(name: str) -> None:
    card = MODELS[name]
    with torch.device("meta"):
        model = untrained(ModelConfig(name=name), classes=card.params_classes)
    assert count(model) / 1e6 == pytest.approx(card.params, rel=0.03, abs=0.006)


@pytest.mark.parametrize("name", ["r3d18", "i3d_r50", "frame_r50", "r3d_tiny", "frame_tiny"])
def test_clips_become_one_row_of_finite_logits_each(name: str) -> None:
    model = build(ModelConfig(name=name, dropout=0.1), classes=5)
    logits_BK = model(torch.randn(2, 3, 4, 32, 32))
    assert logits_BK.shape == (2, 5)
    assert torch.isfinite(logits_BK).all()
    logits_BK.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown model 'r3d81'.*did you mean r3d18"):
        build(ModelConfig(name="r3d81"), classes=5)


def test_a_model_without_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one class"):
        build(ModelConfig(name="r3d_tiny"), classes=0)


def test_the_step_benchmark_runs_without_a_gpu_and_resumes_to_an_equal_state() -> None:
    table = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.gpu_steps",
            "--device",
            "cpu",
            "--steps",
            "4",
            "--small",
            "--models",
            "videomae_b",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert table.returncode == 0, table.stderr
    rows = [line for line in table.stdout.splitlines() if line.startswith("| videomae_b")]
    assert [row.split(" | ")[3] for row in rows] == ["bf16", "fp16"]
    assert all("equal, loss finite" in row for row in rows)
    assert f"torch {torch.__version__}" in table.stdout
