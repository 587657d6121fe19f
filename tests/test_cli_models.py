"""`arctl models` and `arctl data`: what there is to train, and on what."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from arctl import recipe
from arctl.cli import app
from arctl.settings import init_workspace

ROOT = Path(__file__).parent.parent


def run(*argv: str) -> Result:
    return CliRunner().invoke(app, list(argv))


def test_the_catalog_is_listed() -> None:
    document = json.loads(run("models", "--json").stdout)
    assert document["schema"] == "arctl.models/1"
    by_name = {model["name"]: model for model in document["models"]}
    assert list(by_name) == [card.name for card in recipe.models()]
    assert by_name["i3d_r50"]["params"] == 28_040_000
    assert (by_name["r3d18"]["frames"], by_name["r3d18"]["crop"]) == (16, 112)
    assert "finetune" in by_name["r3d18"]["presets"]
    lines = run("models").stdout.splitlines()
    assert lines[0].split() == ["model", "params", "frames", "crop", "what", "it", "is"]
    assert [line.split()[0] for line in lines[1:]] == list(by_name)
    assert max(map(len, lines)) <= 100


def test_one_model_shows_its_defaults() -> None:
    document = json.loads(run("models", "r3d18", "--json").stdout)
    assert document["schema"] == "arctl.model/1"
    assert document["config"]["data"]["crop"] == 112
    assert "root" not in document["config"]["data"]
    shown = run("models", "r3d18").stdout
    assert "presets: default, quick" in shown
    rows = dict(line.split(maxsplit=1) for line in shown.splitlines() if line.startswith("optim."))
    assert float(rows["optim.lr"]) == document["config"]["optim"]["lr"]
    scratch = json.loads(run("models", "r3d18", "--preset", "scratch", "--json").stdout)
    assert scratch["config"]["optim"]["name"] == "sgd"


def test_unknown_models_and_presets() -> None:
    result = run("models", "r3d81")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "did you mean 'r3d18'" in result.stderr
    assert run("models", "r3d18", "--preset", "scrach").exit_code == 2
    assert run("models", "--preset", "scratch").exit_code == 2


def test_data_sets_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    root = init_workspace(tmp_path).root
    assert "no data sets yet" in run("-w", str(root), "data", "ls").stdout
    good = root / "data" / "good"
    good.mkdir(parents=True)
    for file, text in (("classInd.txt", "1 A\n2 B\n3 C\n"), ("trainlist01.txt", "x 1\n"), ("testlist01.txt", "y\n")):
        (good / file).write_text(text)
    (root / "arctl.yaml").write_text("data: {gone: /no/such/place}\n")
    document = json.loads(run("-w", str(root), "data", "ls", "--json").stdout)
    assert document["schema"] == "arctl.data/1"
    gone, found = document["data"]
    assert (gone["name"], gone["classes"]) == ("gone", None)
    assert "/no/such/place" in gone["problem"]
    assert found == {"name": "good", "root": str(good), "source": "data/", "classes": 3, "problem": None}
    shown = run("-w", str(root), "data", "ls").stdout.splitlines()
    assert shown[2].split() == ["good", "3", "data/", str(good)]


def test_check_of_an_unknown_data_set(tmp_path: Path) -> None:
    root = init_workspace(tmp_path).root
    result = run("-w", str(root), "data", "check", "nothing")
    assert result.exit_code == 3


def test_a_python_without_torch_is_told_of(tmp_path: Path) -> None:
    root = init_workspace(tmp_path).root
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    (root / "arctl.yaml").write_text(f"python: {bare}\n")
    result = run("-w", str(root), "data", "synth", str(tmp_path / "new"))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {bare}: this Python has no av, numpy, yaml (pip install")
    (root / "arctl.yaml").write_text("python: /no/such/python\n")
    result = run("-w", str(root), "data", "synth", str(tmp_path / "new"))
    assert result.exit_code == 1
    assert "/no/such/python: this Python does not start (correct `python:` in arctl.yaml)" in result.stderr


def test_synth_and_check_are_the_trainers_own(tmp_path: Path) -> None:
    root = init_workspace(tmp_path).root
    data = root / "data" / "few"
    names = ["A/v_A_g01_c01.avi", "A/v_A_g08_c01.avi", "B/v_B_g01_c01.avi", "B/v_B_g08_c01.avi"]
    for name in names:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(b"looked at by --decode only")
    (data / "classInd.txt").write_text("1 A\n2 B\n")
    (data / "testlist01.txt").write_text(f"{names[0]}\n{names[2]}\n")
    (data / "trainlist01.txt").write_text(f"{names[1]} 1\n{names[3]} 2\n")

    def arctl(*argv: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "arctl", "-w", str(root), "data", *argv]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    checked = arctl("check", "few")
    assert checked.returncode == 0, checked.stderr
    assert "--per-group" in arctl("synth", "--help").stdout
    assert "2 classes" in checked.stdout
    (data / names[3]).unlink()
    broken = arctl("check", "few")
    assert broken.returncode == 5, broken.stdout + broken.stderr
    assert names[3] in broken.stdout + broken.stderr
    assert "Traceback" not in broken.stderr


def test_a_broken_dataset_yaml_hides_no_other_data_set(tmp_path: Path) -> None:
    root = init_workspace(tmp_path / "lab").root
    for name in ("bad", "good"):
        (root / "data" / name).mkdir(parents=True)
        for file in ("classInd.txt", "trainlist01.txt", "testlist01.txt"):
            (root / "data" / name / file).write_text("1 A\n")
    (root / "data" / "bad" / "dataset.yaml").write_text("flip_keeps_labels: [\n")
    bad, good = json.loads(run("-w", str(root), "data", "ls", "--json").stdout)["data"]
    assert "bad/dataset.yaml: cannot be read" in bad["problem"]
    assert (good["classes"], good["problem"]) == (1, None)


def test_wrong_options_of_check_are_one_line(tmp_path: Path) -> None:
    for words in (["--split", "9", "x"], ["x", "--bogus"], []):
        command = [sys.executable, "-m", "trainer.data", "check", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert "--help`)" in done.stderr
