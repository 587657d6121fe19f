"""All runs as a list that is kept up to date: only what has changed is read again, and the rest stays as it is.

A dashboard looks every few seconds at ten thousand runs, of which fifty live. Each change of a run gives it a revision
above all others (`settle.REVISED`), so that a look costs as much as there is news.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl.registry import read
from arctl.registry.connect import reading
from arctl.registry.rows import RunRow
from arctl.registry.runrows import selected
from arctl.states import State


@dataclass(frozen=True)
class Listing:
    """All runs as of one look."""

    rows: tuple[RunRow, ...]
    """Newest first; of a run that has not changed the very row of the look before."""
    changed: frozenset[int]
    """Numbers of the runs that are new, gone or different since the look before."""


class RunList:
    """The runs of a registry, with summaries of some metrics; not for several threads at once."""

    def __init__(self, db: Path, *, metrics: Sequence[str] | None = (), evaluated: bool = False) -> None:
        """Read nothing yet. `metrics` and `evaluated` are as in `read.runs`."""
        self._db = db
        self._metrics = metrics
        self._evaluated = evaluated
        self._known: dict[int, RunRow] = {}
        self._rows: tuple[RunRow, ...] = ()
        self._file: tuple[int, int] | None = None
        self._revision = 0

    def newest(self, limit: int) -> list[RunRow]:
        """Return the newest runs alone, newest first: soon there, for a first look. Raises ArctlError."""
        return read.runs(self._db, limit=limit, metrics=self._metrics, evaluated=self._evaluated)

    def refresh(self) -> Listing:
        """Look again and return all runs. Raises ArctlError, and stays as it was then."""
        with reading(self._db) as connection:
            if connection is None:
                self._file = None
                return self._taken([], whole=True)
            found = self._db.stat()
            file = (found.st_dev, found.st_ino)
            connection.execute("BEGIN")
            revision = int(connection.execute("SELECT coalesce(max(revision), 0) FROM runs").fetchone()[0])
            # A registry that was made anew begins to count anew.
            whole = file != self._file or revision < self._revision
            if not whole and revision == self._revision:
                return Listing(self._rows, frozenset())
            where = "1" if whole else f"revision > {self._revision}"
            news = list(selected(connection, where, metrics=self._metrics))
        listing = self._taken(news, whole=whole)
        self._file, self._revision = file, revision
        return listing

    def _taken(self, news: Sequence[RunRow], *, whole: bool) -> Listing:
        """Put what is new in its place; a row that says what the old one says leaves that one there."""
        told = {row.number for row in news}
        listed = {row.number: row for row in news if self._evaluated or not _is_past(row)}
        out = {number for number in (self._known if whole else told) if number in self._known and number not in listed}
        different = {number: row for number, row in listed.items() if self._known.get(number) != row}
        fresh = different.keys() - self._known.keys()
        if not different and not out:
            return Listing(self._rows, frozenset())
        self._known.update(different)
        for number in out:
            del self._known[number]
        order = sorted(self._known, reverse=True) if fresh or out else [row.number for row in self._rows]
        self._rows = tuple(map(self._known.__getitem__, order))
        return Listing(self._rows, frozenset(different) | out)


def _is_past(row: RunRow) -> bool:
    return row.evaluates is not None and row.state is State.COMPLETED
