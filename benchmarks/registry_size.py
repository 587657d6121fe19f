"""The registry at size: points in, curves and lists out; medians of several turns in one process."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from arctl.registry import ingest, read, write
from arctl.registry.connect import transaction
from arctl.registry.ingest import AttemptNews, NewPoint
from arctl.registry.listing import RunList
from arctl.registry.rows import JobRow, RunRow
from arctl.registry.settle import settle
from arctl.states import State
from benchmarks.timing import table

METRICS = (
    "step/loss", "optim/lr", "optim/grad_norm", "perf/clips_per_s", "perf/data_wait", "train/loss", "train/top1",
    "val/loss", "val/top1", "gap/top1",
)  # fmt: skip
CHUNK = 20_000
POINTS = 1_000_000
RUNS = 10_000


def measure() -> str:
    """Return the table for a registry of a million points, and for one of ten thousand runs."""
    with tempfile.TemporaryDirectory() as directory:
        rows = [*points(Path(directory) / "points.db", POINTS), *lists(Path(directory) / "list.db", RUNS)]
    return table(["in one process", "time or size"], [list(row) for row in rows])


def points(db: Path, total: int) -> list[tuple[str, str]]:
    """Measure a registry of `total` points in ten runs."""
    chance = random.Random(0)
    write.restore(db, waiting(10), [])
    steps = max(total // 10 // len(METRICS), 1)
    began = time.perf_counter()
    for number in range(1, 11):
        for first in range(1, steps + 1, CHUNK // len(METRICS)):
            last = min(first + CHUNK // len(METRICS), steps + 1)
            with transaction(db) as connection:
                assert ingest.store_news(connection, news(number, first, last, chance))
                settle(connection, number, now=0.0)
    seconds = time.perf_counter() - began
    stored = 10 * steps * len(METRICS)
    one = median(lambda: one_step(db, chance), turns=20)
    return [
        (
            f"{stored:,} points stored, {CHUNK:,} in a transaction",
            f"{seconds:.1f} s ({stored / seconds:,.0f} a second)",
        ),
        (
            "  size of the registry",
            f"{db.stat().st_size / 1e6:.0f} MB ({db.stat().st_size / stored:.0f} bytes a point)",
        ),
        ("  one more step of ten metrics, one transaction", f"{one:.1f} ms"),
        (f"  a curve of {steps:,} points", f"{median(lambda: read.curve(db, 5, 'val/top1')):.1f} ms"),
        ("  sparklines of ten runs", f"{median(lambda: read.sparkline(db, range(1, 11), 'val/top1', 24)):.1f} ms"),
        ("  the ten runs with all summaries", f"{median(lambda: read.runs(db)):.2f} ms"),
    ]


def lists(db: Path, count: int) -> list[tuple[str, str]]:
    """Measure lists of `count` ended runs of ten metrics each."""
    fill(db, count)
    kept = RunList(db, metrics=["val/top1"])
    kept.refresh()
    return [
        (f"{count:,} runs of ten metrics: the newest 30", f"{median(lambda: read.runs(db, limit=30)):.2f} ms"),
        ("  all, with all metrics", f"{median(lambda: read.runs(db)):.0f} ms"),
        ("  all, with one metric", f"{median(lambda: read.runs(db, metrics=['val/top1'])):.0f} ms"),
        ("  all, without metrics", f"{median(lambda: read.runs(db, metrics=())):.0f} ms"),
        ("  a list that is kept, fifty runs changed", f"{median(lambda: changed(db, kept, 50)):.1f} ms"),
        ("  a list that is kept, nothing changed", f"{median(kept.refresh):.2f} ms"),
        ("  one run", f"{median(lambda: read.run(db, count // 2)):.2f} ms"),
        ("  names of all runs", f"{median(lambda: read.names(db)):.1f} ms"),
    ]


def changed(db: Path, kept: RunList, count: int) -> None:
    """Change runs and look at the list again, in one go: a sync and a look."""
    with transaction(db) as connection:
        for number in range(1, count + 1):
            ingest.store_size(connection, number, gpus=1, limit_s=time.time())
    assert len(kept.refresh().changed) == count


def waiting(count: int) -> list[RunRow]:
    """Return runs of which nothing is known yet."""
    empty = dict.fromkeys(("job_id", "epoch", "epochs", "step", "started", "ended", "exit_code", "message", "node"))
    more = dict.fromkeys(("reason", "group", "sweep", "rerun_of"))
    return [
        RunRow(
            number=number, name=f"run-{number}", token=f"arctl-{number:012x}", model="r3d18", data="ucf101",
            preset=None, cluster="slurm", template="single", created=1e9, state=State.PENDING, submission="submitted",
            note="", expects_events=True, tags=("a", "b"), damaged=0, **empty, **more,
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


def fill(db: Path, count: int) -> None:
    """Make runs that have completed, with two epochs of ten metrics each."""
    chance = random.Random(0)
    write.restore(db, waiting(count), [])
    ended = JobRow(
        0, "slurm", "", 1e9, state=State.COMPLETED, source="sacct", asked_at=1e9 + 90, exit_code=0, ended=1e9 + 80
    )
    for first in range(1, count + 1, 500):
        with transaction(db) as connection:
            for number in range(first, min(first + 500, count + 1)):
                said = replace(news(number, 1, 3, chance), begins=True, epochs=2, epoch=2.0, last_event=1e9 + 79)
                ingest.store_news(connection, replace(said, status="completed", ended=1e9 + 79, exit_code=0))
                ingest.store_job(connection, replace(ended, run=number, job_id=str(number)))
                settle(connection, number, now=1e9 + 100_000)


def news(number: int, first: int, last: int, chance: random.Random) -> AttemptNews:
    """Return what the lines of steps `first` to `last` - 1 say; an offset is a step here."""
    values = [
        NewPoint(name, step, step / 100, 1e9 + step, chance.random()) for step in range(first, last) for name in METRICS
    ]
    return AttemptNews(number, "77.0", 0 if first == 1 else first, last, 1, last, points=values, step=last)


def one_step(db: Path, chance: random.Random) -> None:
    """Store one step of one run, as a sync of a live run does."""
    at = read.offsets(db, 5)["77.0"].offset
    with transaction(db) as connection:
        assert ingest.store_news(connection, news(5, at, at + 1, chance))
        settle(connection, 5, now=0.0)


def median(task: Callable[[], object], *, turns: int = 7) -> float:
    """Return the median time of a task after one warm-up, milliseconds."""
    task()
    times = []
    for _ in range(turns):
        began = time.perf_counter()
        task()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)
