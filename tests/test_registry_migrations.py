"""From an older schema: a copy first, all or nothing, from several processes at once."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from arctl.errors import ArctlError
from arctl.registry import read, write
from arctl.registry.connect import open_write
from arctl.registry.migrations import SCHEMA, STEPS, migrate

FORK = multiprocessing.get_context("fork")
NEXT = {2: ["ALTER TABLE runs ADD COLUMN colour TEXT DEFAULT 'blue'"], 3: ["CREATE TABLE extra (x)"]}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    write.new_run(path, name="a", token="arctl-1", created=1.0, cluster="local", template="single")
    return path


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return int(found)


def test_there_is_a_way_to_each_schema_after_the_first() -> None:
    assert sorted(STEPS) == list(range(2, SCHEMA + 1))


def test_steps_are_taken_in_order_and_the_old_registry_is_kept(db: Path) -> None:
    connection = open_write(db)
    copy = migrate(connection, db, steps=NEXT, target=3)
    assert connection.execute("SELECT colour FROM runs").fetchall() == [("blue",)]
    connection.close()
    assert copy is not None and (version(db), version(copy)) == (3, 1)
    assert [row.name for row in read.runs(copy)] == ["a"]


def test_nothing_is_done_where_nothing_is_to_do(db: Path) -> None:
    connection = open_write(db)
    assert migrate(connection, db) is None
    connection.close()
    assert list(db.parent.glob("*.bak*")) == []


@pytest.mark.parametrize("steps", [{2: NEXT[2], 3: ["CREATE TABLE runs (x)"]}, {2: NEXT[2]}])
def test_a_step_that_fails_leaves_the_old_schema(db: Path, steps: dict[int, list[str]]) -> None:
    connection = open_write(db)
    with pytest.raises((ArctlError, sqlite3.Error)):
        migrate(connection, db, steps=steps, target=3)
    connection.close()
    assert version(db) == 1 and [row.name for row in read.runs(db)] == ["a"]


def _migrate(db: Path) -> None:
    connection = open_write(db)
    migrate(connection, db, steps=NEXT, target=3)
    connection.close()


def test_two_processes_migrate_once(db: Path) -> None:
    workers = [FORK.Process(target=_migrate, args=(db,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    # Whoever opens after the first one has finished meets a schema that is newer than this arctl's, and says so.
    assert version(db) == 3
