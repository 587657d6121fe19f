"""Every start of the trainer in all runs at once: what the accounts of GPU time are made of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from arctl.registry.connect import reading


class Start(NamedTuple):
    """One start of the trainer, as far as its times go."""

    run: int
    """Run number."""
    name: str
    """`<job>.<restart>`."""
    started: float | None
    """Time of its start event, Unix seconds."""
    ended: float | None
    """Time of its end record, Unix seconds."""
    last_event: float | None
    """Time of its newest event, Unix seconds."""
    status: str | None
    """`completed`, `failed`, `interrupted`, or None while it has no end record."""

    @property
    def job_id(self) -> str:
        """The job that started it."""
        return self.name.rpartition(".")[0]


def starts(db: Path) -> list[Start]:
    """Return the starts of the trainer in all runs, by run and then oldest first."""
    query = "SELECT run, name, started, ended, last_event, status FROM attempts ORDER BY run, ordinal"
    with reading(db) as connection:
        return [Start(*row) for row in connection.execute(query)] if connection else []
