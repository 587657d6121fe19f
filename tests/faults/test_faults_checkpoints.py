"""Checkpoints: a save that is killed at every step, twice in a row; a disk that is full; a manifest that is damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer import checkpoint
from trainer.errors import DataError, TrainerError

ROOT = Path(__file__).parents[2]
LOOP = """
import shutil, sys, torch
from pathlib import Path
from tests.faults.steps import each_kill, run
from trainer import checkpoint
place, aside = Path(sys.argv[1]) / "checkpoints", Path(sys.argv[1]) / "aside"

def save(step, attempt="7.0"):
    state = {"model": {"w": torch.full((64,), float(step))}, "position": {"step": step}}
    checkpoint.save(place, state, epoch=1, step=step, attempt=attempt, best=True, check=lambda: None)

def killed(step):
    shutil.rmtree(place, ignore_errors=True)
    if aside.exists():
        shutil.copytree(aside, place)
    return run(lambda: save(3), kill_at=step)

def found():
    whole = checkpoint.find(place)
    if whole is None:
        return 0
    assert whole.state["model"]["w"].eq(whole.state["position"]["step"]).all()
    return whole.state["position"]["step"]

for before in (0, 2):
    if before:
        save(1)
        save(2)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(place, aside)
    for step, ended in each_kill(killed, least=8):
        first = found()
        assert first in (before, 3), (before, step, first)
        run(lambda: save(4, "8.0"), kill_at=step // 2 + 1)
        second = found()
        assert second in (first, 4), (before, step, second)
        save(5, "9.0")
        assert found() == 5 and checkpoint.half_saved(place) == []
        print(before, step, ended.status, first, second, flush=True)
"""


def test_a_save_killed_at_every_step_and_the_next_one_too(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", LOOP, tmp_path], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    assert {(before, first) for before, _, _, first, _ in lines} == {(0, 0), (0, 3), (2, 2), (2, 3)}
    assert [line[3] for line in lines if line[2] == 0] == [3, 3]


def save(directory: Path, step: int) -> None:
    import torch

    state = {"model": {"w": torch.full((64,), float(step))}, "position": {"step": step}}
    checkpoint.save(directory, state, epoch=1, step=step, attempt="7.0", best=step == 1, check=lambda: None)


def test_each_byte_of_the_manifest_flipped_or_cut_off(tmp_path: Path) -> None:
    """What it vouches for is loaded, what it does not is not; nothing but our own error is raised."""
    save(tmp_path, 1)
    save(tmp_path, 2)
    manifest = tmp_path / "manifest.json"
    whole = manifest.read_bytes()
    refused = older = 0
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 0x01
        for damaged in (bytes(flipped), whole[:place]):
            manifest.write_bytes(damaged)
            try:
                found = checkpoint.find(tmp_path)
            except DataError as error:
                refused += 1
                assert error.cure and "\n" not in str(error)
                continue
            assert found is not None
            older += found.name != "last.pt"
            assert found.state["model"]["w"].eq(found.state["position"]["step"]).all()
    assert refused > len(whole) and older >= 64
    manifest.write_bytes(whole)
    assert checkpoint.find(tmp_path).state["position"]["step"] == 2  # type: ignore[union-attr]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_is_full_keeps_the_checkpoint_before_and_says_so(small_disk: Path) -> None:
    save(small_disk, 1)
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
    (small_disk / "filler").write_bytes(bytes(free))
    with pytest.raises(TrainerError, match=r"checkpoint of step 2 could not be saved: .*(space|write).*make room"):
        save(small_disk, 2)
    assert checkpoint.half_saved(small_disk) == []
    assert checkpoint.find(small_disk).state["position"]["step"] == 1  # type: ignore[union-attr]
    (small_disk / "filler").unlink()
    save(small_disk, 3)
    assert checkpoint.find(small_disk).state["position"]["step"] == 3  # type: ignore[union-attr]


def test_each_byte_of_an_older_one_is_watched_too(tmp_path: Path) -> None:
    """A flipped byte anywhere in last.pt sends the run to previous.pt; in both, it is an error and no fresh start."""
    save(tmp_path, 1)
    save(tmp_path, 2)
    last, previous = tmp_path / "last.pt", tmp_path / "previous.pt"
    (tmp_path / "best.pt").unlink()
    for path in (last, previous):
        whole = path.read_bytes()
        path.unlink()
        for place in range(0, len(whole), 37):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            if path == last:
                assert checkpoint.find(tmp_path).name == "previous.pt"  # type: ignore[union-attr]
            else:
                with pytest.raises(DataError, match="no checkpoint is whole"):
                    checkpoint.find(tmp_path)
    shutil.rmtree(tmp_path)
