"""Weights files of every kind that people have: good ones are read completely, bad ones change nothing."""

from __future__ import annotations

import argparse
import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import resnet50, resnet101
from torchvision.models.video import r3d_18

from trainer.config import ModelConfig
from trainer.errors import DataError
from trainer.models import build, build_reported
from trainer.models.videomae import VideoMAE
from trainer.weights import load_into

State = dict[str, Tensor]


def tiny(classes: int = 8, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build(ModelConfig(name="r3d_tiny"), classes=classes)


def same(model: nn.Module, state: State) -> bool:
    return all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


@pytest.fixture(scope="module")
def kinetics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision publishes it: R3D-18 with 400 classes."""
    path = tmp_path_factory.mktemp("weights") / "r3d_18-b3b3357e.pth"
    torch.manual_seed(5)
    torch.save(r3d_18(weights=None, num_classes=400).state_dict(), path)
    return path


def test_a_file_with_as_many_classes_is_loaded_completely(kinetics: Path) -> None:
    model, report = build_reported(ModelConfig(name="r3d18", weights=str(kinetics)), classes=400)
    assert same(model, torch.load(kinetics, weights_only=True))
    assert report is not None
    assert report.loaded == tuple(model.state_dict())
    assert report.missing == report.unexpected == report.reinitialised == ()
    assert report.sha256 == hashlib.sha256(kinetics.read_bytes()).hexdigest()


def test_another_number_of_classes_gets_a_new_head_and_the_report_says_so(kinetics: Path) -> None:
    model, report = build_reported(ModelConfig(name="r3d18", weights=str(kinetics)), classes=101)
    published = torch.load(kinetics, weights_only=True)
    assert model.fc.weight.shape == (101, 512)
    assert all(torch.equal(tensor, published[key]) for key, tensor in model.state_dict().items() if "fc" not in key)
    assert report is not None
    assert report.reinitialised == ("fc.weight", "fc.bias")
    assert report.classes_in_file == 400
    assert "new classifier: the file has 400 classes" in report.line()
    assert report.sha256[:12] in report.line()


def test_without_weights_nothing_is_read() -> None:
    assert build_reported(ModelConfig(name="r3d_tiny"), classes=3)[1] is None


def test_image_weights_start_a_video_network(tmp_path: Path) -> None:
    path = tmp_path / "resnet50-11ad3fa6.pth"
    torch.manual_seed(1)
    image_net = resnet50(weights=None)
    torch.save(image_net.state_dict(), path)
    model, report = build_reported(ModelConfig(name="i3d_r50", weights=str(path)), classes=101)
    assert report is not None
    assert report.note == "2-D image weights, inflated"
    assert report.classes_in_file == 1000
    kernel = model.layer1[0].conv1.weight
    torch.testing.assert_close(kernel.sum(2), image_net.layer1[0].conv1.weight)
    frames, report = build_reported(ModelConfig(name="frame_r50", weights=str(path)), classes=101)
    assert report is not None
    assert torch.equal(frames.net.layer4[2].conv3.weight, image_net.layer4[2].conv3.weight)
    own = tmp_path / "i3d.pt"
    torch.save({"model": model.state_dict(), "epoch": 3}, own)
    again, report = build_reported(ModelConfig(name="i3d_r50", weights=str(own)), classes=101)
    assert report is not None
    assert report.note == "its own format"
    assert same(again, model.state_dict())


@pytest.mark.parametrize("wrapper", ["model", "module", "state_dict", "model_state"])
def test_wrapped_and_prefixed_state_dicts_are_unwrapped(tmp_path: Path, wrapper: str) -> None:
    path, source = tmp_path / "last.pt", tiny(seed=1)
    prefixed = {f"module._orig_mod.{key}": tensor for key, tensor in source.state_dict().items()}
    torch.save({wrapper: prefixed, "epoch": 4, "optimizer": {"state": {}}}, path)
    model = tiny(seed=2)
    load_into(model, path, name="r3d_tiny")
    assert same(model, source.state_dict())


def test_the_authors_pre_training_file_loads_with_its_command_line_in_it(tmp_path: Path) -> None:
    sizes = {"image_size": 32, "num_frames": 4, "hidden_size": 24, "num_hidden_layers": 1}
    sizes |= {"num_attention_heads": 3, "intermediate_size": 96}
    source = VideoMAE(classes=2, dropout=0.0, **sizes)
    block = "net.videomae.encoder.layer.0"
    state = source.state_dict()
    attention = [state[f"{block}.attention.attention.{part}.weight"] for part in ("query", "key", "value")]
    official = {
        "encoder.patch_embed.proj.weight": state["net.videomae.embeddings.patch_embeddings.projection.weight"],
        "encoder.patch_embed.proj.bias": state["net.videomae.embeddings.patch_embeddings.projection.bias"],
        "encoder.blocks.0.attn.qkv.weight": torch.cat(attention),
        "encoder.blocks.0.attn.q_bias": state[f"{block}.attention.attention.query.bias"],
        "encoder.blocks.0.attn.v_bias": state[f"{block}.attention.attention.value.bias"],
        "decoder.norm.weight": torch.ones(12),
        "mask_token": torch.zeros(1, 1, 12),
    }
    pairs = {"attn.proj": "attention.output.dense", "norm1": "layernorm_before", "norm2": "layernorm_after"}
    pairs |= {"mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense"}
    for theirs, ours in pairs.items():
        for part in ("weight", "bias"):
            official[f"encoder.blocks.0.{theirs}.{part}"] = state[f"{block}.{ours}.{part}"]
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": official, "epoch": 1599, "args": argparse.Namespace(lr=1e-3)}, path)
    model = VideoMAE(classes=2, dropout=0.0, **sizes)
    report = load_into(model, path, name="videomae_b")
    backbone = {key for key in state if "videomae" in key}
    assert all(torch.equal(model.state_dict()[key], state[key]) for key in backbone)
    assert report.note == "the authors' format"
    assert report.missing == ("net.fc_norm.weight", "net.fc_norm.bias")
    assert report.reinitialised == ("net.classifier.weight", "net.classifier.bias")
    assert report.classes_in_file is None
    assert set(report.unexpected) == {"decoder.norm.weight", "mask_token"}


def test_safetensors_are_read(tmp_path: Path) -> None:
    path, source = tmp_path / "model.safetensors", tiny(seed=1)
    save_file(source.state_dict(), path)
    model = tiny(seed=2)
    load_into(model, path, name="r3d_tiny")
    assert same(model, source.state_dict())


def test_old_files_without_batch_counters_are_read(tmp_path: Path) -> None:
    path, source = tmp_path / "old.pth", tiny(seed=1)
    state = {key: value for key, value in source.state_dict().items() if "num_batches" not in key}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    report = load_into(tiny(seed=2), path, name="r3d_tiny")
    assert len(report.missing) == 4
    assert set(report.loaded) == set(state)


class Evil:
    """Reading this with a full pickle makes a directory."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.mkdir, (self.target,)


def written(path: Path, state: State, kind: str) -> Path:
    """A file of one of the kinds that cannot be used."""
    torch.save(state, path)
    whole = path.read_bytes()
    name, tensor = next(iter(state.items()))
    contents: dict[str, Callable[[], object]] = {
        "missing": path.unlink,
        "empty": lambda: path.write_bytes(b""),
        "cut off": lambda: path.write_bytes(whole[: len(whole) // 2]),
        "page": lambda: path.write_text("\n<!DOCTYPE html><html>Sign in</html>"),
        "pointer": lambda: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
        "noise": lambda: path.write_bytes(bytes(range(256)) * 8),
        "pickle": lambda: path.write_bytes(pickle.dumps({"model": Evil(path.parent / "made")})),
        "code": lambda: torch.save({"model": Evil(path.parent / "made")}, path),
        "sparse": lambda: torch.save(state | {name: tensor.to_sparse()}, path),
        "complex": lambda: torch.save(state | {name: tensor.to(torch.complex64)}, path),
        "number": lambda: torch.save(state | {name: 3}, path),
        "list": lambda: torch.save([1, 2, 3], path),
        "nan": lambda: torch.save(state | {name: tensor * float("nan")}, path),
    }
    contents[kind]()
    return path


REFUSED = {
    "missing": "no such file",
    "empty": "is empty",
    "cut off": "is cut off or no torch file",
    "page": "is a web page",
    "pointer": "Git LFS pointer",
    "noise": "is cut off or no torch file",
    "pickle": "which could run code",
    "code": "which could run code",
    "sparse": "no dense tensor",
    "complex": "no dense tensor",
    "number": "is no tensor",
    "list": "holds no state dict",
    "nan": "not finite",
}


@pytest.mark.parametrize("kind", list(REFUSED))
def test_a_bad_file_is_refused_in_one_line_and_the_model_stays_as_it_was(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "weights.pth", tiny(seed=1).state_dict(), kind)
    model = tiny(seed=2)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with pytest.raises(DataError) as raised:
        load_into(model, path, name="r3d_tiny")
    line = str(raised.value)
    assert REFUSED[kind] in line
    assert str(path) in line
    assert raised.value.cure
    assert "\n" not in line
    assert same(model, before)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("size", [0, 7, 100])
def test_damaged_safetensors_are_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "model.safetensors"
    save_file(tiny().state_dict(), path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match=r"is empty|is cut off"):
        load_into(tiny(), path, name="r3d_tiny")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a directory"):
        load_into(tiny(), tmp_path, name="r3d_tiny")


def test_another_architecture_is_refused_with_the_nearest_model(kinetics: Path) -> None:
    with pytest.raises(DataError) as raised:
        load_into(tiny(), kinetics, name="r3d_tiny")
    line = str(raised.value)
    assert "does not fit r3d_tiny" in line
    assert "it fits r3d18: 100% of its tensors; use --model r3d18" in line
    assert len(line) < 500


def test_a_deeper_twin_with_the_same_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "resnet101.pth"
    torch.save(resnet101(weights=None).state_dict(), path)
    model = build(ModelConfig(name="frame_r50"), classes=5)
    with pytest.raises(DataError, match=r"does not fit frame_r50: net\.layer3\.10\.bn1\.bias is unknown"):
        load_into(model, path, name="frame_r50")


def test_one_tensor_of_another_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    state = tiny().state_dict()
    name = next(iter(state))
    path = tmp_path / "weights.pth"
    torch.save(state | {name: torch.zeros(16, 1, 5, 5)}, path)
    with pytest.raises(DataError, match=rf"{name} is 16x1x5x5, not 16x3x1x5x5.*made for r3d_tiny"):
        load_into(tiny(), path, name="r3d_tiny")


def test_one_missing_tensor_is_named(tmp_path: Path) -> None:
    state = tiny().state_dict()
    name = next(iter(state))
    path = tmp_path / "weights.pth"
    torch.save({key: tensor for key, tensor in state.items() if key != name}, path)
    with pytest.raises(DataError, match=rf"does not fit r3d_tiny: {name} is missing"):
        load_into(tiny(), path, name="r3d_tiny")
