"""The trainer under faults of its node: a loader process that is killed, and shared memory that is full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.trainer.videos import environment, events, make_run, make_set, of_kind

LONG = ("train.epochs=400", "optim.warmup_epochs=1", "train.patience=null", "data.workers=2")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("set") / "noise")


def begin(run_dir: Path, *before: str) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "trainer", "--run-dir", str(run_dir)]
    env = environment(ARCTL_JOB_ID="7")
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def last_words(child: subprocess.Popen[str]) -> str:
    """Wait for the end of a trainer, which must not hang, and return its stderr."""
    try:
        return child.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        raise AssertionError(f"it hangs: {child.communicate()[1]}") from None


def loaders(pid: int) -> list[int]:
    """Return the loader processes of a trainer: its children that run Python."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if "python" in Path(f"/proc/{child}/cmdline").read_text()]


def test_a_killed_loader_process_ends_the_run_with_its_cause(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, *LONG)
    child = begin(run_dir)
    path = run_dir / "attempts" / "7.0" / "events.jsonl"
    deadline = time.monotonic() + 100
    while not path.exists() or path.read_bytes().count(b'"kind":"step"') < 5:
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    found = loaders(child.pid)
    assert found
    for number in found:
        os.kill(number, signal.SIGKILL)
    errors = last_words(child)
    assert child.returncode not in (0, None)
    end = of_kind(events(run_dir, "7.0"), "end")[-1]
    assert (end["status"], end["exit_code"]) == ("failed", child.returncode)
    assert "data.workers" in end["message"], end
    assert "a loader process ended" in end["message"] or "a data worker died" in end["message"], end
    assert errors.splitlines()[-1] == f"trainer: error: {end['message']}", errors


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs a mount namespace of its own")
def test_shared_memory_that_is_full_is_named_with_a_cure(root: Path, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", root, *LONG)
    inside = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"'
    child = begin(run_dir, "unshare", "--mount", "sh", "-c", inside, "sh")
    errors = last_words(child)
    if "unshare failed" in errors:
        pytest.skip("no mount namespace here")
    assert child.returncode not in (0, None), errors
    found = of_kind(events(run_dir, "7.0"), "end")
    assert found, errors
    assert "shared memory" in found[-1]["message"] and "workers" in found[-1]["message"] + errors, (found, errors)
