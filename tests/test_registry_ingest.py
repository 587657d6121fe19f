"""Events into points, summaries and headlines: idempotent, stitched, bounded, in one transaction with the offset."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from arctl.registry import ingest, read, write
from arctl.registry.connect import open_write, transaction
from arctl.registry.ingest import NAMES_LIMIT, AttemptNews, NewPoint
from arctl.registry.rows import JobRow, MetricSummary, best, json_number, lower_is_better, pack, unpack
from arctl.registry.settle import FORGOTTEN_S, GRACE_S, TRAIL_S, settle
from arctl.states import State

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    write.new_run(path, name="a", token="arctl-1", created=1.0, cluster="slurm", template="single")
    write.record_job(path, 1, cluster="slurm", job_id="77", submitted=2.0)
    return path


def news(since: int = 0, read_to: int = 10, *, attempt: str = "77.0", **said: object) -> AttemptNews:
    return AttemptNews(1, attempt, since, read_to, 5, read_to, **said)  # type: ignore[arg-type]


def point(step: int, value: float, *, metric: str = "val/top1", epoch: float | None = None) -> NewPoint:
    return NewPoint(metric, step, float(step) if epoch is None else epoch, 100.0 + step, value)


def store(db: Path, *items: AttemptNews, now: float = 1000.0) -> list[bool]:
    with transaction(db) as connection:
        done = [ingest.store_news(connection, item) for item in items]
        settle(connection, 1, now=now)
    return done


def steps(db: Path, metric: str = "val/top1") -> list[tuple[int, float, int]]:
    return [(found.step, found.value, found.attempt) for found in read.curve(db, 1, metric)]


def row(db: Path):  # type: ignore[no-untyped-def]
    return read.run(db, 1)


def job(state: State, at: float, **more: object) -> JobRow:
    return JobRow(1, "slurm", "77", 2.0, state, "squeue", at, **more)  # type: ignore[arg-type]


def hear(db: Path, *jobs: JobRow, now: float = 1000.0) -> bool:
    with transaction(db) as connection:
        for heard in jobs:
            ingest.store_job(connection, heard)
        return settle(connection, 1, now=now)


def test_points_and_summaries(db: Path) -> None:
    store(db, news(points=[point(1, 0.2), point(3, 0.9), point(2, 0.5), point(1, 3.0, metric="val/loss")]))
    assert steps(db) == [(1, 0.2, 1), (2, 0.5, 1), (3, 0.9, 1)]
    store(db, news(10, 20, points=[point(4, 0.4)], epoch=4.0, step=4, epochs=9))
    found = row(db)
    assert found.metrics["val/top1"] == MetricSummary("val/top1", 0.4, 4, 4.0, 0.2, 0.9, 1.0, 3.0)
    assert (found.metrics["val/top1"].best, found.metrics["val/top1"].best_epoch) == (0.9, 3.0)
    assert best(found.metrics["val/loss"], "val/loss") == (3.0, 1.0)
    assert (found.epoch, found.step, found.epochs, found.attempts) == (4.0, 4, 9, 1)
    assert read.metric_names(db, [1]) == ["val/loss", "val/top1"]
    assert read.runs(db, metrics=())[0].metrics == {}
    assert list(read.runs(db, metrics=["val/loss", "x/y"])[0].metrics) == ["val/loss"]
    assert read.sparkline(db, [1, 2], "val/top1", 2) == {1: [0.2, 0.4]}


def test_lines_are_stored_once_whoever_reads_them(db: Path) -> None:
    first, second = news(points=[point(1, 0.1)]), news(10, 20, points=[point(2, 0.2)], damaged=1)
    assert store(db, first, first, second, second, first) == [True, False, True, False, False]
    assert steps(db) == [(1, 0.1, 1), (2, 0.2, 1)]
    assert row(db).damaged == 1
    assert read.offsets(db, 1)["77.0"][:3] == (20, 5, 20)


def test_offset_and_rows_are_stored_together_or_not_at_all(db: Path) -> None:
    with pytest.raises(ZeroDivisionError), transaction(db) as connection:
        ingest.store_news(connection, news(points=[point(1, 0.1)]))
        raise ZeroDivisionError
    assert steps(db) == [] and read.offsets(db, 1) == {}


def test_a_later_attempt_wins_from_where_it_went_on(db: Path) -> None:
    store(db, news(points=[point(step, step / 10) for step in (1, 2, 3, 4, 5)], begins=True))
    assert row(db).metrics["val/top1"].max == 0.5
    later = news(attempt="77.1", points=[point(3, 0.31), point(4, 0.05)], begins=True, resumed_step=2)
    store(db, later)
    assert steps(db) == [(1, 0.1, 1), (2, 0.2, 1), (3, 0.31, 2), (4, 0.05, 2)]
    assert row(db).metrics["val/top1"] == MetricSummary("val/top1", 0.05, 4, 4.0, 0.05, 0.31, 4.0, 3.0)
    store(db, news(10, 20, points=[point(6, 0.99)]))
    assert steps(db)[-1] == (4, 0.05, 2), "what the superseded attempt still writes does not count"
    assert row(db).metrics["val/top1"].max == 0.31
    store(db, news(10, 20, attempt="77.1", points=[point(5, 0.4)]))
    assert (row(db).metrics["val/top1"].last, row(db).metrics["val/top1"].max) == (0.4, 0.4)


def test_an_attempt_that_begins_anew_hides_the_earlier_one_and_keeps_its_points(db: Path) -> None:
    store(db, news(points=[point(1, 0.1), point(2, 0.9)], begins=True))
    store(db, news(attempt="77.1", points=[point(1, 0.2)], begins=True, resumed_step=None))
    assert steps(db) == [(1, 0.2, 2)]
    connection = open_write(db)
    assert connection.execute("SELECT count(*) FROM points").fetchone()[0] == 3
    connection.close()


def test_of_three_attempts_each_step_is_the_latest_ones(db: Path) -> None:
    store(db, news(points=[point(step, 1.0) for step in range(1, 10)], begins=True))
    store(db, news(attempt="77.1", points=[point(step, 2.0) for step in range(7, 12)], begins=True, resumed_step=6))
    store(db, news(attempt="77.2", points=[point(step, 3.0) for step in range(5, 8)], begins=True, resumed_step=4))
    assert [attempt for _, _, attempt in steps(db)] == [1, 1, 1, 1, 3, 3, 3]


def test_nan_and_infinity_are_kept(db: Path) -> None:
    values = [0.5, math.nan, math.inf, -math.inf, 0.25, math.nan]
    store(db, news(points=[point(step, value) for step, value in enumerate(values)]))
    found = [value for _, value, _ in steps(db)]
    assert [math.isnan(value) for value in found] == [math.isnan(value) for value in values]
    assert found[2:4] == [math.inf, -math.inf]
    summary = row(db).metrics["val/top1"]
    assert math.isnan(summary.last) and (summary.min, summary.max) == (0.25, 0.5)
    assert [json_number(value) for value in (*found[1:4], 0.5, None)] == ["NaN", "Infinity", "-Infinity", 0.5, None]
    store(db, news(10, 20, points=[point(1, math.nan, metric="a/b")]))
    assert row(db).metrics["a/b"].min is None and row(db).metrics["a/b"].best_epoch is None


def test_too_many_metric_names_are_counted_and_left_out(db: Path) -> None:
    many = [point(1, 1.0, metric=f"a/m{place:05}") for place in range(NAMES_LIMIT + 30)]
    store(db, news(points=many[: NAMES_LIMIT - 1]))
    store(db, news(10, 20, points=[*many[NAMES_LIMIT - 1 :], point(2, 2.0, metric="a/m00000")]))
    assert len(row(db).metrics) == NAMES_LIMIT and row(db).dropped == 30
    assert row(db).metrics["a/m00000"].last == 2.0


def test_packing_is_exact() -> None:
    chance = random.Random(0)
    found = {
        name: MetricSummary(name, chance.random(), chance.randrange(2**50), chance.random(), 0.1, 1e300, 0.0, 1e-300)
        for name in ("a/b", "c/d")
    }
    packed = pack(found.values(), {"a/b": 1, "c/d": 2})
    assert len(packed) == 120
    assert unpack(packed, {1: "a/b", 2: "c/d"}) == found
    assert unpack(packed, {2: "c/d"}) == {"c/d": found["c/d"]}


def test_direction() -> None:
    lower = [
        "step/loss",
        "train/loss",
        "val/loss",
        "gap/top1",
        "gap/loss",
        "perf/data_wait",
        "optim/skipped",
        "sys/rss",
    ]
    higher = ["val/top1", "val/top5", "perf/clips_per_s", "optim/loss_scale", "my/score"]
    assert [lower_is_better(name) for name in lower + higher] == [True] * len(lower) + [False] * len(higher)


def test_the_newer_word_of_a_scheduler_counts(db: Path) -> None:
    hear(db, job(State.RUNNING, 50.0, node="n1"), job(State.PENDING, 40.0))
    assert (row(db).state, row(db).node, row(db).heard) == (State.RUNNING, "n1", 50.0)
    hear(db, job(State.PENDING, 60.0, reason="BeginTime\x1b[2J"))
    assert (row(db).state, row(db).reason) == (State.PENDING, "BeginTime")


def test_a_failure_asks_for_its_reason_until_it_has_one(db: Path) -> None:
    assert hear(db, job(State.FAILED, 50.0, exit_code=3, ended=49.0))
    with transaction(db) as connection:
        ingest.set_message(connection, 1, "No space left on device")
        ingest.set_message(connection, 1, "later")
        assert not settle(connection, 1, now=60.0)
    found = row(db)
    assert (found.state, found.message, found.exit_code, found.ended) == (
        State.FAILED, "No space left on device", 3, 49.0,
    )  # fmt: skip
    store(db, news(status="failed", message="CUDA out of memory", ended=48.0))
    assert row(db).message == "CUDA out of memory"


def test_a_trailing_end_record_is_waited_for_and_then_missed(db: Path) -> None:
    assert not hear(db, job(State.COMPLETED, 1000.0, ended=1000.0), now=1001.0)
    assert row(db).state is State.RUNNING
    assert hear(db, now=1001.0 + TRAIL_S)
    assert row(db).state is State.FAILED
    store(db, news(status="completed", ended=999.0), now=1010.0 + TRAIL_S)
    assert (row(db).state, row(db).message) == (State.COMPLETED, None)


def test_files_are_watched_until_the_end_record_or_the_grace(db: Path) -> None:
    hear(db, job(State.FAILED, 1000.0, ended=1000.0, started=10.0), now=1001.0)
    assert [run.number for run in read.watched(db)] == [1]
    hear(db, now=1001.0 + GRACE_S)
    assert read.watched(db) == []
    hear(db, job(State.RUNNING, 2000.0), now=2001.0)
    assert [run.number for run in read.watched(db)] == [1]
    store(db, news(status="completed", ended=999.0))
    hear(db, job(State.COMPLETED, 2002.0, ended=2002.0), now=2003.0)
    assert read.watched(db) == [] and row(db).state is State.COMPLETED


def test_a_forgotten_job_ends_by_the_trainers_own_word(db: Path) -> None:
    store(db, news(status="completed", ended=999.0))
    hear(db, job(State.RUNNING, 1000.0), now=1000.0 + FORGOTTEN_S - 1)
    assert row(db).state is State.RUNNING
    hear(db, now=1000.0 + FORGOTTEN_S + 1)
    assert row(db).state is State.COMPLETED


def test_forgetting_is_refused_where_another_process_has_read_on(db: Path) -> None:
    store(db, news(points=[point(1, 0.1)]))
    seen = read.offsets(db, 1)
    store(db, news(10, 20, points=[point(2, 0.2)]))
    with transaction(db) as connection:
        assert not ingest.forget(connection, 1, seen=seen)
        assert ingest.forget(connection, 1, seen=read.offsets(db, 1))
    assert steps(db) == [] and read.offsets(db, 1) == {}


def test_asking_is_shared_between_processes(db: Path) -> None:
    with transaction(db) as connection:
        assert ingest.start_poll(connection, "slurm", at=100.0, least_s=30.0)
        assert not ingest.start_poll(connection, "slurm", at=120.0, least_s=30.0)
        assert ingest.start_poll(connection, "slurm", at=131.0, least_s=30.0)
        ingest.end_poll(connection, "slurm", at=132.0, error=None)
        ingest.end_poll(connection, "slurm", at=140.0, error="gone")
    assert read.polled(db, "slurm") == (131.0, 132.0, "gone")


def _ingest_all(db: Path, values: list[float]) -> None:
    """Store ten points at a time from wherever the registry stands, as syncs do."""
    while (offset := read.offsets(db, 1)["77.0"].offset if read.offsets(db, 1) else 0) < len(values):
        points = [point(step, values[step]) for step in range(offset, min(offset + 10, len(values)))]
        with transaction(db) as connection:
            ingest.store_news(connection, news(offset, offset + len(points), points=points, damaged=1))
            settle(connection, 1, now=0.0)


def test_killed_and_concurrent_ingest_ends_like_one_undisturbed(db: Path) -> None:
    chance = random.Random(1)
    values = [chance.random() for _ in range(1500)]
    for turn in range(6):
        workers = [FORK.Process(target=_ingest_all, args=(db, values)) for _ in range(3)]
        for worker in workers:
            worker.start()
        time.sleep(0.05 + 0.02 * turn)
        for worker in workers:
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
        offset = read.offsets(db, 1)["77.0"].offset if read.offsets(db, 1) else 0
        assert [value for _, value, _ in steps(db)] == values[:offset]
    _ingest_all(db, values)
    assert [value for _, value, _ in steps(db)] == values
    assert (row(db).damaged, row(db).metrics["val/top1"].max) == (150, max(values))
    connection = sqlite3.connect(db)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
