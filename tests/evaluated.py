"""A workspace with a run that has been trained on a Slurm that says only what it is told to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from arctl.launch import Launched, submit
from arctl.registry import read
from arctl.registry.connect import transaction
from arctl.registry.ingest import store_job
from arctl.registry.settle import settle
from arctl.request import Request, Resources
from arctl.rundir import RunDir
from arctl.settings import Workspace, init_workspace, load_settings
from arctl.states import State
from tests.twovideos import two_videos

HAD = Resources(gpus=4, nodes=2, cpus=18, mem="66G", time="9:00:00", partition="gpu", qos="long")
"""What the trained run asked for."""

_COUNT = "echo x >> {place}/calls; echo $((70 + $(wc -l < {place}/calls)))"


def slurm_in(place: Path) -> None:
    """Make Slurm's programs: an sbatch that gives 71, 72, ..., and others that say nothing."""
    place.mkdir()
    for name in ("sbatch", "squeue", "sacct", "scancel", "scontrol"):
        (place / name).write_text(f"#!/bin/sh\n{_COUNT.format(place=place) if name == 'sbatch' else 'exit 0'}\n")
        (place / name).chmod(0o755)


def studio(root: Path, settings: str = "python: /bin/true\ndefaults: {time: '20'}\n") -> Workspace:
    """Make a workspace with a data set of two videos."""
    made = init_workspace(root)
    (root / "arctl.yaml").write_text(settings)
    two_videos(root / "data" / "motions")
    return Workspace(root=made.root, settings=load_settings(root / "arctl.yaml"))


def train(workspace: Workspace, name: str = "base", *, saves: tuple[str, ...] = ("best", "last")) -> RunDir:
    """Submit a training run to Slurm and give it checkpoints; its job still waits."""
    done = submit(workspace, Request(model="r3d_tiny", data="motions", name=name, cluster="slurm", resources=HAD))
    files = RunDir(done.run_dir)
    files.checkpoints.mkdir()
    for word in saves:
        (files.checkpoints / f"{word}.pt").write_bytes(b"weights")
    if saves:
        manifest = {f"{word}.pt": {"bytes": 7, "sha256": "0", "epoch": 9, "step": 90} for word in saves}
        (files.checkpoints / "manifest.json").write_text(json.dumps(manifest))
    return files


def ends(workspace: Workspace, number: int, state: State) -> None:
    """Have Slurm say that a run's job has ended."""
    (job,) = read.jobs(workspace.db, number)
    with transaction(workspace.db) as connection:
        at = job.submitted + 1
        store_job(connection, replace(job, state=state, source="sacct", asked_at=at, exit_code=0, ended=at))
        settle(connection, number, now=at + 100)


def scored(workspace: Workspace, launched: Launched, *, status: str = "completed") -> None:
    """Write the events of an evaluation as the trainer does, and have Slurm say how its job ended."""
    attempt = RunDir(launched.run_dir).attempts / f"{launched.job_id}.0"
    attempt.mkdir(parents=True)
    told = [
        {"kind": "start", "contract": 1, "attempt": attempt.name, "host": "n1", "pid": 1, "epochs": 0,
         "steps_per_epoch": 0, "resumed_step": None, "device": "cpu"},
        {"kind": "eval", "split": "val", "epoch": 9, "step": 90, "metrics": {"val@10x3/top1": 0.75},
         "predictions": "predictions/val-0009-10x3.npz", "unreadable": 0},
        {"kind": "end", "status": status, "exit_code": 0, "message": "said so", "epoch": 9, "step": 90},
    ]  # fmt: skip
    lines = [json.dumps({"seq": seq, "t": 5000.0 + seq, **event}) for seq, event in enumerate(told)]
    (attempt / "events.jsonl").write_text("\n".join(lines) + "\n")
    ends(workspace, launched.number, State.COMPLETED if status == "completed" else State.FAILED)
