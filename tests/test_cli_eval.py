"""`arctl eval`, and how the other commands show evaluations, as people and scripts call them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from arctl.cli import app
from arctl.handover import Launched
from arctl.registry import read
from arctl.settings import Workspace
from arctl.tui.reading import runs as reading
from tests.evaluated import ends, scored, slurm_in, studio, train


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    slurm_in(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    made = studio(tmp_path / "lab")
    train(made)
    return made


def run(workspace: Workspace, *argv: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(workspace.root), *argv])


def document(workspace: Workspace, *argv: str) -> Any:
    return json.loads(run(workspace, *argv, "--json").stdout)


def launched(workspace: Workspace, number: int) -> Launched:
    row = read.run(workspace.db, number)
    assert row is not None and row.job_id is not None
    return Launched(number, row.job_id, row.cluster, workspace.run_dir(number))


def numbers(result: Result) -> list[str]:
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


def test_prints_run_and_job_on_stdout_and_what_is_scored_on_stderr(workspace: Workspace) -> None:
    result = run(workspace, "eval", "run1", "--split", "train", "--views", "5x3")
    assert (result.exit_code, result.stdout) == (0, "run2  job 72 on slurm\n"), result.stderr
    assert "scores best.pt of run1 (after epoch 9): train, 5x3 views\n" in result.stderr


def test_every_option_arrives(workspace: Workspace) -> None:
    done = run(
        workspace, "eval", "base", "--checkpoint", "last", "--probe", "still", "--probe", "shuffled", "--speed",
        "--batch-size", "4", "--mem", "9G", "--time", "7", "--name", "mine", "--tag", "t", "--note", "why", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (told,) = json.loads(done.stdout)["runs"]
    shown = document(workspace, "show", told["run"])
    assert shown["evaluation"] == {
        "checkpoint": "last", "split": "val", "views": "10x3", "probes": ["still", "shuffled"], "speed": True,
        "batch_size": 4,
    }  # fmt: skip
    assert (shown["evaluates"], shown["name"], shown["tags"], shown["note"]) == (1, "mine", ["t"], "why")
    script = (workspace.run_dir(2) / "job.sbatch").read_text()
    assert "#SBATCH --mem=9G\n" in script and "#SBATCH --time=7\n" in script


def test_a_dry_run_makes_nothing(workspace: Workspace) -> None:
    shown = run(workspace, "eval", "run1", "--dry-run")
    assert shown.exit_code == 0 and " -m trainer eval --run-dir " in shown.stdout
    (plan,) = document(workspace, "eval", "run1", "--dry-run")["runs"]
    assert shown.stdout.startswith(plan["script"])
    assert read.numbers(workspace.db) == [1] and not workspace.run_dir(2).exists()


@pytest.mark.parametrize(
    ("argv", "status", "says"),
    [
        (["run9"], 3, "there is no 'run9'"),
        (["run1", "--views", "x"], 2, "--views"),
        (["run1", "--checkpoint", "nope.pt"], 3, "run1 has `best` and `last`"),
        (["run1", "--split", "test"], 5, "vallist01.txt"),
        (["run1", "--cluster", "cloud"], 2, "cloud"),
        (["run1", "--name", "run7"], 2, "--name"),
    ],
)
def test_bad_input_queues_nothing(workspace: Workspace, argv: list[str], status: int, says: str) -> None:
    done = run(workspace, "eval", *argv)
    assert (done.exit_code, says in done.stderr) == (status, True), done.stderr
    assert read.numbers(workspace.db) == [1]


def test_the_key_of_a_cron_job_sends_it_once(workspace: Workspace) -> None:
    first, second = (run(workspace, "eval", "run1", "--once", "nightly") for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.stdout == "run2\n" and read.numbers(workspace.db) == [1, 2]


def test_lists_show_it_until_it_is_complete(workspace: Workspace) -> None:
    for _ in range(3):
        run(workspace, "eval", "run1", "--again")
    scored(workspace, launched(workspace, 2))
    scored(workspace, launched(workspace, 3), status="failed")
    listed = run(workspace, "ls")
    assert numbers(listed) == ["run4", "run3", "run1"]
    assert [line.split()[1] for line in listed.stdout.splitlines() if " of run1 " in line] == ["base-eval"] * 2
    assert "1 evaluation is complete and left out: --all" in listed.stderr
    assert "2 newest of 3 runs" in run(workspace, "ls", "-n", "2").stderr
    for argv in (["--all"], ["run1:run4"]):
        assert numbers(run(workspace, "ls", *argv)) == ["run4", "run3", "run2", "run1"]
    assert numbers(run(workspace, "ls", "--state", "completed")) == ["run2"]
    listed_there = reading.run_list(workspace).refresh().rows
    assert [row.number for row in listed_there] == [4, 3, 1], "the dashboard lists the same"
    told = {one["run"]: (one["evaluates"], one["state"]) for one in document(workspace, "ls")["runs"]}
    assert told["run2"] == (1, "completed") and told["run3"] == (1, "failed") and told["run1"][0] is None


def test_the_run_that_is_scored_shows_who_scores_it_and_is_as_it_was(workspace: Workspace) -> None:
    before = document(workspace, "show", "run1")
    run(workspace, "eval", "run1", "--probe", "still")
    scored(workspace, launched(workspace, 2), status="failed")
    predictions = workspace.run_dir(1) / "predictions"
    predictions.mkdir()
    for name in ("val-0009.npz", "val-0009-10x3.npz", "val-0009-10x3-still.npz"):
        (predictions / name).touch()
    after = document(workspace, "show", "run1")
    assert after["evaluations"] == [
        {
            "run": "run2", "state": "failed", "checkpoint": "best", "split": "val", "views": "10x3",
            "probes": ["still"], "speed": False, "batch_size": None,
        }
    ]  # fmt: skip
    assert [(one["epoch"], one["variant"]) for one in after["predictions"]] == [(9, ""), (9, "10x3"), (9, "10x3-still")]
    same = {key for key in after if key not in ("evaluations", "predictions", "heard", "history")}
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    shown = run(workspace, "show", "run1").stdout
    assert "run2  failed  val, 10x3 views, best; still" in shown
    assert "evaluated: val 9 10x3, val 9 10x3-still" in shown and "predictions after val 9 " in shown
    assert "evaluates  run1: val, 10x3 views, best; still" in run(workspace, "show", "run2").stdout


@pytest.mark.parametrize("verb", ["confusion", "metrics"])
def test_whose_scores_it_made_is_said_where_somebody_asks_it_for_them(workspace: Workspace, verb: str) -> None:
    run(workspace, "eval", "run1")
    asked = run(workspace, verb, "run2")
    assert (asked.exit_code, asked.stdout) == (3, "")
    assert "run2: it scores run1" in asked.stderr and "name run1" in asked.stderr


def test_it_is_repeated_by_rerun_and_never_resumed(workspace: Workspace) -> None:
    run(workspace, "eval", "run1", "--views", "3x1")
    scored(workspace, launched(workspace, 2), status="failed")
    refused = run(workspace, "resume", "run2")
    assert refused.exit_code == 2 and "repeated, not resumed" in refused.stderr and "arctl rerun run2" in refused.stderr
    assert run(workspace, "rerun", "run2", "--mem", "9G").stdout == "run3  job 73 on slurm\n"
    assert document(workspace, "show", "run3")["evaluation"]["views"] == "3x1"
    changed = run(workspace, "rerun", "run2", "--set", "data.batch_size=1")
    assert changed.exit_code == 2 and "arctl eval run1" in changed.stderr


def test_why_it_failed_never_says_to_resume_it_or_to_change_its_training(workspace: Workspace) -> None:
    from arctl.states import State

    run(workspace, "eval", "run1")
    (workspace.run_dir(2) / "log-72.txt").write_text("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate\n")
    ends(workspace, 2, State.FAILED)
    told = document(workspace, "why", "run2")
    commands = [remedy["command"] for remedy in told["remedies"]]
    assert not any("resume" in one or "--set" in one for one in commands)
    assert commands[0] == "arctl eval run1 --checkpoint best --split val --views 10x3 --batch-size 8"
    assert run(workspace, *commands[0].split()[1:]).exit_code == 0
