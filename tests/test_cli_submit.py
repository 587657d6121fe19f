"""`arctl submit` and `arctl rerun`, as people and scripts call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from arctl.cli import app
from arctl.registry import read
from arctl.runfile import read_run
from arctl.settings import Workspace, init_workspace, load_settings
from tests.twovideos import two_videos


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = init_workspace(tmp_path)
    (tmp_path / "arctl.yaml").write_text("python: /bin/true\n")
    two_videos(tmp_path / "data" / "motions")
    return Workspace(root=made.root, settings=load_settings(tmp_path / "arctl.yaml"))


def run(workspace: Workspace, *argv: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(workspace.root), *argv])


TRAIN = ("submit", "--model", "r3d_tiny", "--data", "motions")


def test_prints_run_and_job_on_stdout_and_the_rest_on_stderr(workspace: Workspace) -> None:
    result = run(workspace, "submit", "--", "sh", "-c", "exit 0")
    assert (result.exit_code, result.stdout) == (0, "run1  job 1 on local\n")
    assert "arctl logs -f run1" in result.stderr


def test_every_option_arrives(workspace: Workspace) -> None:
    result = run(
        workspace, *TRAIN, "--preset", "quick", "--set", "optim.lr=1e-4", "--set", "train.seed=3", "--cpus", "2",
        "--mem", "4G", "--time", "30", "--name", "mine", "--tag", "a", "--tag", "b", "--note", "why not", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    directory = workspace.run_dir(1)
    assert document == {
        "schema": "arctl.submitted/1",
        "runs": [{"run": "run1", "job_id": "1", "cluster": "local", "run_dir": str(directory)}],
    }
    record = read_run(directory / "run.yaml")
    assert (record.name, record.tags, record.note, record.preset) == ("mine", ("a", "b"), "why not", "quick")
    assert (record.values["cpus"], record.values["mem"], record.values["time"]) == (2, "4G", "30")
    config = yaml.safe_load((directory / "config.yaml").read_text())
    assert (config["optim"]["lr"], config["train"]["seed"]) == (1e-4, 3)
    assert "#SBATCH --mem=4G\n" in (directory / "job.sbatch").read_text()


def test_a_dry_run_shows_the_script_that_would_be_submitted(workspace: Workspace) -> None:
    shown = run(workspace, *TRAIN, "--dry-run")
    assert shown.exit_code == 0
    script, _, config = shown.stdout.partition("\n\n# config.yaml\n")
    document = json.loads(run(workspace, *TRAIN, "--dry-run", "--json").stdout)
    assert document["schema"] == "arctl.plan/1"
    (plan,) = document["runs"]
    assert plan["script"] == script + "\n"
    assert yaml.safe_load(config) == plan["config"]
    assert not workspace.db.exists()
    assert list(workspace.runs.iterdir()) == []
    assert run(workspace, *TRAIN).exit_code == 0
    submitted = (workspace.run_dir(1) / "job.sbatch").read_text()
    token = read_run(workspace.run_dir(1) / "run.yaml").token
    assert submitted == plan["script"].replace("arctl-000000000000", token)
    assert yaml.safe_load((workspace.run_dir(1) / "config.yaml").read_text()) == plan["config"]


def test_one_run_for_each_seed(workspace: Workspace) -> None:
    result = run(workspace, *TRAIN, "--seeds", "1,2,3")
    assert result.stdout == "run1  job 1_0 on local\nrun2  job 1_1 on local\nrun3  job 1_2 on local\n"
    rows = read.runs(workspace.db)
    assert {row.group for row in rows} == {"r3d_tiny-seeds"}
    seeds = [yaml.safe_load((workspace.run_dir(n) / "config.yaml").read_text())["train"]["seed"] for n in (1, 2, 3)]
    assert seeds == [1, 2, 3]


def test_a_dry_run_of_seeds_shows_one_script_and_what_differs(workspace: Workspace) -> None:
    argv = (*TRAIN, "--seeds", "1,2", "--dry-run")
    shown = run(workspace, *argv).stdout
    plans = json.loads(run(workspace, *argv, "--json").stdout)["runs"]
    assert [plan["config"]["train"]["seed"] for plan in plans] == [1, 2]
    assert [plan["run_dir"] for plan in plans] == [str(workspace.run_dir(1)), str(workspace.run_dir(2))]
    assert plans[0]["script"] == plans[1]["script"]
    assert shown.count("#!/bin/bash") == 1
    script, first, second = shown.split("\n\n# config.yaml of ")
    assert script + "\n" == plans[0]["script"]
    assert "#SBATCH --array=0-1\n" in script
    assert yaml.safe_load(first.removeprefix("run1\n")) == plans[0]["config"]
    assert second == "run2: as above, but for\ntrain:\n  seed: 2\n"
    assert not workspace.db.exists()


def test_seeds_with_a_template_for_one_run_are_a_job_each(workspace: Workspace) -> None:
    argv = (*TRAIN, "--seeds", "1,2", "--template", "single")
    assert run(workspace, *argv, "--dry-run").stdout.count("#!/bin/bash") == 2
    assert run(workspace, *argv).stdout == "run1  job 1 on local\nrun2  job 2 on local\n"


def test_options_of_the_command_are_not_ours(workspace: Workspace) -> None:
    result = run(workspace, "submit", "--name", "mine", "--", "prog", "--name", "theirs", "--", "--json", "-x")
    assert result.exit_code == 0
    assert read_run(workspace.run_dir(1) / "run.yaml").command == ("prog", "--name", "theirs", "--", "--json", "-x")


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (["submit"], 2, "--model is missing"),
        (["submit", "--"], 2, "no command stands after --"),
        (["submit", "echo", "hi"], 2, "unexpected extra arguments (echo hi)"),
        (["submit", "--model", "r3d81", "--data", "motions"], 3, "did you mean 'r3d18'"),
        (["submit", "--model", "r3d18", "--data", "motoins"], 3, "did you mean 'motions'"),
        ([*TRAIN, "--set", "optim.lerning_rate=1"], 2, "optim."),
        ([*TRAIN, "--seeds", "1,x"], 2, "--seeds"),
        ([*TRAIN, "--seeds", "1,1"], 2, "--seeds"),
        ([*TRAIN, "--set", "train.seed=-4"], 2, "train.seed"),
        (["submit", "--seeds", "1", "--", "true"], 2, "--seeds is for the trainer"),
        ([*TRAIN, "--nodes", "2"], 4, "--nodes"),
        (["rerun", "run9"], 3, "run9"),
    ],
)
def test_mistakes(workspace: Workspace, argv: list[str], status: int, words: str) -> None:
    result = run(workspace, *argv)
    assert result.exit_code == status, result.stderr
    assert words in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_wrong_seed_stops_all_before_the_first(workspace: Workspace) -> None:
    result = run(workspace, *TRAIN, "--seeds", "1,2", "--set", "train.epochs=0")
    assert result.exit_code == 2
    assert not workspace.db.exists()


def test_rerun_repeats_with_changes(workspace: Workspace) -> None:
    assert run(workspace, *TRAIN, "--tag", "a", "--name", "base", "--time", "10").exit_code == 0
    result = run(workspace, "rerun", "base", "--set", "optim.lr=0.5", "--time", "20", "--tag", "again")
    assert (result.exit_code, result.stdout) == (0, "run2  job 2 on local\n")
    record = read_run(workspace.run_dir(2) / "run.yaml")
    assert (record.rerun_of, record.name, record.tags, record.values["time"]) == (1, "base", ("again",), "20")
    assert yaml.safe_load((workspace.run_dir(2) / "config.yaml").read_text())["optim"]["lr"] == 0.5
    shown = run(workspace, "rerun", "@latest", "--dry-run")
    assert "#SBATCH --time=20\n" in shown.stdout
    assert len(read.runs(workspace.db)) == 2
    assert run(workspace, "rerun", "run1:run2").exit_code == 2


def test_a_run_of_a_missing_data_set(workspace: Workspace) -> None:
    assert run(workspace, *TRAIN).exit_code == 0
    (workspace.root / "data" / "motions").rename(workspace.root / "data" / "moved")
    result = run(workspace, "rerun", "run1")
    assert result.exit_code == 3
    assert str(workspace.root / "data" / "motions") in result.stderr
