"""A cluster that says what a test wants, and runs whose trainers write what a test wants."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from arctl.clusters.base import Capabilities, JobState, Submission
from arctl.errors import SchedulerError
from arctl.registry import read, write
from arctl.rundir import RunDir
from arctl.runfile import RunFile, write_run
from arctl.settings import Workspace
from arctl.states import State

FORK = multiprocessing.get_context("fork")


@dataclass
class Scripted:
    """A cluster that says what a test wants."""

    name: str = "slurm"
    said: dict[str, JobState] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    down: bool = False
    asked: int = 0
    looked: int = 0

    def capabilities(self) -> Capabilities:
        return Capabilities(arrays=True, accounting=True, time_limit=True, gpus=True)

    def submit(self, submission: Submission) -> str:
        raise AssertionError("a sync never submits")

    def states(self, job_ids: Sequence[str], *, since: float | None = None) -> Mapping[str, JobState]:
        self.asked += 1
        if self.down:
            raise SchedulerError("squeue: error: slurm_load_jobs: Unable to contact controller", cure="wait")
        return {job_id: self.said[job_id] for job_id in job_ids if job_id in self.said}

    def find(self, tokens: Collection[str], *, since: float) -> Mapping[str, str]:
        self.looked += 1
        if self.down:
            raise SchedulerError("nobody answered")
        return {token: self.tokens[token] for token in tokens if token in self.tokens}

    def cancel(self, job_ids: Sequence[str]) -> None:
        raise AssertionError("a sync never cancels")

    def log_path(self, run_dir: Path, job_id: str) -> Path:
        return RunDir(run_dir).log(job_id)

    def say(self, job_id: str, state: State, *, at: float | None = None, **more: object) -> None:
        at = time.time() if at is None else at
        self.said[job_id] = JobState(job_id, state, at, "squeue", **more)  # type: ignore[arg-type]


def submitted(workspace: Workspace, *, job_id: str | None = "77", created: float | None = None, **more: object) -> int:
    """Make a run as a submission does: row, directory, job."""
    created = time.time() - 60 if created is None else created
    token = f"arctl-{os.urandom(6).hex()}"
    number = write.new_run(
        workspace.db, name="r3d", token=token, created=created, cluster="slurm", template="single", model="r3d_tiny",
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    workspace.run_dir(number).mkdir()
    record = RunFile(
        number=number, token=token, name="r3d", created=created, template="single", cluster="slurm", model="r3d_tiny"
    )
    if job_id is not None:
        record = record.with_job("slurm", job_id, created)
        write.record_job(workspace.db, number, cluster="slurm", job_id=job_id, submitted=created)
    write_run(RunDir(workspace.run_dir(number)).run_yaml, record)
    return number


def events(*items: Mapping[str, object], first: int = 0, t: float = 1000.0) -> bytes:
    lines = (json.dumps({"seq": first + place, "t": t + place, **item}) for place, item in enumerate(items))
    return b"".join(b"\n" + line.encode() for line in lines) + b"\n"


START = {"kind": "start", "contract": 1, "attempt": "77.0", "host": "n1", "pid": 1, "epochs": 4, "resumed_step": None}
END = {"kind": "end", "status": "completed", "exit_code": 0, "epoch": 4, "step": 40}


def step(number: int, value: float = 0.5) -> dict[str, object]:
    return {"kind": "step", "step": number, "epoch": number / 10, "metrics": {"step/loss": value}}


def append(workspace: Workspace, number: int, content: bytes, *, attempt: str = "77.0") -> Path:
    path = RunDir(workspace.run_dir(number)).events(attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(content)
    return path


def values(workspace: Workspace, number: int = 1) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in read.curve(workspace.db, number, "step/loss")]


def state(workspace: Workspace, number: int = 1) -> State:
    row = read.run(workspace.db, number)
    assert row is not None
    return row.state
