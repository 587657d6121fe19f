"""Makes workspaces for the dashboard's tests as trainers would: by writing the run-directory contract.

runs.db is made by arctl's own rebuild from these files; a run that comes later is registered as a submit does it.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from arctl.registry import write
from arctl.rundir import RunDir, directory_name
from arctl.settings import Workspace, init_workspace
from arctl.sync import rebuild

CLASSES = ("left", "right", "up", "down", "clockwise", "counter", "approach", "recede")


@dataclass
class Written:
    """A run directory that is being written, as a trainer would."""

    files: RunDir
    number: int
    job: str
    began: float
    seq: int = 0
    step: int = 0
    config: dict[str, object] = field(default_factory=dict)

    def event(self, kind: str, *, t: float | None = None, **fields: object) -> None:
        """Append an event."""
        path = self.files.events(f"{self.job}.0")
        path.parent.mkdir(parents=True, exist_ok=True)
        line = {"seq": self.seq, "t": self.began + self.seq if t is None else t, "kind": kind, **fields}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.seq += 1

    def start(self, epochs: int, steps: int = 20) -> None:
        """Append the start event."""
        self.event(
            "start",
            contract=1,
            attempt=f"{self.job}.0",
            host="node1",
            pid=4711,
            epochs=epochs,
            steps_per_epoch=steps,
            resumed_step=None,
            device="cpu",
        )

    def epoch(self, number: int, *, top1: float, gap: float = 0.04, steps: int = 20) -> None:
        """Append an epoch: its steps, its end and its evaluation."""
        for part in range(1, steps + 1):
            self.step += 1
            loss = 0.1 + 2.0 * math.exp(-self.step / (4 * steps))
            metrics = {"step/loss": loss, "optim/lr": 1e-3 / self.step, "perf/clips_per_s": 180.0 + part}
            self.event("step", step=self.step, epoch=number - 1 + part / steps, metrics=metrics)
        train = min(1.0, top1 + gap)
        self.event(
            "epoch",
            epoch=number,
            step=self.step,
            metrics={"train/loss": 2.2 * (1 - train) + 0.05, "train/top1": train},
            seconds=12.0,
        )
        metrics = {"val/loss": 2.4 * (1 - top1) + 0.1, "val/top1": top1, "val/top5": min(1.0, top1 + 0.2)}
        metrics["gap/top1"] = train - top1
        self.event("eval", split="val", epoch=number, step=self.step, metrics=metrics, predictions=None, unreadable=0)
        self.log(f"epoch {number}: val/top1 {top1:.3f}, train/top1 {train:.3f}")

    def end(self, status: str, *, exit_code: int = 0, message: str = "") -> None:
        """Append the end event."""
        self.event("end", status=status, exit_code=exit_code, message=message, epoch=1, step=self.step)

    def log(self, text: str) -> None:
        """Append a line to the job's log."""
        with self.files.log(self.job).open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def predictions(self, epoch: int, *, mixed: bool, samples: int = 40) -> None:
        """Write per-sample scores; `mixed` takes each motion for its reverse half of the time."""
        rng = np.random.default_rng(7)
        targets = np.repeat(np.arange(len(CLASSES)), samples)
        scores = rng.normal(0, 1.0, size=(len(targets), 1, len(CLASSES)))
        scores[np.arange(len(targets)), 0, targets] += 5.0
        if mixed:
            scores[np.arange(len(targets)), 0, targets ^ 1] += 5.0
        self.files.predictions.mkdir(exist_ok=True)
        meta = {"contract": 1, "split": "val", "epoch": epoch, "step": self.step, "views": 1}
        np.savez(
            self.files.prediction_file("val", epoch),
            ids=np.array([f"v_{index:04d}" for index in range(len(targets))]),
            groups=np.array([f"g{index % 25 + 1:02d}" for index in range(len(targets))]),
            targets=targets.astype(np.int64),
            scores=scores.astype(np.float16),
            classes=np.array(CLASSES),
            meta=np.array(json.dumps({**meta, "aggregation": "softmax-mean", "level": "clip", "data": "motions"})),
        )


def new_run(
    workspace: Workspace,
    number: int,
    name: str,
    *,
    age: float = 3600.0,
    model: str | None = "r3d_tiny",
    config: Mapping[str, object] | None = None,
    **fields: object,
) -> Written:
    """Write run.yaml and config.yaml of a run whose job arctl submitted `age` seconds ago."""
    created = time.time() - age
    files = RunDir(workspace.runs / directory_name(number))
    files.path.mkdir(parents=True)
    job = str(9000 + number)
    about: dict[str, object] = {
        "contract": 1,
        "number": number,
        "token": f"arctl-{secrets.token_hex(6)}",
        "name": name,
        "created": created,
        "model": model,
        "data": "motions",
        "preset": None,
        "tags": [],
        "note": "",
        "group": None,
        "sweep": None,
        "template": "single",
        "values": {},
        "command": ["python", "-m", "trainer", "--run-dir", str(files.path)],
        "cluster": "local",
        "rerun_of": None,
        "submission": "submitted",
        "jobs": [{"cluster": "local", "id": job, "submitted": created}],
        "cancelled": None,
    }
    files.run_yaml.write_text(yaml.safe_dump({**about, **fields}, sort_keys=False), encoding="utf-8")
    settings = {
        "model": {"name": model, "dropout": 0.2},
        "data": {"name": "motions", "frames": 16, "batch_size": 16},
        "optim": {"name": "adamw", "lr": 0.001},
        "train": {"epochs": 12, "precision": "bf16", "seed": 0},
        **(config or {}),
    }
    files.config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return Written(files, number, job, created + 5)


def submitted(workspace: Workspace, number: int, name: str) -> Written:
    """Enter a run that comes later: into the registry first, then on disk, as a submit does."""
    given = write.new_run(
        workspace.db,
        name=name,
        token=f"arctl-{secrets.token_hex(6)}",
        created=time.time(),
        cluster="local",
        template="single",
        model="r3d_tiny",
    )
    assert given == number
    run = new_run(workspace, number, name, age=0)
    write.record_job(workspace.db, number, cluster="local", job_id=run.job, submitted=time.time())
    return run


def curve(epoch: int, *, top: float, speed: float = 3.0) -> float:
    """Return an accuracy that rises to `top`."""
    wobble = 0.015 * math.sin(epoch * 2.3)
    return max(0.0, min(1.0, 0.125 + (top - 0.125) * (1 - math.exp(-epoch / speed)) + wobble))


def learned(run: Written, *, epochs: int, of: int, top: float, gap: float = 0.04) -> None:
    """Write `epochs` epochs out of `of`."""
    run.start(of)
    run.log(f"run {run.number}: training on cpu, {of} epochs")
    for epoch in range(1, epochs + 1):
        run.epoch(epoch, top1=curve(epoch, top=top), gap=gap)


def small(root: Path) -> Workspace:
    """Four runs: two that can be compared, one failed, one that trains."""
    workspace = init_workspace(root)
    frame = new_run(workspace, 1, "frame_tiny", model="frame_tiny", age=7200, tags=["base"])
    learned(frame, epochs=12, of=12, top=0.5, gap=0.12)
    frame.predictions(12, mixed=True)
    frame.end("completed")
    solid = new_run(workspace, 2, "r3d_tiny", age=5400, tags=["base", "best"], note="the one to beat")
    learned(solid, epochs=12, of=12, top=0.97)
    solid.predictions(12, mixed=False)
    solid.end("completed")
    failed = new_run(workspace, 3, "r3d_tiny-lr1", age=4000, config={"optim": {"name": "adamw", "lr": 1.0}})
    learned(failed, epochs=1, of=12, top=0.2)
    failed.log("Traceback (most recent call last):")
    failed.log("ValueError: loss is NaN at step 31")
    failed.end("failed", exit_code=1, message="loss is NaN at step 31: lower optim.lr")
    live = new_run(workspace, 4, "r3d_tiny-aug", age=600)
    learned(live, epochs=5, of=50, top=0.8)
    rebuild(workspace)
    return workspace


def many(root: Path) -> Workspace:
    """A workspace as after a week of work, for pictures."""
    workspace = small(root)
    names = ("i3d_r50-ft", "videomae_b-ft", "r3d18-scratch", "r3d18-k400", "frame_r50", "r3d_tiny-wd", "r3d_tiny-ls")
    for place, name in enumerate(names):
        run = new_run(workspace, 5 + place, name, age=86400 - 9000 * place, model=name.split("-")[0])
        learned(run, epochs=20, of=20, top=0.6 + 0.05 * place, gap=0.02 * place)
        run.end("completed")
    live = new_run(workspace, 12, "videomae_b-long", age=1500, model="videomae_b", tags=["paper"])
    learned(live, epochs=31, of=100, top=0.91)
    new_run(workspace, 13, "r3d18-queue", age=90, model="r3d18")
    rebuild(workspace)
    return workspace


def hostile(root: Path) -> Workspace:
    """Names, tags, notes, logs and configurations that try to command the terminal or break markup."""
    workspace = init_workspace(root)
    for number, poison in enumerate(POISON, start=1):
        run = new_run(workspace, number, f"bad{number}{poison}", model=f"m{poison}", tags=[f"t{poison}"], note=poison)
        run.start(2)
        run.epoch(1, top1=0.5)
        run.log(poison)
        run.log("fine")
        run.files.config.write_text(f"model:\n  name: x{poison}\n", encoding="utf-8")
        run.end("failed", exit_code=1, message=f"why{poison}")
    rebuild(workspace)
    return workspace


POISON = (
    "\x1b]52;c;cG9pc29u\x07",
    "\x1b]0;stolen title\x1b\\",
    "\x1b[2J\x1b[?1049l",
    "\x9d52;c;cG9pc29u\x9c",
    "\x9b31mred",
    "[@click=app.bell]x[/]",
    "[/] [/bold] [@click=nope(]",
    "[link=javascript:alert(1)]y",
    "\u202eevil\u202c\u200b",
    "名前" * 60,
)
"""What files may hold that a terminal must not see, or that markup would choke on."""
