"""A further job of a run: same directory, a token of its own, healed as a first one; a refusal changes nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from arctl import control
from arctl.errors import ArctlError, SubmitRefused, SubmitUnconfirmed
from arctl.launch import submit
from arctl.rebuild import rebuild
from arctl.registry import read
from arctl.registry.connect import transaction
from arctl.registry.ingest import store_job
from arctl.registry.rows import RunRow
from arctl.registry.settle import settle
from arctl.request import Request, Resources
from arctl.resume import rehearse_resume, resume
from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.settings import Workspace, init_workspace
from arctl.states import State

ROOT = Path(__file__).parent.parent
COUNTING = 'echo x >> "$ARCTL_RUN_DIR/tries"; [ $(wc -l < "$ARCTL_RUN_DIR/tries") -ge 2 ] || exit 7'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "lab")


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory first on PATH with an sbatch that gives 71, 72, ..."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    does(place / "sbatch", f"echo x >> {place}/calls; echo $((70 + $(wc -l < {place}/calls)))")
    for name in ("squeue", "sacct", "scancel", "scontrol"):
        does(place / name, "exit 0")
    return place


def does(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def row(workspace: Workspace) -> RunRow:
    (found,) = read.runs(workspace.db)
    return found


def ended(workspace: Workspace, *, state: State = State.TIMEOUT) -> RunRow:
    """Submit a run to Slurm, and let its job end."""
    submit(workspace, Request(command=("true",), name="long", cluster="slurm", resources=Resources(time="60")))
    tell(workspace, "71", state)
    return row(workspace)


def tell(workspace: Workspace, job_id: str, state: State) -> None:
    job = next(job for job in read.jobs(workspace.db, 1) if job.job_id == job_id)
    with transaction(workspace.db) as connection:
        at = job.submitted + 1
        store_job(connection, replace(job, state=state, source="sacct", asked_at=at, exit_code=0, ended=at))
        settle(connection, 1, now=at + 100)


def test_on_this_machine_the_same_run_goes_on(workspace: Workspace) -> None:
    submit(workspace, Request(command=("sh", "-c", COUNTING), name="counting"))
    assert control.wait(workspace, [1], timeout=30) == {1: State.FAILED}
    first = row(workspace)
    again = resume(workspace, 1)
    assert (again.run, again.job_id) == ("run1", "2")
    assert control.wait(workspace, [1], timeout=30) == {1: State.COMPLETED}
    assert (workspace.run_dir(1) / "tries").read_text() == "x\nx\n"
    assert row(workspace).token != first.token
    assert [(job.job_id, job.token) for job in read.jobs(workspace.db, 1)] == [("1", first.token), ("2", None)]
    assert sorted(path.name for path in workspace.run_dir(1).glob("log-*")) == ["log-1.txt", "log-2.txt"]
    assert {path.name for path in workspace.run_dir(1).glob("job*.sbatch")} == {"job.sbatch", "job-2.sbatch"}
    record = read_run(RunDir(workspace.run_dir(1)).run_yaml)
    assert [(job.id, job.token) for job in record.jobs] == [("1", first.token), ("2", None)]
    assert record.token == row(workspace).token


def test_it_asks_for_what_it_did_but_for_what_is_changed(workspace: Workspace, slurm: Path) -> None:
    ended(workspace)
    resume(workspace, 1, resources=Resources(time="8:00:00", exclude="gpu2"))
    script = (workspace.run_dir(1) / "job-2.sbatch").read_text()
    assert "#SBATCH --time=8:00:00\n" in script and "#SBATCH --exclude=gpu2\n" in script
    code = read_run(RunDir(workspace.run_dir(1)).run_yaml).code
    assert code is not None and f"cd {workspace.root / str(code['path'])} " in script, "the code that it began with"
    assert row(workspace).state is State.PENDING


def test_a_refusal_leaves_the_run_as_it_was(workspace: Workspace, slurm: Path) -> None:
    before = ended(workspace)
    file = read_run(RunDir(workspace.run_dir(1)).run_yaml)
    does(slurm / "sbatch", "echo 'Batch job submission failed: Invalid qos specification' >&2; exit 1")
    with pytest.raises(SubmitRefused, match="qos"):
        resume(workspace, 1)
    after = row(workspace)
    assert (after.state, after.token, after.submission, after.job_id) == (
        State.TIMEOUT,
        before.token,
        "submitted",
        "71",
    )
    assert replace(read_run(RunDir(workspace.run_dir(1)).run_yaml), jobs=file.jobs) == file
    assert not (workspace.run_dir(1) / "job-2.sbatch").exists()
    does(slurm / "sbatch", "echo 79")
    assert resume(workspace, 1).job_id == "79"


def test_an_unclear_answer_waits_for_sync_and_sends_nothing_twice(workspace: Workspace, slurm: Path) -> None:
    old = ended(workspace)
    does(slurm / "sbatch", "echo 'Socket timed out on send/recv operation' >&2; exit 1")
    with pytest.raises(SubmitUnconfirmed):
        resume(workspace, 1)
    assert row(workspace).state is State.UNCONFIRMED
    with pytest.raises(ArctlError, match="not settled"):
        resume(workspace, 1)
    report = rebuild(workspace)
    assert report.runs == 1
    now = row(workspace)
    assert (now.state, now.submission) == (State.UNCONFIRMED, "unconfirmed") and now.token != old.token
    assert [(job.job_id, job.token) for job in read.jobs(workspace.db, 1)] == [("71", old.token)]


def test_killed_after_sbatch_the_second_token_is_on_the_disk(workspace: Workspace, slurm: Path) -> None:
    ended(workspace)
    does(slurm / "sbatch", "kill -9 $PPID; echo 72")
    argv = [sys.executable, "-m", "arctl", "-w", str(workspace.root), "resume", "run1"]
    assert subprocess.run(argv, cwd=ROOT, timeout=60).returncode == -signal.SIGKILL
    assert row(workspace).state is State.SUBMITTING
    record = read_run(RunDir(workspace.run_dir(1)).run_yaml)
    assert record.token == row(workspace).token and record.submission == "submitting"
    assert f"--comment={record.token}\n" in (workspace.run_dir(1) / "job-2.sbatch").read_text()


@pytest.mark.parametrize(("state", "words"), [(State.RUNNING, "it is running"), (State.COMPLETED, "it is complete")])
def test_what_is_not_resumed(workspace: Workspace, slurm: Path, state: State, words: str) -> None:
    ended(workspace, state=state)
    with pytest.raises(ArctlError, match=words):
        resume(workspace, 1)
    with pytest.raises(ArctlError, match="no such run"):
        resume(workspace, 5)
    assert len(read.jobs(workspace.db, 1)) == 1


def test_a_trainer_that_still_writes_is_not_joined_by_another(workspace: Workspace, slurm: Path) -> None:
    ended(workspace, state=State.NODE_FAIL)
    with sqlite3.connect(workspace.db) as connection:
        connection.execute("UPDATE runs SET last_event = unixepoch() - 3")
    connection.close()
    with pytest.raises(ArctlError, match="may still be alive"):
        resume(workspace, 1)


def test_code_that_is_gone_is_told_of(workspace: Workspace, slurm: Path) -> None:
    ended(workspace)
    (workspace.state / "code").rename(workspace.state / "gone")
    with pytest.raises(ArctlError, match="arctl rerun run1"):
        resume(workspace, 1)


def test_a_rehearsal_changes_nothing(workspace: Workspace, slurm: Path) -> None:
    before = ended(workspace)
    plan = rehearse_resume(workspace, 1, resources=Resources(mem="64G"))
    assert "#SBATCH --mem=64G\n" in plan.script
    assert row(workspace) == before
    assert [path.name for path in workspace.run_dir(1).glob("job*.sbatch")] == ["job.sbatch"]
