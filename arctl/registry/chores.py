"""How far what older schemas lack has been filled in: for each task the run below which all is still to be done."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from arctl.registry.connect import reading


def pending(db: Path) -> list[str]:
    """Return the names of the tasks of which something is left."""
    with reading(db) as connection:
        query = "SELECT name FROM chores ORDER BY name DESC"
        return [name for (name,) in connection.execute(query)] if connection else []


def runs_below(connection: sqlite3.Connection, task: str, *, limit: int) -> list[int]:
    """Return the next runs of a task, newest first; empty where none is left."""
    query = (
        "SELECT number FROM runs WHERE number < coalesce((SELECT below FROM chores WHERE name = ?), 0) "
        "ORDER BY number DESC LIMIT ?"
    )
    return [number for (number,) in connection.execute(query, (task, limit))]


def reached(connection: sqlite3.Connection, task: str, number: int | None) -> None:
    """Store that a task has been done down to a run; None: for all of them."""
    if number is None:
        connection.execute("DELETE FROM chores WHERE name = ?", (task,))
    else:
        connection.execute("UPDATE chores SET below = min(below, ?) WHERE name = ?", (number, task))
