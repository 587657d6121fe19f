"""What the tests of faults share: a lab, which is a workspace on a Slurm of shell scripts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from arctl.settings import find_workspace, init_workspace
from tests.faults.laboratory import CONFIG, SBATCH, SQUEUE, Lab
from tests.faults.steps import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Runs arctl commands."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def lab(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab without runs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"sbatch": SBATCH, "squeue": SQUEUE, "scontrol": CONFIG}.items():
        (programs / name).write_text(text)
    for name in ("sacct", "scancel", "sinfo", "sacctmgr"):
        (programs / name).write_text("#!/bin/sh\nexit 0\n")
    for path in programs.iterdir():
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.delenv("SLURM_CONF", raising=False)
    root = init_workspace(tmp_path / "lab").root
    data = root / "data" / "motions"
    (data / "Left").mkdir(parents=True)
    for name, text in {
        "classInd": "1 Left\n",
        "trainlist01": "Left/a_g01.avi 1\n",
        "testlist01": "Left/b.avi\n",
    }.items():
        (data / f"{name}.txt").write_text(text)
    for video in ("a_g01.avi", "b.avi"):
        (data / "Left" / video).touch()
    settings = "cluster: slurm\nsnapshot: {take: false}\nslurm: {poll_s: 1, min_poll_s: 0}\n"
    (root / "arctl.yaml").write_text(settings)
    return Lab(find_workspace(root), programs, server)
