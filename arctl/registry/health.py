"""Looking at runs.db without touching it: its schema, its journal, its pages, what a writer left beside it."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from arctl.registry.connect import APPLICATION, explained
from arctl.registry.migrations import SCHEMA
from arctl.text import safe_line

KNOWN = SCHEMA
"""The schema that this arctl writes."""

_LEFT = ("-journal", "-wal", "-shm")
_OPCODES = 10_000


@dataclass(frozen=True)
class Health:
    """What was found in a registry."""

    size: int
    """Bytes."""
    registry: bool
    """Whether the file says that it is one of arctl's."""
    schema: int
    """Its schema; 0 for an empty file."""
    journal: str
    """`delete`, or another journal mode."""
    troubles: tuple[str, ...]
    """What the check of its pages complained of."""
    whole: bool
    """Whether that check came to its end in time."""
    runs: int
    """Runs that it holds."""
    unconfirmed: int
    """Of them, those that a scheduler may or may not have taken."""
    left: tuple[str, ...]
    """Files of SQLite beside it: of a writer at work, or of one that died."""


def examine(db: Path, *, seconds: float) -> Health | None:
    """Look at a registry for at most about `seconds`; None where there is none.

    Raises ArctlError where it cannot be read: damaged, locked for long, no rights.
    """
    try:
        size = db.stat().st_size
    except FileNotFoundError:
        return None
    with explained(db):
        connection = sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True, timeout=seconds)
        try:
            return _examine(connection, db, size, time.monotonic() + seconds)
        finally:
            connection.close()


def numbers(db: Path) -> frozenset[int]:
    """Return the numbers of all runs of an up-to-date registry, without changing it. Raises ArctlError."""
    with explained(db):
        connection = sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)
        try:
            return frozenset(row[0] for row in connection.execute("SELECT number FROM runs"))
        finally:
            connection.close()


def _examine(connection: sqlite3.Connection, db: Path, size: int, until: float) -> Health:
    connection.execute("PRAGMA cell_size_check=ON")
    schema, application, journal = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("user_version", "application_id", "journal_mode")
    )
    registry = application == APPLICATION
    runs = unconfirmed = 0
    if registry and schema:
        query = "SELECT count(*), coalesce(sum(submission = 'unconfirmed'), 0) FROM runs"
        runs, unconfirmed = connection.execute(query).fetchone()
    left = tuple(suffix for suffix in _LEFT if db.with_name(db.name + suffix).exists())
    troubles, whole = _pages(connection, until)
    return Health(size, registry, int(schema), str(journal), troubles, whole, int(runs), int(unconfirmed), left)


def _pages(connection: sqlite3.Connection, until: float) -> tuple[tuple[str, ...], bool]:
    connection.set_progress_handler(lambda: time.monotonic() > until, _OPCODES)
    try:
        found = [safe_line(str(row[0])) for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
            raise
        return (), False
    return tuple(line for line in found if line != "ok"), True
