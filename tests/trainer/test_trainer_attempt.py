"""Names of attempts, and what torch and the system raise as one line with a cure."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest
import torch

from trainer import attempt, config
from trainer.errors import ConfigError, Superseded
from trainer.explain import explain


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, (None, 0)),
        ({"SLURM_JOB_ID": "77"}, ("77", 0)),
        ({"SLURM_JOB_ID": "80", "SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "3"}, ("77_3", 0)),
        ({"SLURM_JOB_ID": "77", "SLURM_RESTART_COUNT": "2"}, ("77", 2)),
        ({"ARCTL_JOB_ID": "5", "SLURM_JOB_ID": "77"}, ("5", 0)),
    ],
)
def test_the_scheduler_names_the_attempt(env: dict[str, str], expected: tuple[str | None, int]) -> None:
    assert attempt.job_identity(env) == expected


@pytest.mark.parametrize("job", ["../evil", "a/b", "a b", "x" * 65, "a\n"])
def test_a_job_id_that_is_no_file_name_is_refused(job: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name no attempt"):
        attempt.claim(tmp_path, env={"ARCTL_JOB_ID": job})
    assert not any((tmp_path / "attempts").iterdir())


def test_a_claim_is_won_once_and_a_restart_takes_over(tmp_path: Path) -> None:
    first = attempt.claim(tmp_path, env={"SLURM_JOB_ID": "77"})
    with pytest.raises(Superseded):
        attempt.claim(tmp_path, env={"SLURM_JOB_ID": "77"})
    first.check()
    second = attempt.claim(tmp_path, env={"SLURM_JOB_ID": "77", "SLURM_RESTART_COUNT": "1"})
    second.check()
    with pytest.raises(Superseded, match=r"77\.1 has taken over from 77\.0"):
        first.check()
    (tmp_path / "CURRENT").unlink()
    first.check()


def test_outside_a_job_the_number_counts_up(tmp_path: Path) -> None:
    begun = int(time.time())
    names = [attempt.claim(tmp_path, env={}).name for _ in range(3)]
    assert len(set(names)) == 3
    assert all(name.startswith(f"local-{str(begun)[:-2]}") for name in names)
    assert names == sorted(names)


def test_the_watch_flushes_and_sees_a_successor(tmp_path: Path) -> None:
    claimed = attempt.claim(tmp_path, env={"SLURM_JOB_ID": "77"})
    flushed: list[int] = []
    superseded, end = attempt.watch(claimed, sync=lambda: flushed.append(1), every=0.01)
    (tmp_path / "CURRENT").write_text("78.0\n")
    assert superseded.wait(10)
    end()
    assert flushed


CONFIG = config.resolve(model="r3d18", data={"name": "x", "root": "/x"})


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
            ["CUDA out of memory", "the GPU's memory is full", "data.batch_size (now 32)", "optim.accumulate"],
        ),
        (MemoryError(), ["the memory is full", "--mem"]),
        (RuntimeError("unable to allocate shared memory(shm) for file"), ["/dev/shm is full", "data.workers"]),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), ["a data worker died"]),
        (RuntimeError("[../gloo/pair.cc:1] Connection closed by peer [127.0.0.1]:1"), ["another process"]),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), ["/x/y: no space left", "make room"]),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), ["/x/y: Permission denied"]),
        (ModuleNotFoundError("No module named 'av'", name="av"), ["av is not installed", "pip install 'arctl[train]'"]),
    ],
)
def test_known_failures_have_a_cure(error: Exception, parts: list[str], tmp_path: Path) -> None:
    line = str(explain(error, config=CONFIG, attempt=tmp_path))
    assert "\n" not in line
    for part in parts:
        assert part in line
    assert not list(tmp_path.iterdir())


def test_what_nobody_foresaw_is_one_line_and_keeps_its_traceback(tmp_path: Path) -> None:
    try:
        raise KeyError("surprise\nin two lines")
    except KeyError as error:
        line = str(explain(error, config=None, attempt=tmp_path))
    assert "unforeseen KeyError" in line and "\n" not in line and "traceback.txt" in line
    assert "surprise" in (tmp_path / "traceback.txt").read_text()
