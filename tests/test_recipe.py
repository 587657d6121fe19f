"""The door to the trainer's configuration: data sets by name, checks before anything queues, arctl's own errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arctl import recipe
from arctl.errors import ArctlError, DataError, NotFoundError, UsageError
from arctl.settings import Workspace, init_workspace, load_settings


def lists(root: Path, classes: str = "1 Left\n2 Right\n", *, place: str = ".") -> Path:
    (root / place).mkdir(parents=True, exist_ok=True)
    (root / place / "classInd.txt").write_text(classes)
    (root / place / "trainlist01.txt").write_text("Left/v_Left_g01_c01.avi 1\n")
    (root / place / "testlist01.txt").write_text("Right/v_Right_g02_c01.avi\n")
    return root


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = init_workspace(tmp_path / "lab")
    lists(made.root / "data" / "motions")
    lists(tmp_path / "far" / "ucf", place="ucfTrainTestlist")
    (made.root / "arctl.yaml").write_text("data:\n  ucf: {root: ../far/ucf, flip_keeps_labels: false, split: 1}\n")
    return Workspace(root=made.root, settings=load_settings(made.root / "arctl.yaml"))


def test_a_data_set_is_a_key_a_directory_or_a_path(workspace: Workspace, tmp_path: Path) -> None:
    declared = recipe.find_data(workspace, "ucf")
    assert (declared.source, declared.card["root"]) == ("arctl.yaml", str(workspace.root / ".." / "far" / "ucf"))
    inside = recipe.find_data(workspace, "motions")
    assert (inside.source, inside.root) == ("data/", workspace.root / "data" / "motions")
    for path, cwd in ((str(tmp_path / "far" / "ucf"), tmp_path), ("far/ucf", tmp_path), ("ucf", tmp_path / "far")):
        found = recipe.find_data(workspace, path, cwd=cwd)
        assert found.root.resolve() == tmp_path / "far" / "ucf"
        assert recipe.check_data(found) == 2


def test_the_list_of_data_sets(workspace: Workspace) -> None:
    (workspace.root / "data" / "no-lists").mkdir()
    assert [data.name for data in recipe.datasets(workspace)] == ["motions", "ucf"]


def test_an_unknown_data_set_names_the_nearest(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'motions'") as caught:
        recipe.find_data(workspace, "motion")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("classes", "kind", "words"),
    [
        ("", DataError, "the list is empty"),
        ("\n \n", DataError, "the class list is empty"),
        ("1 Left\nRight\n", DataError, "classInd.txt:2: 'Right' is no class line"),
        ("1 Left\n2 \x1b[31mRight x\n", DataError, "'2 Right x' is no class line"),
        ("x" * (1 << 21), DataError, "larger than 1 MB"),
    ],
)
def test_a_broken_class_list(tmp_path: Path, classes: str, kind: type[ArctlError], words: str) -> None:
    workspace = init_workspace(tmp_path)
    lists(tmp_path / "data" / "bad", classes)
    with pytest.raises(kind, match=r"classInd\.txt") as caught:
        recipe.check_data(recipe.find_data(workspace, "bad"))
    assert words in str(caught.value)


def test_missing_lists_and_directories(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"has no trainlist02\.txt"):
        recipe.check_data(recipe.find_data(workspace, "motions"), split=2)
    (workspace.root / "arctl.yaml").write_text("data: {gone: /nowhere/at/all}\n")
    changed = Workspace(root=workspace.root, settings=load_settings(workspace.root / "arctl.yaml"))
    with pytest.raises(NotFoundError, match=r"/nowhere/at/all: .*correct its root in arctl\.yaml"):
        recipe.check_data(recipe.find_data(changed, "gone"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Left/v_Left_g01_c01.avi 3", r"trainlist01\.txt:1: label 3 is not in 1\.\.2"),
        ("Left/v_Left_g09_c01.avi 1", r"trainlist01\.txt:1: 1 of 2 listed videos are missing, first Left/v_Left_g09"),
        ("Up/v_Up_g01_c01.avi 1", r"trainlist01\.txt:1: class 'Up' is not in classInd\.txt"),
    ],
)
def test_a_wrong_line_of_a_split_is_found_before_anything_queues(workspace: Workspace, line: str, words: str) -> None:
    data = recipe.find_data(workspace, "motions")
    for video in ("Left/v_Left_g01_c01.avi", "Right/v_Right_g02_c01.avi"):
        (data.root / video).parent.mkdir()
        (data.root / video).touch()
    recipe.check_lists(data)
    (data.root / "trainlist01.txt").write_text(f"{line}\n")
    with pytest.raises(DataError, match=words):
        recipe.check_lists(data)


def test_the_configuration_has_every_layer(workspace: Workspace) -> None:
    data = recipe.find_data(workspace, "ucf")
    made = recipe.resolve(data, model="r3d_tiny", preset="quick", overrides=["optim.lr=1e-4", "train.seed=7"])
    assert made["model"]["name"] == "r3d_tiny"
    assert made["data"]["root"] == str(data.root)
    assert made["data"]["flip"] is False
    assert (made["optim"]["lr"], made["train"]["seed"], made["train"]["epochs"]) == (1e-4, 7, 2)


def test_dataset_yaml_speaks_and_arctl_yaml_has_the_last_word(workspace: Workspace) -> None:
    root = workspace.root / "data" / "motions"
    (root / "dataset.yaml").write_text("format: ucf101\nname: other\nflip_keeps_labels: false\nclasses: 2\n")
    data = recipe.find_data(workspace, "motions")
    assert data.card == {"name": "motions", "root": str(root), "format": "ucf101", "flip_keeps_labels": False}
    assert recipe.resolve(data, model="r3d_tiny")["data"]["flip"] is False


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"overrides": ["optim.lrr=1"]}, UsageError, "optim.lr"),
        ({"overrides": ["optim.lr=fast"]}, UsageError, "optim.lr"),
        ({"overrides": ["nonsense"]}, UsageError, "section.key=value"),
        ({"preset": "finetun"}, UsageError, "finetune"),
        ({"overrides": ["model.weights=/no/such.pt"]}, NotFoundError, "/no/such.pt"),
    ],
)
def test_mistakes_name_the_nearest(
    workspace: Workspace, change: dict[str, object], kind: type[ArctlError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        recipe.resolve(recipe.find_data(workspace, "ucf"), model="r3d_tiny", **change)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_weights_file_is_kept_as_an_absolute_path(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.pt").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    made = recipe.resolve(recipe.find_data(workspace, "ucf"), model="r3d_tiny", overrides=["model.weights=w.pt"])
    assert made["model"]["weights"] == str(tmp_path / "w.pt")


def test_a_configuration_is_revised(workspace: Workspace, tmp_path: Path) -> None:
    import yaml

    made = recipe.resolve(recipe.find_data(workspace, "ucf"), model="r3d_tiny", overrides=["train.seed=3"])
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(made))
    assert recipe.revise(path) == made
    changed = recipe.revise(path, ["optim.lr=1e-3", "optim.warmup_epochs=0.5"])
    assert changed["optim"] == {**made["optim"], "lr": 1e-3, "warmup_epochs": 0.5}
    assert changed["train"] == made["train"]
    with pytest.raises(UsageError, match=r"--set optim\.lrr=1"):
        recipe.revise(path, ["optim.lrr=1"])
    with pytest.raises(UsageError, match=r"no\.such|unknown section"):
        recipe.revise(path, ["no.such=1"])
    path.write_text("model: [")
    with pytest.raises(UsageError, match=r"config\.yaml:"):
        recipe.revise(path)


def test_models_and_presets() -> None:
    assert {"r3d18", "i3d_r50", "videomae_b", "frame_r50", "r3d_tiny", "frame_tiny"} <= {
        card.name for card in recipe.models()
    }
    assert "finetune" in recipe.presets("r3d18")
    assert recipe.defaults("r3d18", "scratch")["optim"]["name"] == "sgd"
    with pytest.raises(NotFoundError, match="did you mean 'r3d18'"):
        recipe.model("r3d81")


def test_any_python_finds_the_trainer_of_a_checkout(tmp_path: Path) -> None:
    found = recipe.trainer_path({"PYTHONPATH": "/before"})
    assert found["PYTHONPATH"].endswith(f"{os.pathsep}/before")
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import trainer; print(trainer.__file__)"],
        cwd=tmp_path, env=recipe.trainer_path({}), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert Path(done.stdout.strip()).parent.parent == Path(recipe.__file__).parent.parent
