"""Which weights are evaluated: the run's own checkpoints, files from elsewhere, and all that must be refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from tests.trainer.evaluations import evaluate_here, predictions_of, stored
from tests.trainer.videos import make_run, make_set, run_here
from trainer import checkpoint
from trainer.config import ModelConfig
from trainer.errors import DataError, TrainerError
from trainer.models import untrained


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return make_set(tmp_path_factory.mktemp("set") / "noise", train=2, val=2)


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = make_run(tmp_path_factory.mktemp("runs") / "run0012", root, "train.epochs=3")
    run_here(run_dir, job="5")
    return run_dir


@pytest.fixture
def run_dir(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run0012"))


def state_of(run_dir: Path, name: str = "last.pt") -> dict[str, object]:
    state: dict[str, object] = torch.load(run_dir / "checkpoints" / name, weights_only=True)
    return state


def test_a_plain_state_dict_gives_the_same_scores_and_is_of_no_epoch(run_dir: Path, tmp_path: Path) -> None:
    evaluate_here(run_dir, "--checkpoint", "last")
    torch.save(state_of(run_dir)["model"], tmp_path / "plain.pth")
    evaluate_here(run_dir, "--checkpoint", str(tmp_path / "plain.pth"))
    own, plain = stored(run_dir, "val-0003-1x1"), stored(run_dir, "val-0000-1x1")
    assert own["scores"].tobytes() == plain["scores"].tobytes()
    assert (plain["meta"]["weights_file"], plain["meta"]["epoch"], plain["meta"]["step"]) == ("plain.pth", 0, 0)
    assert plain["meta"]["weights"] == checkpoint._digest(tmp_path / "plain.pth") != own["meta"]["weights"]


def test_a_path_to_a_checkpoint_of_the_run_is_that_checkpoint(run_dir: Path, tmp_path: Path) -> None:
    shutil.copy(run_dir / "checkpoints" / "previous.pt", tmp_path / "kept.pt")
    evaluate_here(run_dir, "--checkpoint", str(tmp_path / "kept.pt"))
    found = stored(run_dir, "val-0002-1x1")
    assert found["meta"]["weights_file"] == "kept.pt"
    assert found["scores"].tobytes() == stored(run_dir, "val-0002")["scores"].tobytes()


def test_a_checkpoint_of_another_run_never_passes_for_an_epoch_of_this_one(root: Path, run_dir: Path) -> None:
    other = make_run(run_dir.parent / "run0013", root, "train.epochs=1", "train.seed=7")
    run_here(other, job="6")
    before = predictions_of(run_dir)
    evaluate_here(run_dir, "--checkpoint", str(other / "checkpoints" / "best.pt"))
    assert predictions_of(run_dir) == ["val-0000-1x1.npz", *before]


def test_a_checkpoint_from_the_middle_of_an_epoch_says_so(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_run(tmp_path / "run", root, "train.epochs=3", "data.batch_size=2")
    with pytest.raises(TrainerError):
        run_here(made, job="5", stop_after=4)
    evaluate_here(made, "--checkpoint", "last")
    assert "last.pt was saved in the middle of epoch 2, at step 4" in capsys.readouterr().err
    assert stored(made, "val-0002-1x1")["meta"]["step"] == 4


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # last.pt and best.pt are one file
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [cut, flipped, Path.unlink])
def test_a_damaged_checkpoint_is_never_evaluated(run_dir: Path, harm: object) -> None:
    before = predictions_of(run_dir)
    harm(run_dir / "checkpoints" / "best.pt")  # type: ignore[operator]
    with pytest.raises(DataError, match=r"best\.pt: is (damaged or half replaced|missing)"):
        evaluate_here(run_dir)
    assert predictions_of(run_dir) == before


def test_a_run_without_the_checkpoint_says_what_there_is(root: Path, run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such checkpoint \(there is: none yet"):
        evaluate_here(make_run(tmp_path / "run0001", root))
    path = run_dir / "checkpoints" / "manifest.json"
    path.write_text(json.dumps({"last.pt": json.loads(path.read_text())["last.pt"]}))
    with pytest.raises(DataError, match=r"no such checkpoint \(there is: last\.pt"):
        evaluate_here(run_dir)
    path.write_text("[")
    with pytest.raises(DataError, match=r"manifest\.json: cannot be read"):
        evaluate_here(run_dir)


def test_files_that_are_no_weights_of_this_model(run_dir: Path, tmp_path: Path) -> None:
    cases = {
        "gone.pt": (None, "there is no such file"),
        "empty.pt": (b"", "is empty"),
        "page.pt": (b"<html>login</html>", "is a web page"),
        "half.pt": ((run_dir / "checkpoints" / "last.pt").read_bytes()[:5000], "cut off or no torch file"),
    }
    for name, (content, says) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=says) as caught:
            evaluate_here(run_dir, "--checkpoint", str(tmp_path / name))
        assert str(caught.value).startswith(f"--checkpoint {tmp_path / name}: ")
    weights = dict(state_of(run_dir)["model"])  # type: ignore[call-overload]
    missing = weights.popitem()[0]
    first = next(iter(weights))
    torch.save({**weights, first: torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(DataError, match=f"does not fit r3d_tiny: .*({missing} is missing|{first} is 1)"):
        evaluate_here(run_dir, "--checkpoint", str(tmp_path / "other.pt"))


def test_other_classes_are_refused(run_dir: Path, tmp_path: Path) -> None:
    torch.save(untrained(ModelConfig(name="r3d_tiny"), classes=5).state_dict(), tmp_path / "five.pt")
    with pytest.raises(DataError, match="has a classifier of 5 classes, and the data set 3 classes"):
        evaluate_here(run_dir, "--checkpoint", str(tmp_path / "five.pt"))
    renamed = state_of(run_dir) | {"classes": ["Red", "Green", "Grey"]}
    torch.save(renamed, tmp_path / "renamed.pt")
    with pytest.raises(DataError, match="trained on other classes: number 2 is 'Green', not 'Blue'"):
        evaluate_here(run_dir, "--checkpoint", str(tmp_path / "renamed.pt"))


def test_a_run_whose_data_set_or_clip_has_changed_is_refused(root: Path, run_dir: Path, tmp_path: Path) -> None:
    make_run(run_dir, root, "data.frames=6", "data.crop=16")
    with pytest.raises(DataError, match=r"trained with another data\.frames, data\.crop than config\.yaml says"):
        evaluate_here(run_dir)
    smaller = Path(shutil.copytree(root, tmp_path / "noise"))
    (smaller / "classInd.txt").write_text("1 Red\n2 Blue\n")
    for kind in ("train", "test"):
        path = smaller / f"{kind}list01.txt"
        path.write_text("\n".join(line for line in path.read_text().splitlines() if "Grey" not in line))
    make_run(run_dir, smaller)
    with pytest.raises(DataError, match=r"best\.pt: was trained on 3 classes, and the data set has 2"):
        evaluate_here(run_dir)


def test_scores_that_are_not_finite_write_nothing(run_dir: Path, tmp_path: Path) -> None:
    weights = dict(state_of(run_dir)["model"])  # type: ignore[call-overload]
    name = next(key for key in weights if key.endswith("running_var"))
    weights[name] = torch.full_like(weights[name], -1.0)
    torch.save(weights, tmp_path / "bad.pt")
    before = predictions_of(run_dir)
    with pytest.raises(TrainerError, match=r"bad\.pt: the model's scores are not finite"):
        evaluate_here(run_dir, "--checkpoint", str(tmp_path / "bad.pt"), "--views", "2x3")
    assert predictions_of(run_dir) == before
