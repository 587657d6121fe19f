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
ONE, TWO = SCHEMA + 1, SCHEMA + 2
NEXT = {ONE: ["ALTER TABLE runs ADD COLUMN colour TEXT DEFAULT 'blue'"], TWO: ["CREATE TABLE extra (x)"]}
SCHEMAS = Path(__file__).with_name("schemas")


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
    copy = migrate(connection, db, steps=NEXT, target=TWO)
    assert connection.execute("SELECT colour FROM runs").fetchall() == [("blue",)]
    connection.close()
    assert copy is not None and (version(db), version(copy)) == (TWO, SCHEMA)
    assert [row.name for row in read.runs(copy)] == ["a"]


def test_nothing_is_done_where_nothing_is_to_do(db: Path) -> None:
    connection = open_write(db)
    assert migrate(connection, db) is None
    connection.close()
    assert list(db.parent.glob("*.bak*")) == []


@pytest.mark.parametrize("steps", [{ONE: NEXT[ONE], TWO: ["CREATE TABLE runs (x)"]}, {ONE: NEXT[ONE]}])
def test_a_step_that_fails_leaves_the_old_schema(db: Path, steps: dict[int, list[str]]) -> None:
    connection = open_write(db)
    with pytest.raises((ArctlError, sqlite3.Error)):
        migrate(connection, db, steps=steps, target=TWO)
    connection.close()
    assert version(db) == SCHEMA and [row.name for row in read.runs(db)] == ["a"]


def _migrate(db: Path) -> None:
    connection = open_write(db)
    migrate(connection, db, steps=NEXT, target=TWO)
    connection.close()


def test_two_processes_migrate_once(db: Path) -> None:
    workers = [FORK.Process(target=_migrate, args=(db,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    # Whoever opens after the first one has finished meets a schema that is newer than this arctl's, and says so.
    assert version(db) == TWO


@pytest.mark.parametrize("first", range(1, SCHEMA))
def test_a_registry_of_an_earlier_schema_becomes_one_of_this(tmp_path: Path, first: int) -> None:
    old, new = tmp_path / "runs.db", tmp_path / "new.db"
    connection = sqlite3.connect(old)
    connection.executescript((SCHEMAS / f"schema-{first}.sql").read_text())
    connection.execute(
        "INSERT INTO runs (number, token, name, created, cluster, template, note, expects_events, "
        "submission, state, watched, attempts, damaged, dropped) "
        "VALUES (7, 'arctl-7', 'seven', 1.0, 'slurm', 'single', '', 1, 'submitted', 'running', 1, 0, 0, 0)"
    )
    connection.execute("INSERT INTO jobs (run, cluster, job_id, submitted) VALUES (7, 'slurm', '77', 2.0)")
    connection.commit()
    connection.close()
    (row,) = read.runs(old)
    assert (row.name, row.job_id, row.params, row.code, row.once, row.evaluates) == ("seven", *[None] * 5)
    assert (row.gpus, row.limit_s, read.configs(old)) == (None, None, {})
    assert [job.token for job in read.jobs(old, 7)] == [None]
    assert version(old) == SCHEMA and len(list(tmp_path.glob(f"runs.db.bak-v{first}-*"))) == 1
    open_write(new).close()
    assert shape(old) == shape(new)


def shape(db: Path) -> dict[str, object]:
    """Return the columns of each table, and the indexes."""
    connection = sqlite3.connect(db)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found: dict[str, object] = {
        name: [row[1:] for row in connection.execute(f"PRAGMA table_info({name})")] for name in tables
    }
    query = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
    found["indexes"] = [(name, " ".join(sql.split())) for name, sql in connection.execute(query)]
    connection.close()
    return found
