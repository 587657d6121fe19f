"""What commands share: the workspace, found when first asked for; syncing before reading; references; JSON out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arctl.errors import UsageError
from arctl.text import safe_line

if TYPE_CHECKING:
    from arctl.settings import Workspace


class Session:
    """One call of `arctl`."""

    def __init__(self, explicit: str | None = None) -> None:
        self.explicit = Path(explicit) if explicit is not None else None
        self._told: set[str] = set()

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace that the command works in. Raises NotFoundError outside of one."""
        from arctl.settings import find_workspace

        return find_workspace(self.explicit)

    def sync(self, *, force: bool = False) -> None:
        """Read what has grown since the last time; what could not be read or asked is told of, once."""
        from arctl.sync import sync

        report = sync(self.workspace, force=force)
        for trouble in (*report.scheduler_errors, *report.troubles):
            if trouble not in self._told:
                self._told.add(trouble)
                narrate(f"warning: {trouble}")

    def dashboard(self) -> None:
        """Open the dashboard."""
        workspace = self.workspace
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError("the dashboard needs a terminal", cure="use `arctl ls`, or see `arctl --help`")
        from arctl.tui import run

        run(workspace)


def narrate(text: str) -> None:
    """Say something to the person on stderr; stdout is data."""
    click.echo(safe_line(text, limit=2000), err=True)


def echo_json(schema: str, payload: Mapping[str, object]) -> None:
    """Print one JSON document that names its schema."""
    import json

    click.echo(json.dumps({"schema": schema, **payload}, ensure_ascii=False, separators=(", ", ": ")))


def references(session: Session, words: Sequence[str]) -> list[int]:
    """Return the run numbers that words name: `run12`, `12`, a name, a prefix, `@latest`, `run3:run7`."""
    from arctl.references import resolve

    return resolve(session.workspace.db, words)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of text as lines with their columns aligned, two blanks between them."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
