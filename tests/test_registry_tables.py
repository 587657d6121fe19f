"""The schema has one source: what the SQLModel classes make is what the plain SQL of the other modules uses."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from sqlmodel import SQLModel

from arctl.registry import ingest, read, rows, runrows, settle, tables, write
from arctl.registry.connect import open_write

MODULES = (read, ingest, settle, write)


def columns(db: Path) -> dict[str, list[str]]:
    connection = sqlite3.connect(db)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in names}
    connection.close()
    return found


def test_a_new_registry_has_exactly_the_tables_of_the_classes(tmp_path: Path) -> None:
    open_write(tmp_path / "runs.db").close()
    classes = {name: [column.name for column in table.columns] for name, table in SQLModel.metadata.tables.items()}
    assert columns(tmp_path / "runs.db") == classes


def test_the_ddl_is_what_sqlalchemy_itself_would_create(tmp_path: Path) -> None:
    from sqlalchemy import create_engine

    by_us, by_them = sqlite3.connect(":memory:"), tmp_path / "theirs.db"
    for statement in tables.statements():
        by_us.execute(statement)
    engine = create_engine(f"sqlite:///{by_them}")
    SQLModel.metadata.create_all(engine)
    engine.dispose()
    theirs = sqlite3.connect(by_them)
    query = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
    ours = [(name, " ".join(sql.split())) for name, sql in by_us.execute(query)]
    assert ours == [(name, " ".join(sql.split())) for name, sql in theirs.execute(query)]
    assert len(ours) >= 9
    by_us.close()
    theirs.close()


def test_every_statement_of_the_plain_modules_prepares_against_it(tmp_path: Path) -> None:
    connection = open_write(tmp_path / "runs.db")
    checked = 0
    for module in MODULES:
        source = Path(module.__file__).read_text()
        for text in re.findall(r'"((?:SELECT|INSERT|UPDATE|DELETE) [^"{}]*)"(?!\s*f?")', source):
            if not text.endswith((" ", "(")):
                connection.execute("EXPLAIN " + text, [None] * _parameters(text))
                checked += 1
    connection.close()
    assert checked >= 15


def _parameters(text: str) -> int:
    numbered = [int(digit) for digit in re.findall(r"\?(\d)", text)]
    return max(numbered) if numbered else text.count("?")


def test_rows_and_columns_have_the_same_order() -> None:
    def names(text: str) -> list[str]:
        return [re.sub(r"^(.* AS |jobs\.)", "", part.strip()) for part in text.split(",")]

    renamed = {"group_name": "group"}
    assert [renamed.get(name, name) for name in names(runrows.RUN)] == list(rows.RunRow.__dataclass_fields__)
    assert names(read._JOB) == list(rows.JobRow.__dataclass_fields__)
    assert names(read._ATTEMPT) == list(rows.AttemptRow.__dataclass_fields__)


def test_points_are_clustered_and_lists_use_indices(tmp_path: Path) -> None:
    connection = open_write(tmp_path / "runs.db")

    def plan(query: str) -> str:
        return " ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + query))

    points = plan("SELECT value FROM points WHERE run = 1 AND metric = 2 ORDER BY attempt, step")
    assert "USING PRIMARY KEY (run=? AND metric=?)" in points and "TEMP B-TREE" not in points
    assert "TEMP B-TREE" not in plan("SELECT * FROM runs ORDER BY number DESC LIMIT 30")
    assert "USING INDEX runs_watched" in plan("SELECT number FROM runs WHERE watched = 1 ORDER BY number")
    sql = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'points'").fetchone()[0]
    assert sql.rstrip().endswith("WITHOUT ROWID")
    connection.close()
