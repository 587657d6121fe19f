"""B15-B26: YAML that would run, explode, hang, or mean something else than it says; in each file that arctl reads."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from arctl.cli import app
from arctl.errors import DataError
from arctl.runfile import change_run, read_run
from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild
from tests.reliability.terminal import environment
from tests.tui.workspace import new_run

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine to the ninth power of words in 400 bytes."""

BAD = {
    "B15": ("python: !!python/object/apply:os.system ['touch PWN']\n", "tag"),
    "B17": ("slurm: {poll_s: NO}\n", "'NO'"),
    "B18": ("slots: 0o10\n", "'0o10'"),
    "B19": ("cluster: local\ncluster: slurm\n", "second time"),
    "B20": (BOMB, "anchors and aliases"),
    "B21": ("a: " + "[" * 3000 + "]" * 3000 + "\n", "nested deeper"),
    "B22 nul": ("cluster: lo\x00cal\n", "no valid YAML"),
    "B22 tab": ("slurm:\n\tqos: a\n", "no valid YAML"),
    "B22 two documents": ("cluster: local\n---\ncluster: slurm\n", "no valid YAML"),
    "B22 scalar": ("just words\n", "must be a mapping"),
    "B22 list": ("- a\n", "must be a mapping"),
    "B23 nan": ("slurm: {poll_s: .nan}\n", "'.nan'"),
    "B23 inf": ("slurm: {poll_s: .inf}\n", "'.inf'"),
    "B23 huge": ("slots: 99999999999999999999999\n", "whole number"),
    "B24": ("clustre: local\n", "did you mean 'cluster'"),
    "B25": ("data: &a {x: *a}\n", "anchors and aliases"),
    "B26 large": ("# " + "x" * (50 << 20), "larger than 1 MB"),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "ws")


def run(workspace: Workspace, *argv: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(workspace.root), *argv])


@pytest.mark.parametrize("number", BAD)
def test_a_bad_arctl_yaml_is_one_line_with_its_place(workspace: Workspace, number: str) -> None:
    text, words = BAD[number]
    path = workspace.root / "arctl.yaml"
    path.write_text(text)
    begun = time.perf_counter()
    result = run(workspace, "ls")
    assert time.perf_counter() - begun < 10
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {path}") and result.stderr.count("\n") == 1
    assert words in result.stderr and result.stderr.rstrip().endswith(")"), result.stderr
    assert not list(workspace.root.parent.rglob("PWN")) and not workspace.db.exists()


@pytest.mark.parametrize("kind", ["directory", "fifo", "device", "dangling"])
def test_an_arctl_yaml_that_is_no_file_neither_hangs_nor_is_read(workspace: Workspace, kind: str) -> None:
    path = workspace.root / "arctl.yaml"
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/no/where")
    command = [sys.executable, "-m", "arctl", "-w", str(workspace.root), "ls"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=20)
    assert done.returncode in (2, 3) and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("optim.lr=1e-3", 0.001),
        ("optim.lr=.001", 0.001),
        ("train.epochs=010", "train.epochs"),
        ("train.epochs=1:30", "train.epochs"),
        ("train.epochs=1_000", "train.epochs"),
        ("train.epochs=0x10", "train.epochs"),
        ("optim.lr=" + "[" * 3000, "optim.lr"),
        ("optim.lr=0.5", 0.5),
        ("train.epochs=1000", 1000),
        ("train.epochs=yes", "train.epochs"),
        ("train.epochs=2024-01-01", "train.epochs"),
        ("train.epochs=99999999999999999999999", "train.epochs"),
        ("optim.lr=.nan", "optim.lr"),
        ("optim.lr=.inf", "optim.lr"),
        ("optim.lr=nan", "optim.lr"),
        ("optim.lr=-1", "optim.lr"),
        ("optim.lr=[1]", "optim.lr"),
        ("optim.lerning_rate=1", "did you mean"),
        ("optim.lr=!!python/object/apply:os.system ['touch PWN']", "optim.lr"),
        ("optim.lr=&a [*a]", "optim.lr"),
        ("train.precision=off", "train.precision"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_setting_is_what_was_typed_or_refused_by_its_name(workspace: Workspace, setting: str, value: object) -> None:
    from arctl import recipe

    card = recipe.DataSet("motions", workspace.root, "x", {"name": "motions", "root": str(workspace.root)})
    try:
        config = recipe.resolve(card, model="r3d_tiny", preset=None, overrides=(setting,))
    except Exception as error:
        assert type(error).__name__ == "UsageError", error
        assert isinstance(value, str) and value in str(error), error
        return
    section, key = setting.partition("=")[0].split(".")
    assert config[section][key] == value and type(config[section][key]) is type(value)
    assert not list(workspace.root.parent.rglob("PWN"))


RUN_YAML = {
    "B15": ("note: !!python/object/apply:os.system ['touch PWN']\n", "no YAML"),
    "B18": ("created: 2024-01-01\n", "created"),
    "B19": ("submission: refused\n", "twice"),
    "B20": (f"more:\n{BOMB}".replace("\n", "\n  ").rstrip() + "\n", "aliases"),
    "B21": ("values: " + "{a: " * 500 + "}" * 500 + "\n", "nested deeper"),
    "B22": ("---\nnumber: 1\n", "no YAML"),
    "B23": ("cancelled: 99999999999999999999999\n", "cancelled"),
    "B25": ("values: &a {x: *a}\n", "aliases"),
    "B26": ("# " + "x" * (1 << 20) + "\n", "bytes"),
}


@pytest.mark.parametrize("number", RUN_YAML)
def test_a_bad_run_yaml_costs_its_own_run_alone(workspace: Workspace, number: str) -> None:
    added, words = RUN_YAML[number]
    bad, good = new_run(workspace, 1, "bad"), new_run(workspace, 2, "good")
    key = added.partition(":")[0]
    told = yaml.safe_load(bad.files.run_yaml.read_text())
    kept = {name: value for name, value in told.items() if number == "B19" or name != key}
    text = yaml.safe_dump(kept, sort_keys=False) + added
    bad.files.run_yaml.write_text(text)
    result = run(workspace, "rebuild")
    assert (result.exit_code, result.stdout) == (0, "1 runs\n"), result.stderr
    assert "run1 was left out" in result.stderr and words in result.stderr and str(bad.files.run_yaml) in result.stderr
    assert "good" in run(workspace, "ls").stdout
    assert bad.files.run_yaml.read_text() == text, "what could not be read is left as it is"
    with pytest.raises(DataError):
        change_run(bad.files.run_yaml, lambda record: record)
    assert not list(workspace.root.parent.rglob("PWN"))
    assert read_run(good.files.run_yaml).name == "good"


@pytest.mark.parametrize("number", ["B15", "B19", "B20", "B21", "B22", "B25", "B26"])
def test_a_bad_config_yaml_of_a_run_is_told_of_and_the_run_is_shown(workspace: Workspace, number: str) -> None:
    made = new_run(workspace, 1, "n")
    text = {"B22": "- a\n", **{key: value for key, (value, _) in BAD.items()}}.get(
        number, BAD.get("B26 large", ("",))[0]
    )
    made.files.config.write_text(text)
    rebuild(workspace)
    shown = run(workspace, "show", "1")
    assert shown.exit_code == 0 and str(made.files.config) in shown.stdout
    again = run(workspace, "rerun", "1", "--dry-run")
    assert again.exit_code in (2, 5) and str(made.files.config) in again.stderr, again.stderr
    assert not list(workspace.root.parent.rglob("PWN"))


def test_a_pipe_in_place_of_any_file_of_a_run_hangs_no_command(workspace: Workspace) -> None:
    made = new_run(workspace, 1, "n")
    made.start(1)
    made.epoch(1, top1=0.5)
    made.predictions(1, mixed=False, samples=2)
    attempt = made.files.attempts / f"{made.job}.0"
    rebuild(workspace)
    made.files.checkpoints.mkdir()
    pipes = (
        made.files.log(made.job), made.files.config, attempt / "env.json", attempt / "claim.json", made.files.current,
        made.files.checkpoints / "manifest.json", made.files.prediction_file("val", 1), made.files.script,
        attempt / "events.jsonl", made.files.run_yaml,
    )  # fmt: skip
    for path in pipes:
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    for line in (
        "sync",
        "ls",
        "show 1",
        "logs 1",
        "confusion 1",
        "curves 1",
        "why 1",
        "usage",
        "rerun 1 --dry-run",
        "rebuild",
    ):
        command = [sys.executable, "-m", "arctl", "-w", str(workspace.root), *line.split()]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=20)
        assert done.returncode in (0, 2, 3, 5), (line, done.stderr)
        assert "should not have happened" not in done.stderr, line


def test_values_of_another_type_in_a_run_yaml_are_named(workspace: Workspace) -> None:
    made = new_run(workspace, 1, "n", model=None, command=["true"])
    for key, value in (
        ("gpus", "two"),
        ("nodes", [1]),
        ("cpus", True),
        ("mem", 64),
        ("time", {"h": 1}),
        ("sbatch", "-x"),
    ):
        told = yaml.safe_load(made.files.run_yaml.read_text())
        made.files.run_yaml.write_text(yaml.safe_dump({**told, "values": {key: value}}))
        rebuild(workspace)
        result = run(workspace, "rerun", "1", "--dry-run")
        assert result.exit_code == 2 and f"is no value for {key}" in result.stderr, result.stderr
