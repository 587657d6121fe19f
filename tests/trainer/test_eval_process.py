"""The evaluation as a process: its words, a signal, a kill, a full disk, and two processes that share it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.evaluations import begin_eval, ended_eval, evaluate_here, predictions_of, stored
from tests.trainer.videos import environment, events, make_run, make_set, run_here

HANGING = """
import os, time
flush = os.fsync
def fsync(file):
    if os.readlink(f'/proc/self/fd/{file}').endswith('.tmp'):
        open('READY', 'w').close()
        time.sleep(120)
    flush(file)
os.fsync = fsync
"""
"""The disk takes a predictions file very slowly."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("set") / "noise", train=2, val=3)


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = make_run(tmp_path_factory.mktemp("runs") / "run0012", root, "train.epochs=1", "data.workers=0")
    run_here(run_dir, job="5")
    return run_dir


@pytest.fixture
def run_dir(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run0012"))


def until(condition: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert child.poll() is None, child.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def end_of(out: Path) -> tuple[object, ...]:
    last = events(out)[-1]
    return last["kind"], last["status"], last["exit_code"], last["epoch"]


def test_an_evaluation_in_a_job_of_its_own(run_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "run0015"
    out.mkdir()
    code, said = ended_eval(begin_eval(run_dir, "--views", "1x3", ARCTL_RUN_DIR=str(out), ARCTL_JOB_ID="41"))
    assert code == 0, said
    assert end_of(out) == ("end", "completed", 0, 1)
    assert events(out)[-1]["message"] == "val evaluated from 1x3 views, 1 file written"
    attempt = out / "attempts" / "41.0"
    assert json.loads((attempt / "env.json").read_text())["torch"]
    assert json.loads((attempt / "claim.json").read_text())["job_id"] == "41"
    assert predictions_of(run_dir) == ["val-0001-1x3.npz", "val-0001.npz"]
    code, said = ended_eval(begin_eval(run_dir, "--out", str(out), ARCTL_JOB_ID="41"))
    assert code == 98 and "41.0 is already claimed" in said


def test_by_hand_nothing_is_claimed_and_errors_are_one_line(run_dir: Path) -> None:
    before = sorted(run_dir.rglob("*"))
    for words, status, says in (
        (["--views", "2x2"], 2, "trainer: error: --views: '2x2' are no views"),
        (["--split", "test"], 5, "no split 'test'"),
        (["--out", "/nowhere/run"], 2, "there is no such run directory"),
    ):
        code, said = ended_eval(begin_eval(run_dir, *words))
        assert code == status and said.count("\n") == 1 and says in said
    code, said = ended_eval(begin_eval(run_dir / "none"))
    assert code == 2 and "config.yaml: there is no such file" in said
    assert sorted(run_dir.rglob("*")) == before


def test_the_words_eval_and_train_choose(run_dir: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "eval", "--help"], capture_output=True, text=True, check=True
    )
    assert "--views CLIPSxCROPS" in done.stdout
    made = make_run(run_dir.parent / "run0013", root, "train.epochs=1")
    command = [sys.executable, "-m", "trainer", "train", "--run-dir", str(made)]
    subprocess.run(command, env=environment(ARCTL_JOB_ID="3"), capture_output=True, check=True)
    assert (made / "checkpoints" / "best.pt").exists() and end_of(made)[1] == "completed"


def test_a_signal_ends_it_with_143_and_nothing_half_written(run_dir: Path, tmp_path: Path) -> None:
    out, before = tmp_path / "run0015", predictions_of(run_dir)
    out.mkdir()
    words = ["--views", "100x3", "--batch-size", "1", "--workers", "1", "--out", str(out)]
    child = begin_eval(run_dir, *words, ARCTL_JOB_ID="41")
    log = out / "attempts" / "41.0" / "events.jsonl"
    until(lambda: log.exists() and b'"start"' in log.read_bytes(), child)
    os.killpg(child.pid, signal.SIGTERM)  # its loader process gets it too, as from Slurm
    code, said = ended_eval(child)
    assert code == 143 and "stopped by SIGTERM; nothing was written" in said
    assert end_of(out)[1:3] == ("interrupted", 143) and predictions_of(run_dir) == before


def test_a_kill_while_it_writes_leaves_the_old_file(run_dir: Path, tmp_path: Path) -> None:
    evaluate_here(run_dir)
    old = (run_dir / "predictions" / "val-0001-1x1.npz").read_bytes()
    ready = tmp_path / "READY"
    child = begin_eval(run_dir, before=HANGING.replace("READY", str(ready)))
    until(ready.exists, child)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    (left,) = (name for name in predictions_of(run_dir) if name.endswith(".tmp"))
    assert (run_dir / "predictions" / "val-0001-1x1.npz").read_bytes() == old
    os.utime(run_dir / "predictions" / left, (0, 0))
    evaluate_here(run_dir)
    assert predictions_of(run_dir) == ["val-0001-1x1.npz", "val-0001.npz"]
    stored(run_dir, "val-0001-1x1")


def test_a_full_disk_is_one_line_and_no_half_file(run_dir: Path) -> None:
    before = predictions_of(run_dir)
    limit = "import resource, signal; resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))"
    code, said = ended_eval(begin_eval(run_dir, before=limit))
    assert code == 1 and "val-0001-1x1.npz: the predictions could not be written: File too large" in said
    assert predictions_of(run_dir) == before


def test_two_processes_evaluate_as_one(run_dir: Path, tmp_path: Path) -> None:
    evaluate_here(run_dir, "--views", "2x3", "--probe", "shuffled")
    alone = [stored(run_dir, name) for name in ("val-0001-2x3", "val-0001-2x3-shuffled")]
    out = tmp_path / "run0015"
    out.mkdir()
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "trainer"]
    words = ["eval", "--run-dir", str(run_dir), "--out", str(out), "--views", "2x3", "--probe", "shuffled"]
    done = subprocess.run([*launcher, *words], env=environment(ARCTL_JOB_ID="41"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (out / "attempts").iterdir()] == ["41.0"]
    assert events(out)[0]["device"] == "2 x cpu" and end_of(out)[1] == "completed"
    for one, name in zip(alone, ("val-0001-2x3", "val-0001-2x3-shuffled"), strict=True):
        two = stored(run_dir, name)
        assert (two["ids"] == one["ids"]).all() and abs(two["scores"] - one["scores"]).max() < 0.01
