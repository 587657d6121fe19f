"""Checkpoints: whole or refused, whatever is killed or damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer import checkpoint
from trainer.errors import DataError, Superseded, TrainerError


def save(directory: Path, step: int, *, best: bool = False) -> None:
    state = {"model": {"w": torch.full((64,), float(step))}, "random": (3, (1, 2), None), "position": {"step": step}}
    checkpoint.save(directory, state, epoch=1, step=step, attempt="7.0", best=best, check=lambda: None)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def step_of(found: checkpoint.Found | None) -> int:
    assert found is not None
    step = int(found.state["position"]["step"])
    assert found.state["model"]["w"].eq(step).all()
    return step


def test_last_previous_and_best(tmp_path: Path) -> None:
    directory = tmp_path / "checkpoints"
    assert checkpoint.find(directory) is None
    save(directory, 1, best=True)
    save(directory, 2)
    save(directory, 3)
    assert step_of(checkpoint.find(directory)) == 3
    assert names(directory) == ["best.pt", "last.pt", "manifest.json", "previous.pt"]
    steps = {
        name: torch.load(directory / name, weights_only=True)["position"]["step"] for name in ("previous.pt", "best.pt")
    }
    assert steps == {"previous.pt": 2, "best.pt": 1}
    manifest = json.loads((directory / "manifest.json").read_text())
    assert {name: entry["step"] for name, entry in manifest.items()} == {"last.pt": 3, "previous.pt": 2, "best.pt": 1}
    entry = manifest["last.pt"]
    assert entry["bytes"] == (directory / "last.pt").stat().st_size
    assert (entry["epoch"], entry["attempt"], len(entry["sha256"])) == (1, "7.0", 64)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "append", "missing"])
def test_a_damaged_file_is_not_loaded_and_the_one_before_is(damage: str, tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    last = tmp_path / "last.pt"
    content = bytearray(last.read_bytes())
    last.unlink()  # its other names keep the old content
    content[len(content) // 2] ^= 1
    changed = {"flip": bytes(content), "truncate": bytes(content[:-1]), "empty": b"", "append": bytes(content) + b"x"}
    if damage != "missing":
        last.write_bytes(changed[damage])
    found = checkpoint.find(tmp_path)
    assert step_of(found) == 1
    assert found is not None and found.name == "previous.pt" and "last.pt" in found.complaints[0]


def test_no_whole_checkpoint_is_an_error_and_not_a_fresh_start(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "last.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"no checkpoint is whole.*last\.pt is damaged.*0 of \d+ bytes"):
        checkpoint.find(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json: cannot be read"):
        checkpoint.find(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(DataError, match="no manifest"):
        checkpoint.find(tmp_path)


def test_code_in_a_checkpoint_is_refused_even_when_the_manifest_vouches_for_it(tmp_path: Path) -> None:
    save(tmp_path, 1)
    torch.save({"model": {}, "evil": Path("x")}, tmp_path / "last.pt")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["last.pt"]["sha256"] = checkpoint._digest(tmp_path / "last.pt")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="cannot be loaded"):
        checkpoint.find(tmp_path)


def test_a_superseded_writer_touches_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def refuse() -> None:
        raise Superseded("another")

    with pytest.raises(Superseded):
        checkpoint.save(tmp_path, {"model": {}}, epoch=1, step=2, attempt="7.0", best=True, check=refuse)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


FULL = """
import resource, sys, torch
from pathlib import Path
from trainer import checkpoint
from trainer.errors import TrainerError
directory = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
try:
    state = {"model": {"w": torch.zeros(100000)}}
    checkpoint.save(directory, state, epoch=1, step=9, attempt="7.0", best=True, check=lambda: None)
except TrainerError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_older_checkpoint_whole(tmp_path: Path) -> None:
    save(tmp_path, 1, best=True)
    before = names(tmp_path)
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "the checkpoint of step 9 could not be saved" in done.stdout
    assert "make room" in done.stdout
    assert names(tmp_path) == before
    assert step_of(checkpoint.find(tmp_path)) == 1


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(TrainerError, match="could not be saved"):
        save(tmp_path / "checkpoints", 1)


SAVER = """
import os, signal, sys, time, torch
from pathlib import Path
from trainer import checkpoint
directory = Path(sys.argv[1])

def keep_saving(pipe):
    found = checkpoint.find(directory)
    step = found.state["position"]["step"] if found else 0
    while True:
        step += 1
        state = {"model": {"w": torch.full((64,), float(step))}, "position": {"step": step}}
        checkpoint.save(directory, state, epoch=1, step=step, attempt="7.0", best=step % 3 == 0, check=lambda: None)
        os.write(pipe, f"{step} ".encode())

for number in range(12):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        keep_saving(writing)
    os.close(writing)
    said = os.read(reading, 64).split()
    time.sleep(0.003 * number)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    said += os.read(reading, 65536).split()
    os.close(reading)
    print(int(said[-1]), checkpoint.find(directory).state["position"]["step"], flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    directory = tmp_path / "checkpoints"
    done = subprocess.run([sys.executable, "-c", SAVER, str(directory)], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(pairs) == 12
    for said, found in pairs:
        assert said - 1 <= found <= said + 1
    assert pairs[-1][0] > pairs[0][0]
