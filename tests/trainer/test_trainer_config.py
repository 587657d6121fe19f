"""The configuration: layers, coercion, and a clear word for whatever is wrong."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from trainer import catalog, config
from trainer.errors import ConfigError
from trainer.fields import describe
from trainer.yaml_file import write_yaml

DATA = {"name": "tiny", "root": "/data/tiny"}


def resolve(*overrides: str, model: str = "r3d18", preset: str | None = None, **card: object) -> config.Config:
    return config.resolve(model=model, data={**DATA, **card}, preset=preset, overrides=overrides)


def test_layers_lie_over_one_another() -> None:
    assert resolve().optim.lr == catalog.MODELS["r3d18"].defaults["optim.lr"]
    assert resolve(preset="finetune").optim.lr == 1e-4
    assert resolve("optim.lr=0.5", preset="finetune").optim.lr == 0.5
    assert resolve(batch_size=3).data.batch_size == 3
    assert resolve("data.batch_size=4", batch_size=3).data.batch_size == 4
    assert resolve(preset="quick").train.epochs == 2


def test_a_model_brings_its_geometry_and_its_normalisation() -> None:
    r3d, videomae = resolve(), resolve(model="videomae_b")
    assert (r3d.data.frames, r3d.data.resize, r3d.data.crop) == (16, (128, 171), 112)
    assert (videomae.data.frames, videomae.data.crop) == (16, 224)
    assert config.normalisation(r3d) == (catalog.KINETICS_MEAN, catalog.KINETICS_STD)
    assert config.normalisation(videomae) == (catalog.IMAGENET_MEAN, catalog.IMAGENET_STD)
    own = resolve("data.mean=[0.5, 0.5, 0.5]", "data.std=[0.5, 0.5, 0.5]")
    assert config.normalisation(own) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_a_data_set_forbids_mirrored_clips() -> None:
    assert resolve(flip_keeps_labels=False).data.flip is False
    assert resolve(flip_keeps_labels=True).data.flip is True
    assert resolve().data.flip == "auto"
    assert resolve("data.flip=true", flip_keeps_labels=False).data.flip is True


@pytest.mark.parametrize("text", ["1e-4", "0.0001", "'1e-4'", "1.0e-4"])
def test_numbers_however_yaml_reads_them(text: str) -> None:
    assert resolve(f"optim.lr={text}").optim.lr == 1e-4


def test_off_is_a_word_though_yaml_reads_it_as_false(tmp_path: Path) -> None:
    made = resolve("data.cache=off")
    assert made.data.cache == "off"
    write_yaml(tmp_path / "config.yaml", config.to_dict(made))
    assert config.load(tmp_path / "config.yaml") == made


@pytest.mark.parametrize("model", list(catalog.MODELS))
def test_every_model_and_preset_resolves_and_survives_the_file(model: str, tmp_path: Path) -> None:
    for preset in catalog.preset_names(model):
        made = resolve(model=model, preset=preset)
        path = tmp_path / f"{preset}.yaml"
        write_yaml(path, config.to_dict(made))
        assert config.load(path) == made


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("optim.qqqqqqqqqqqqqq=1", ["unknown key", "one of: optim.name, optim.lr"]),
        ("optim.weight_decy=1", ["did you mean optim.weight_decay?"]),
        ("optm.lr=1", ["did you mean optim.lr?"]),
        ("optim.lr=-1", ["optim.lr is -1.0", "above 0"]),
        ("optim.lr=fast", ["'fast'", "a number"]),
        ("optim.lr=.nan", ["a number"]),
        ("train.epochs=2.5", ["a whole number"]),
        ("train.epochs=true", ["a whole number"]),
        ("train.precision=fp8", ["fp32, fp16, bf16"]),
        ("train.deterministic=1", ["true or false"]),
        ("data.flip=maybe", ["true or false or auto"]),
        ("data.resize=[128]", ["a list of 2"]),
        ("data.crop=400", ["data.crop 400 is above data.resize [128, 171]"]),
        ("data.root=here", ["no absolute path"]),
        ("data.std=[1, 0, 1]", ["above 0"]),
        ("optim.warmup_epochs=90", ["leaves nothing of 30 epochs"]),
        ("optim.min_lr=1", ["is above optim.lr"]),
        ("model.name=i3d_r50", ["use --model"]),
        ("optim.lr", ["cannot read 'optim.lr'", "section.key=value"]),
        ("optim.lr=[1", ["cannot read the value"]),
    ],
)
def test_what_is_wrong_is_named(override: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(override)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_unknown_models_presets_and_card_keys_name_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown model 'r3d_18' \(did you mean r3d18\?\)"):
        resolve(model="r3d_18")
    with pytest.raises(ConfigError, match=r"unknown preset 'finetun' of r3d18 \(did you mean finetune\?\)"):
        resolve(preset="finetun")
    with pytest.raises(
        ConfigError, match=r"data set tiny: unknown key 'data.batchsize' \(did you mean data.batch_size\?\)"
    ):
        resolve(batchsize=3)
    with pytest.raises(ConfigError, match=r"data set x: data\.root is missing"):
        config.resolve(model="r3d18", data={"name": "x"})


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("model: {name: r3d18}\nmodel: {name: x}\n", ":2:1", "given twice"),
        ("model:\n  name: r3d18\n  name: x\n", ":3:3", "given twice"),
        ("model: [\n", ":2:1", ""),
        ("hello\n", "", "no sections"),
        ("", "", "no sections"),
        ("data: {name: x, root: /x}\n", "", "model.name is missing"),
        ("model: {name: r3d18}\n", ": ", "data.name is missing"),
        ("model: {name: r3d18}\ndata: {name: x, root: data/x}\n", "", "absolute path (write it from / on)"),
        ("model: {name: r3d18}\ndat: {}\n", "", "did you mean data?"),
        ("model: {name: r3d18}\ndata: 3\n", "", "data is no mapping"),
        ("model: !!python/object/apply:os.system [ls]\n", ":1:8", ""),
        ("[" * 1500, "", "nested too deeply"),
    ],
)
def test_files_that_are_no_configuration(text: str, place: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert f"{path}{place}" in str(caught.value)
    assert what in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "none.yaml")
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * (config.MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="too large"):
        config.load(big)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="no UTF-8"):
        config.load(binary)
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)


def test_a_short_file_gets_the_defaults_of_its_model(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model: {name: r3d_tiny}\ndata: {name: tiny, root: /data/tiny}\noptim: {lr: 1e-2}\n")
    assert config.load(path) == resolve("optim.lr=0.01", model="r3d_tiny")


def test_every_setting_has_a_meaning_for_the_help() -> None:
    rows = [row for section, cls in config.SECTIONS.items() for row in describe(section, cls)]
    assert len(rows) == sum(len(dataclasses.fields(cls)) for cls in config.SECTIONS.values())
    assert all(meaning.endswith(".") for *_, meaning in rows)
    assert ("optim.name", "adamw or sgd", "adamw", "The optimizer.") in rows


def test_the_configuration_needs_no_torch_and_no_numpy() -> None:
    code = (
        "import sys; from trainer import config\n"
        "config.resolve(model='r3d18', data={'name': 'x', 'root': '/x'}, overrides=['optim.lr=1e-4'])\n"
        "print([name for name in ('torch', 'numpy', 'av', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_usual_warm_up_gives_way_to_a_short_run_but_an_asked_one_does_not() -> None:
    assert resolve("train.epochs=1", model="r3d_tiny").optim.warmup_epochs == pytest.approx(0.1)
    assert resolve("train.epochs=1", preset="finetune").optim.warmup_epochs == pytest.approx(0.1)
    with pytest.raises(ConfigError, match=r"optim\.warmup_epochs"):
        resolve("train.epochs=1", "optim.warmup_epochs=1", model="r3d_tiny")
