"""From an older schema to this one: a copy first, then all steps in one transaction.

The schema's number is SQLite's `user_version`. A step is the SQL that leads to its number from the one before.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from arctl.errors import ArctlError

SCHEMA = 4
"""The schema that this arctl reads and writes (`tables`)."""

STEPS: Mapping[int, Sequence[str]] = {
    2: (
        "ALTER TABLE runs ADD COLUMN params VARCHAR",
        "ALTER TABLE runs ADD COLUMN code VARCHAR",
        "ALTER TABLE runs ADD COLUMN fingerprint VARCHAR",
        "ALTER TABLE runs ADD COLUMN once VARCHAR",
        "ALTER TABLE runs ADD COLUMN submitter VARCHAR",
        "ALTER TABLE runs ADD COLUMN handed FLOAT",
        "ALTER TABLE jobs ADD COLUMN token VARCHAR",
        "CREATE UNIQUE INDEX runs_once ON runs (once) WHERE once IS NOT NULL",
        "CREATE INDEX runs_unsettled ON runs (fingerprint) WHERE submission IN ('submitting', 'unconfirmed')",
    ),
    3: (
        "ALTER TABLE runs ADD COLUMN evaluates INTEGER",
        "CREATE INDEX runs_evaluating ON runs (evaluates) WHERE evaluates IS NOT NULL",
    ),
    4: (
        "ALTER TABLE runs ADD COLUMN gpus INTEGER",
        "ALTER TABLE runs ADD COLUMN limit_s FLOAT",
        "ALTER TABLE runs ADD COLUMN revision INTEGER",
        "CREATE INDEX runs_revision ON runs (revision)",
        (
            "CREATE TABLE configs (run INTEGER NOT NULL, packed VARCHAR NOT NULL, PRIMARY KEY (run), "
            "FOREIGN KEY(run) REFERENCES runs (number))"
        ),
        (
            "CREATE TABLE digests (run INTEGER NOT NULL, metric INTEGER NOT NULL, attempt INTEGER NOT NULL, "
            "last INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, packed BLOB NOT NULL, "
            "PRIMARY KEY (run, metric, attempt, last))"
        ),
        "CREATE TABLE chores (name VARCHAR NOT NULL, below INTEGER NOT NULL, PRIMARY KEY (name))",
        "INSERT INTO chores SELECT 'files', max(number) + 1 FROM runs HAVING max(number) IS NOT NULL",
        "INSERT INTO chores SELECT 'digests', max(number) + 1 FROM runs HAVING max(number) IS NOT NULL",
    ),
}
"""SQL by the number that it leads to; schema 1 is the first."""


def migrate(
    connection: sqlite3.Connection,
    db: Path,
    *,
    steps: Mapping[int, Sequence[str]] = STEPS,
    target: int = SCHEMA,
) -> Path | None:
    """Bring a registry up to `target` and return the copy that was made first; None where there was nothing to do.

    Whatever dies in between leaves the old schema or the new one. Raises ArctlError where a step is missing.
    """
    version = _version(connection)
    if version >= target:
        return None
    copy = db.with_name(f"{db.name}.bak-v{version}-{time.strftime('%Y%m%dT%H%M%S')}")
    _copy(connection, copy)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(connection) + 1, target + 1):
            if number not in steps:
                cure = "`arctl rebuild` makes it anew from the run directories"
                raise ArctlError(f"no way leads from schema {version} to {target}", where=str(db), cure=cure)
            for statement in steps[number]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={target}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return copy


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    """Copy through SQLite: opening the file by hand would drop this process's locks. No half copy has the name."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with sqlite3.connect(draft) as copy:
        connection.backup(copy)
    copy.close()
    draft.replace(target)
