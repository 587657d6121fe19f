"""The list that is kept up to date: what it gives is what a whole reading gives, and what has not changed stays."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest

from arctl.registry import ingest, read, write
from arctl.registry.connect import transaction
from arctl.registry.ingest import AttemptNews, NewPoint
from arctl.registry.listing import RunList
from arctl.registry.rows import JobRow
from arctl.registry.settle import settle
from arctl.states import State
from benchmarks.registry_size import waiting

FORK = multiprocessing.get_context("fork")
METRICS = ("val/top1",)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    write.restore(path, waiting(30), [])
    return path


def news(number: int, at: int, value: float) -> AttemptNews:
    points = [NewPoint(name, at + 1, float(at), 5.0 + at, value) for name in ("val/top1", "train/loss")]
    return AttemptNews(number, "7.0", at, at + 1, 1, at, points=points, step=at + 1, last_event=5.0 + at)


def store(db: Path, number: int, at: int, value: float) -> None:
    with transaction(db) as connection:
        assert ingest.store_news(connection, news(number, at, value))
        settle(connection, number, now=10.0)


def test_it_gives_what_a_whole_reading_gives_newest_first(db: Path) -> None:
    store(db, 7, 0, 0.5)
    runs = RunList(db, metrics=METRICS)
    assert runs.newest(3) == read.runs(db, metrics=METRICS, limit=3)
    found = runs.refresh()
    assert list(found.rows) == read.runs(db, metrics=METRICS) and found.changed == frozenset(range(1, 31))
    assert [row.number for row in found.rows] == list(range(30, 0, -1))
    assert dict(found.rows[30 - 7].metrics) == {"val/top1": read.runs(db, numbers=[7])[0].metrics["val/top1"]}


def test_without_news_it_is_the_same_list(db: Path) -> None:
    runs = RunList(db)
    first, again = runs.refresh(), runs.refresh()
    assert again.rows is first.rows and again.changed == frozenset()


CHANGES: dict[str, Callable[[Path], object]] = {
    "values": lambda db: store(db, 5, 0, 0.25),
    "a tag": lambda db: write.tag(db, 5, add=["good"]),
    "a tag that goes": lambda db: write.tag(db, 5, remove=["a"]),
    "a note": lambda db: write.note(db, 5, "look at this"),
    "cancelling": lambda db: write.set_cancelled(db, 5, 12.0),
    "a job": lambda db: write.record_job(db, 5, cluster="slurm", job_id="9", submitted=3.0),
    "a refusal": lambda db: write.set_submission(db, 5, "refused", "no such partition"),
    "a further job": lambda db: write.begin_again(
        db, 5, token="arctl-f", at=9.0, submitter="h:1", gpus=4, limit_s=60.0
    ),
    "a size": lambda db: within(db, lambda c: ingest.store_size(c, 5, gpus=8, limit_s=None)),
    "a message": lambda db: within(db, lambda c: ingest.set_message(c, 5, "it died")),
    "the scheduler": lambda db: within(
        db,
        lambda c: store_job(c, JobRow(5, "slurm", "9", 3.0, State.FAILED, "sacct", 20.0)),
    ),
}


def store_job(connection: Connection, job: JobRow) -> None:
    ingest.store_job(connection, job)
    settle(connection, job.run, now=30.0)


def within(db: Path, change: Callable[[Connection], None]) -> None:
    with transaction(db) as connection:
        change(connection)


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_of_a_run_shows_and_no_other_run_is_read_again(db: Path, change: str) -> None:
    runs = RunList(db, metrics=METRICS)
    before = runs.refresh().rows
    CHANGES[change](db)
    found = runs.refresh()
    assert found.changed == {5} and list(found.rows) == read.runs(db, metrics=METRICS)
    assert [new.number for old, new in zip(before, found.rows, strict=True) if new is not old] == [5]


def test_what_is_written_but_not_changed_is_no_news(db: Path) -> None:
    runs = RunList(db)
    before = runs.refresh()
    write.note(db, 5, "")
    after = runs.refresh()
    assert after.changed == frozenset() and after.rows is before.rows


def test_new_runs_come_first(db: Path) -> None:
    runs = RunList(db)
    before = runs.refresh().rows
    number = write.new_run(db, name="n", token="arctl-n", created=5.0, cluster="local", template="single")
    found = runs.refresh()
    assert found.changed == {number} and found.rows[0].number == number and found.rows[1] is before[0]


def test_an_evaluation_goes_when_it_is_complete(db: Path) -> None:
    told: dict[str, Any] = {"created": 5.0, "cluster": "local", "template": "single", "evaluates": 3}
    number = write.new_run(db, name="e", token="arctl-e", **told)
    some, every = RunList(db), RunList(db, evaluated=True)
    assert some.refresh().rows[0].number == every.refresh().rows[0].number == number
    done = AttemptNews(number, "7.0", 0, 9, 1, 0, status="completed", ended=6.0, last_event=6.0)
    with transaction(db) as connection:
        ingest.set_submission(connection, number, "submitted")
        assert ingest.store_news(connection, done)
        settle(connection, number, now=7.0)
    found = some.refresh()
    assert (
        found.changed == {number}
        and found.rows[0].number == 30
        and list(found.rows) == read.runs(db, metrics=(), evaluated=False)
    )
    assert every.refresh().rows[0].state is State.COMPLETED
    write.note(db, number, "still out")
    assert some.refresh().changed == frozenset()


def test_a_registry_that_was_made_anew_is_read_anew(db: Path, tmp_path: Path) -> None:
    runs = RunList(db)
    before = runs.refresh().rows
    other = tmp_path / "other" / "runs.db"
    other.parent.mkdir()
    write.restore(other, waiting(29), [])
    write.note(other, 4, "of the new one")
    other.replace(db)
    found = runs.refresh()
    assert found.changed == {30, 4} and len(found.rows) == 29
    assert sum(new is old for old, new in zip(before[1:], found.rows, strict=True)) == 28


def test_without_a_registry_there_are_no_runs(tmp_path: Path) -> None:
    runs = RunList(tmp_path / "runs.db")
    assert runs.newest(5) == [] and runs.refresh().rows == ()
    write.restore(tmp_path / "runs.db", waiting(2), [])
    assert len(runs.refresh().rows) == 2


def _write(db: Path, until: float) -> None:
    at = 0
    while time.time() < until:
        for number in (1, 2):
            store(db, number, at, at / 2)
        at += 1


def test_reading_goes_on_while_another_process_writes(db: Path) -> None:
    writer = FORK.Process(target=_write, args=(db, time.time() + 1.5))
    writer.start()
    runs, looks, changes = RunList(db, metrics=METRICS), 0, 0
    while writer.is_alive():
        changes += bool(runs.refresh().changed)
        looks += 1
    writer.join(10)
    assert writer.exitcode == 0 and looks >= 5 and changes >= 3
    assert list(runs.refresh().rows) == read.runs(db, metrics=METRICS)


def test_fifty_changes_among_two_thousand_cost_less_than_reading_all(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    write.restore(db, waiting(2000), [])
    runs = RunList(db)
    began = time.process_time()
    runs.refresh()
    whole = time.process_time() - began
    with transaction(db) as connection:
        for number in range(1, 51):
            ingest.store_size(connection, number, gpus=1, limit_s=None)
    began = time.process_time()
    found = runs.refresh()
    assert len(found.changed) == 50 and time.process_time() - began < whole / 3
