"""Sync at size: a thousand live runs that all have news, one long run from nothing, and what a look without news costs.

The lines are those of the trainer, in real files; the registry is a real file; a stand-in for squeue prints a line for
each job. Medians of several rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from arctl.clusters import calls
from arctl.registry import write
from arctl.registry.rows import JobRow
from arctl.rundir import RunDir
from arctl.settings import Settings, SlurmSettings, Workspace
from arctl.sync import sync
from benchmarks.registry_size import waiting
from benchmarks.timing import table

RUNS = 1_000
EVENTS = 100
ROUNDS = 5
LOOKS = 50
POINTS = 1_000_000
ONE = ("step/loss",)
FIVE = ("step/loss", "optim/lr", "optim/grad_norm", "perf/clips_per_s", "perf/data_wait")
"""What the trainer writes at each step."""

SQUEUE = """#!/bin/sh
for word; do case $word in --format=*) mark=${word#--format=}; mark=${mark%%%*};; esac; done
sed "s/^/$mark/" "$0.says"
"""


def measure() -> str:
    """Return the table."""
    rows: list[tuple[str, str]] = []
    for names in (ONE, FIVE):
        with tempfile.TemporaryDirectory() as directory, stand_in(Path(directory)):
            rows += live(Path(directory) / "workspace", names)
    with tempfile.TemporaryDirectory() as directory, stand_in(Path(directory)):
        rows += long_run(Path(directory) / "workspace", POINTS)
    return table(["sync, in one process", "time"], [list(row) for row in rows])


def live(root: Path, names: Sequence[str]) -> list[tuple[str, str]]:
    """Measure a thousand live runs, each with a hundred new events of these metrics, and then without news."""
    workspace = place(root, RUNS)
    timed(workspace, 0, force=True)
    news, still = [], []
    for turn in range(ROUNDS):
        for number in range(1, RUNS + 1):
            append(workspace, number, names, turn * EVENTS, EVENTS)
        news.append(timed(workspace, RUNS * EVENTS + (RUNS if turn == 0 else 0), force=True))
    since = time.time()
    for _ in range(LOOKS):
        still.append(timed(workspace, 0))
    asked = len(calls.recent(since=since))
    what = f"{RUNS:,} live runs, {EVENTS} new events each of {len(names)} metric{'s' if len(names) > 1 else ''}"
    return [
        (what, f"{statistics.median(news):.2f} s ({RUNS * EVENTS * len(names):,} points)"),
        ("  a look without news", f"{statistics.median(still) * 1000:.0f} ms"),
        (f"  calls to Slurm in {LOOKS} such looks, {sum(still):.0f} s", f"{asked}"),
    ]


def long_run(root: Path, points: int) -> list[tuple[str, str]]:
    """Measure runs whose files hold `points` values that nobody has read yet."""
    workspace = place(root, 10)
    for number in range(1, 11):
        append(workspace, number, FIVE, 0, points // 10 // len(FIVE))
    seconds = timed(workspace, points // len(FIVE) + 10, force=True)
    return [(f"{points:,} points of 10 runs, from their files", f"{seconds:.1f} s ({points / seconds:,.0f} a second)")]


def timed(workspace: Workspace, events: int, *, force: bool = False) -> float:
    """Sync once; returns seconds. `events` is how many there must be."""
    began = time.perf_counter()
    report = sync(workspace, force=force)
    seconds = time.perf_counter() - began
    assert (report.events, report.damaged, report.troubles, report.scheduler_errors) == (events, 0, (), ()), report
    return seconds


@contextmanager
def stand_in(directory: Path, numbers: range = range(1, RUNS + 1)) -> Iterator[None]:
    """Put a squeue on PATH that knows the jobs of these runs, and let arctl share its answer in this directory."""
    tools = directory / "tools"
    tools.mkdir()
    (tools / "squeue").write_text(SQUEUE, encoding="utf-8")
    (tools / "squeue").chmod(0o755)
    at = "2026-01-01T00:00:00"
    lines = (
        f"{1000 + number}|RUNNING|gpu|{at}|{at}|2-00:00:00|1-00:00:00|4294900000|1|8|64G|gres:gpu:1|normal|lab|"
        f"gpu{number % 40}|(null)|None|r3d18-arctl-{number:012x}\n"
        for number in numbers
    )
    (tools / "squeue.says").write_text("".join(lines), encoding="utf-8")
    before = dict(os.environ)
    os.environ.update(PATH=f"{tools}{os.pathsep}{before['PATH']}", XDG_CACHE_HOME=str(directory / "cache"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def place(root: Path, count: int) -> Workspace:
    """Make a workspace with `count` runs whose jobs are queued."""
    root.mkdir()
    workspace = Workspace(root=root, settings=Settings(slurm=SlurmSettings(min_poll_s=0.0)))
    now = time.time()
    jobs = [JobRow(number, "slurm", str(1000 + number), now - 60) for number in range(1, count + 1)]
    write.restore(workspace.db, waiting(count), jobs)
    for number in range(1, count + 1):
        RunDir(workspace.run_dir(number)).events(f"{1000 + number}.0").parent.mkdir(parents=True)
        (workspace.run_dir(number) / "run.yaml").touch()
    return workspace


def append(workspace: Workspace, number: int, names: Sequence[str], done: int, count: int) -> None:
    """Write `count` steps as the trainer writes them, and a start before the first."""
    name = f"{1000 + number}.0"
    lines: list[dict[str, object]] = []
    if done == 0:
        lines.append({"kind": "start", "contract": 1, "attempt": name, "host": "gpu1", "pid": 1, "epochs": 50})
    for step in range(done + 1, done + count + 1):
        values = {metric: (step * 7919 % 10_007) / 10_007 * (place + 1) for place, metric in enumerate(names)}
        lines.append({"kind": "step", "step": step, "epoch": step / 54, "metrics": values})
    first = 0 if done == 0 else done + 1
    text = "".join(
        "\n" * (place == 0) + json.dumps({"seq": first + place, "t": time.time(), **line}, separators=(",", ":")) + "\n"
        for place, line in enumerate(lines)
    )
    with RunDir(workspace.run_dir(number)).events(name).open("a", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    print(measure())
