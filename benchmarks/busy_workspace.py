"""A workspace as a busy lab has it: 10,000 runs that ended and 50 that train, which a stand-in for squeue knows."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from arctl.registry import ingest, write
from arctl.registry.connect import transaction
from arctl.registry.rows import JobRow
from arctl.registry.settle import settle
from arctl.rundir import RunDir
from arctl.settings import Workspace, find_workspace, init_workspace
from arctl.states import State
from benchmarks.registry_size import news, waiting
from benchmarks.sync_speed import stand_in

RUNS = 10_000
LIVE = 50
FIVE = ("step/loss", "optim/lr", "optim/grad_norm", "perf/clips_per_s", "perf/data_wait")
"""What the trainer writes at each step."""

_written: dict[int, int] = {}
"""Steps of each live run so far."""


@contextmanager
def busy(directory: Path, live: int = LIVE) -> Iterator[Workspace]:
    """Make the workspace with so many live runs, and a squeue of its own on PATH."""
    root = directory / "study"
    init_workspace(root)
    (root / "arctl.yaml").write_text("cluster: slurm\n", encoding="utf-8")
    workspace = find_workspace(root)
    numbers = range(RUNS + 1, RUNS + live + 1)
    now = time.time()
    jobs = [JobRow(number, "slurm", str(1000 + number), now - 60) for number in numbers]
    write.restore(workspace.db, waiting(RUNS + live), jobs)
    _end(workspace.db)
    for number in numbers:
        RunDir(workspace.run_dir(number)).events(f"{1000 + number}.0").parent.mkdir(parents=True)
        (workspace.run_dir(number) / "run.yaml").touch()
        append(workspace, number, 0)
    with stand_in(directory, numbers):
        yield workspace


def append(workspace: Workspace, number: int, count: int) -> int:
    """Write `count` further steps of a run as the trainer writes them, and each 50th an evaluation; return how many."""
    name, done = f"{1000 + number}.0", _written.get(number, 0)
    lines: list[dict[str, object]] = []
    if done == 0:
        lines.append({"kind": "start", "contract": 1, "attempt": name, "host": "gpu1", "pid": 1, "epochs": 50})
        done = 1
    for _ in range(count):
        done += 1
        step = done
        values = {metric: (step * 7919 % 10_007) / 10_007 * (place + 1) for place, metric in enumerate(FIVE)}
        lines.append({"kind": "step", "step": step, "epoch": step / 54, "metrics": values})
        if step % 50 == 0:
            scores = {"val/top1": 0.2 + 0.6 * (step % 997) / 997, "val/loss": 1.5}
            lines.append({"kind": "eval", "split": "val", "epoch": step // 50, "step": step, "metrics": scores})
    path = RunDir(workspace.run_dir(number)).events(name)
    first = path.read_bytes().count(b'"seq"') if path.exists() and number not in _seq else _seq.get(number, 0)
    with path.open("a", encoding="utf-8") as file:
        for place, line in enumerate(lines):
            file.write(json.dumps({"seq": first + place, "t": time.time(), **line}, separators=(",", ":")) + "\n")
    _seq[number] = first + len(lines)
    _written[number] = done
    return done


_seq: dict[int, int] = {}


def _end(db: Path) -> None:
    chance = random.Random(0)
    ended = JobRow(
        0, "slurm", "", 1e9, state=State.COMPLETED, source="sacct", asked_at=1e9 + 90, exit_code=0, ended=1e9 + 80
    )
    for first in range(1, RUNS + 1, 500):
        with transaction(db) as connection:
            for number in range(first, first + 500):
                said = replace(news(number, 1, 3, chance), begins=True, epochs=2, epoch=2.0, last_event=1e9 + 79)
                ingest.store_news(connection, replace(said, status="completed", ended=1e9 + 79, exit_code=0))
                ingest.store_job(connection, replace(ended, run=number, job_id=str(number)))
                settle(connection, number, now=1e9 + 100_000)
