"""Submitting: run directories whole or absent, jobs sent once, runs repeated."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from arctl import launch
from arctl.errors import ArctlError, NotFoundError, SchedulerError, SubmitRefused, SubmitUnconfirmed, UsageError
from arctl.launch import rehearse, submit
from arctl.registry import read
from arctl.request import Request, Resources
from arctl.rundir import RunDir
from arctl.runfile import read_run
from arctl.settings import Workspace, init_workspace
from arctl.states import State
from tests.launched import configured, leftovers, settled
from tests.twovideos import two_videos

ROOT = Path(__file__).parent.parent
HI = Request(command=("sh", "-c", "echo hi"))
TRAIN = Request(model="r3d_tiny", data="motions")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = init_workspace(tmp_path / "lab")
    two_videos(made.root / "data" / "motions")
    return made


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called sbatch, first on PATH; tests write what it does."""
    path = tmp_path / "bin" / "sbatch"
    path.parent.mkdir()
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    return path


def does(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_run_is_made_and_recorded(workspace: Workspace) -> None:
    launched = submit(workspace, replace(HI, name="first", tags=("b", "a", "b"), note="why"))
    directory = RunDir(workspace.runs / "run0001")
    assert (launched.run, launched.job_id, launched.run_dir) == ("run1", "1", directory.path)
    assert settled(directory.log("1"), "hi\n") == "hi\n"
    assert leftovers(workspace) == ["run0001"]
    record = read_run(directory.run_yaml)
    assert (record.number, record.name, record.tags, record.note) == (1, "first", ("a", "b"), "why")
    assert record.command == ("sh", "-c", "echo hi")
    assert [(job.cluster, job.id) for job in record.jobs] == [("local", "1")]
    assert record.submission == "submitted"
    assert not directory.config.exists()
    script = directory.script.read_text()
    assert f"#SBATCH --job-name=first-{record.token}\n" in script
    assert f"export ARCTL_RUN_DIR={directory.path}\n" in script
    row = read.run(workspace.db, 1)
    assert row is not None
    assert (row.name, row.token, row.tags, row.job_id) == ("first", record.token, ("a", "b"), "1")
    assert (row.submission, row.expects_events, row.cluster) == ("submitted", False, "local")


def test_a_training_run_has_its_configuration(workspace: Workspace) -> None:
    lab = configured(workspace, "python: /bin/true\n")
    expected = rehearse(lab, TRAIN)
    launched = submit(lab, TRAIN)
    assert yaml.safe_load(RunDir(launched.run_dir).config.read_text()) == expected.config
    row = read.run(lab.db, 1)
    assert row is not None
    assert (row.model, row.data, row.expects_events) == ("r3d_tiny", "motions", True)


def test_a_number_is_never_used_twice(workspace: Workspace) -> None:
    submit(workspace, HI)
    (workspace.runs / "run0041").mkdir()
    assert submit(workspace, HI).number == 42
    assert submit(workspace, HI).number == 43


def test_two_at_once(workspace: Workspace) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom arctl.settings import find_workspace\n"
        "from arctl.request import Request\nfrom arctl.launch import submit\n"
        "print(submit(find_workspace(Path(sys.argv[1])), Request(command=('true',), name=sys.argv[2])).number)"
    )
    argv = [sys.executable, "-c", program, str(workspace.root)]
    running = [subprocess.Popen([*argv, name], cwd=ROOT, stdout=subprocess.PIPE, text=True) for name in "ab"]
    numbers = sorted(int(process.communicate(timeout=60)[0]) for process in running)
    assert numbers == [1, 2]
    assert leftovers(workspace) == ["run0001", "run0002"]
    assert sorted(row.job_id or "" for row in read.runs(workspace.db)) == ["1", "2"]


def test_leftovers_of_a_killed_submission_go_with_the_next(workspace: Workspace) -> None:
    old, new = workspace.runs / ".stage-arctl-aaaaaaaaaaaa", workspace.runs / ".stage-arctl-bbbbbbbbbbbb"
    for stage in (old, new):
        stage.mkdir()
    os.utime(old, (1.0, 1.0))
    submit(workspace, HI)
    assert leftovers(workspace) == [".stage-arctl-bbbbbbbbbbbb", "run0001"]


# when the scheduler says no, or nothing


def test_a_refused_run_stays_with_its_script_and_reason(workspace: Workspace, sbatch: Path) -> None:
    does(sbatch, "echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1")
    with pytest.raises(SubmitRefused, match="Invalid partition name specified") as caught:
        submit(workspace, replace(HI, cluster="slurm", resources=Resources(partition="nope")))
    assert caught.value.exit_code == 4
    row = read.run(workspace.db, 1)
    assert row is not None
    assert row.state is State.REFUSED
    assert "Invalid partition name" in (row.message or "")
    directory = RunDir(workspace.run_dir(1))
    assert "#SBATCH --partition=nope\n" in directory.script.read_text()
    assert read_run(directory.run_yaml).submission == "refused"


def test_without_sbatch_nothing_is_queued(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SchedulerError, match="sbatch cannot be started"):
        submit(workspace, replace(HI, cluster="slurm"))
    row = read.run(workspace.db, 1)
    assert row is not None
    assert row.state is State.REFUSED


def test_an_unclear_answer_is_kept_for_sync(workspace: Workspace, sbatch: Path) -> None:
    does(sbatch, "echo 'sbatch: error: Socket timed out on send/recv operation' >&2; exit 1")
    with pytest.raises(SubmitUnconfirmed, match="arctl sync") as caught:
        submit(workspace, replace(HI, cluster="slurm"))
    assert caught.value.exit_code == 4
    row = read.run(workspace.db, 1)
    assert row is not None
    assert row.state is State.UNCONFIRMED
    assert read_run(RunDir(workspace.run_dir(1)).run_yaml).submission == "unconfirmed"


def test_ctrl_c_while_sbatch_works_leaves_an_unconfirmed_run(workspace: Workspace, sbatch: Path) -> None:
    does(sbatch, f"touch {sbatch}.called; exec sleep 60")
    process = subprocess.Popen(
        [sys.executable, "-m", "arctl", "-w", str(workspace.root), "submit", "--cluster", "slurm", "--", "true"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not Path(f"{sbatch}.called").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    row = read.run(workspace.db, 1)
    assert row is not None
    assert row.state is State.UNCONFIRMED


def test_killed_after_sbatch_the_run_is_whole_and_its_token_known(workspace: Workspace, sbatch: Path) -> None:
    does(sbatch, "kill -9 $PPID; echo 77")
    argv = [sys.executable, "-m", "arctl", "-w", str(workspace.root), "submit", "--cluster", "slurm", "--", "true"]
    assert subprocess.run(argv, cwd=ROOT, timeout=60).returncode == -signal.SIGKILL
    row = read.run(workspace.db, 1)
    assert row is not None
    assert row.state is State.SUBMITTING
    directory = RunDir(workspace.run_dir(1))
    assert read_run(directory.run_yaml).token == row.token
    assert row.token in directory.script.read_text()


# when the disk says no


def test_where_no_run_directory_can_be_made(workspace: Workspace) -> None:
    submit(workspace, HI)
    shutil.move(workspace.runs, workspace.root / "elsewhere")
    workspace.runs.write_text("a file in the way")
    with pytest.raises(OSError, match="runs"):
        submit(workspace, HI)
    states = {row.number: row.state for row in read.runs(workspace.db)}
    assert states[2] is State.REFUSED


@pytest.fixture
def small_disk(workspace: Workspace) -> Iterator[Workspace]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(workspace.runs)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    yield workspace
    subprocess.run(["umount", "--lazy", str(workspace.runs)], check=True)


def test_a_full_disk_leaves_no_half_run(small_disk: Workspace) -> None:
    workspace = small_disk
    submit(workspace, HI)
    filler = workspace.runs / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))
    with pytest.raises((OSError, ArctlError), match="No space left"):
        submit(workspace, HI)
    assert leftovers(workspace) == ["filler", "run0001"]
    row = read.run(workspace.db, 2)
    assert row is not None
    assert row.state is State.REFUSED
    assert "No space left" in (row.message or "")
    filler.unlink()
    assert submit(workspace, HI).number == 3


# again


def test_a_command_is_repeated_with_its_resources(workspace: Workspace) -> None:
    submit(workspace, replace(HI, name="first", tags=("a",), note="n", resources=Resources(cpus=2, time="1:00:00")))
    request = launch.again(workspace, 1, resources=Resources(time="2:00:00"), note="other")
    launched = submit(workspace, request)
    record = read_run(RunDir(launched.run_dir).run_yaml)
    assert (record.name, record.tags, record.note, record.rerun_of) == ("first", ("a",), "other", 1)
    assert record.command == ("sh", "-c", "echo hi")
    assert (record.values["cpus"], record.values["time"]) == (2, "2:00:00")


def test_a_training_run_is_repeated_with_changes(workspace: Workspace) -> None:
    lab = configured(workspace, "python: /bin/true\n")
    first = submit(lab, replace(TRAIN, preset="quick", overrides=("train.seed=5",)))
    second = submit(lab, launch.again(lab, first.number, overrides=("optim.lr=0.01",)))
    before, after = (yaml.safe_load(RunDir(run.run_dir).config.read_text()) for run in (first, second))
    assert after["optim"].pop("lr") == 0.01
    before["optim"].pop("lr")
    assert after == before
    row = read.run(lab.db, 2)
    assert row is not None
    assert (row.model, row.data, row.preset, row.rerun_of) == ("r3d_tiny", "motions", "quick", 1)
    with pytest.raises(UsageError, match=r"optim\.lrr"):
        submit(lab, launch.again(lab, 1, overrides=("optim.lrr=1",)))


def test_a_run_without_directory_cannot_be_repeated(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"run7 has no run\.yaml"):
        launch.again(workspace, 7)
