"""`arctl wait` and `arctl cancel` on jobs of this machine, and the exit status that tells how they ended."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from arctl.cli import app
from arctl.control import exit_status
from arctl.registry import read
from arctl.runfile import read_run
from arctl.settings import Workspace, init_workspace
from arctl.states import State


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path)


def run(workspace: Workspace, *argv: str) -> Result:
    return CliRunner().invoke(app, ["-w", str(workspace.root), *argv])


def submit(workspace: Workspace, *argv: str) -> None:
    result = run(workspace, "submit", *argv)
    assert result.exit_code == 0, result.stderr


def until(workspace: Workspace, number: int, state: State) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert run(workspace, "sync").exit_code == 0
        row = read.run(workspace.db, number)
        assert row is not None
        if row.state is state:
            return
        assert time.monotonic() < deadline, f"run{number} is {row.state}, not {state}"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([State.COMPLETED, State.COMPLETED], 0),
        ([State.COMPLETED, State.FAILED], 10),
        ([State.OUT_OF_MEMORY], 10),
        ([State.NODE_FAIL], 10),
        ([State.PREEMPTED], 10),
        ([State.REFUSED], 10),
        ([State.CANCELLED, State.COMPLETED], 11),
        ([State.TIMEOUT, State.CANCELLED], 12),
        ([State.TIMEOUT, State.FAILED], 10),
        ([State.RUNNING, State.FAILED], 124),
        ([State.UNCONFIRMED], 124),
    ],
)
def test_the_exit_status_of_many(states: list[State], status: int) -> None:
    assert exit_status(states) == status


def test_wait_until_all_have_completed(workspace: Workspace) -> None:
    submit(workspace, "--", "sleep", "0.3")
    submit(workspace, "--", "true")
    result = run(workspace, "wait", "run1:run2", "--timeout", "30")
    assert (result.exit_code, result.stdout) == (0, "run1  completed\nrun2  completed\n")
    assert "run1: completed\n" in result.stderr


def test_wait_tells_a_failure(workspace: Workspace) -> None:
    submit(workspace, "--", "sh", "-c", "exit 3")
    submit(workspace, "--", "true")
    result = run(workspace, "wait", "run1", "run2", "--timeout", "30", "--json")
    assert result.exit_code == 10
    assert json.loads(result.stdout) == {
        "schema": "arctl.waited/1",
        "runs": [{"run": "run1", "state": "failed"}, {"run": "run2", "state": "completed"}],
        "exit_status": 10,
    }
    row = read.run(workspace.db, 1)
    assert row is not None
    assert row.exit_code == 3


def test_wait_gives_up_after_its_timeout(workspace: Workspace) -> None:
    submit(workspace, "--", "sleep", "60")
    begun = time.monotonic()
    result = run(workspace, "wait", "run1", "--timeout", "0.2")
    assert time.monotonic() - begun < 10
    assert result.exit_code == 124
    assert run(workspace, "cancel", "run1").exit_code == 0
    assert run(workspace, "wait", "run1", "--timeout", "-1").exit_code == 2


def test_wait_for_nobody(workspace: Workspace) -> None:
    result = run(workspace, "wait", "run1")
    assert result.exit_code == 3


def test_cancel_a_running_and_a_pending_run(workspace: Workspace) -> None:
    for _ in range(2):
        submit(workspace, "--", "sleep", "60")
    until(workspace, 1, State.RUNNING)
    result = run(workspace, "cancel", "run1", "run2")
    assert result.exit_code == 0
    assert result.stdout == "run1  job 1 on local is being cancelled\nrun2  job 2 on local is being cancelled\n"
    waited = run(workspace, "wait", "run1", "run2", "--timeout", "30")
    assert (waited.exit_code, waited.stdout) == (11, "run1  cancelled\nrun2  cancelled\n")
    record = read_run(workspace.run_dir(1) / "run.yaml")
    assert record.cancelled is not None
    row = read.run(workspace.db, 2)
    assert row is not None
    assert row.cancelled is not None


def test_cancel_of_an_ended_run_is_said_and_is_no_error(workspace: Workspace) -> None:
    submit(workspace, "--", "true")
    assert run(workspace, "wait", "run1", "--timeout", "30").exit_code == 0
    result = run(workspace, "cancel", "run1")
    assert (result.exit_code, result.stdout) == (0, "run1  already completed\n")
    document = json.loads(run(workspace, "cancel", "run1", "--json").stdout)
    assert document["runs"] == [{"run": "run1", "job_id": "1", "asked": False, "said": "already completed"}]
    assert read_run(workspace.run_dir(1) / "run.yaml").cancelled is None


def test_cancel_of_an_unknown_run_cancels_nothing(workspace: Workspace) -> None:
    submit(workspace, "--", "sleep", "60")
    result = run(workspace, "cancel", "run1", "run7")
    assert result.exit_code == 3
    assert "run7" in result.stderr
    until(workspace, 1, State.RUNNING)
    assert run(workspace, "cancel", "run1").exit_code == 0


def test_a_silent_scheduler_is_told_of_once(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = {"sbatch": "echo 77", "squeue": "echo no controller >&2; exit 1"}
    (tmp_path / "bin").mkdir()
    for name, line in {**tools, "sacct": tools["squeue"], "scontrol": tools["squeue"]}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    submit(workspace, "--cluster", "slurm", "--", "true")
    submit(workspace, "--cluster", "local", "--", "true")
    until(workspace, 2, State.COMPLETED)
    assert run(workspace, "cancel", "2").stderr.count("its jobs are shown as they were") == 1
