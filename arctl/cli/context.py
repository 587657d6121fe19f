"""What commands share: the workspace, found when first asked for; syncing before reading; references; JSON out."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arctl.cli.screen import guard
from arctl.errors import UsageError
from arctl.text import is_text, safe, safe_json, safe_line

if TYPE_CHECKING:
    from arctl.settings import Workspace


class Session:
    """One call of `arctl`."""

    def __init__(self, explicit: str | None = None, *, take_over: bool = False) -> None:
        self.explicit = Path(explicit) if explicit is not None else None
        self.take_over = take_over
        self._told: set[str] = set()
        guard()

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace that the command works in. Raises NotFoundError outside of one."""
        from arctl.settings import find_workspace

        found = find_workspace(self.explicit)
        if not is_text(str(found.root)):
            cure = "rename the directory: scripts and registry hold text"
            raise UsageError("the path of this workspace is no text (UTF-8)", where=str(found.root), cure=cure)
        self._hold(found)
        return found

    def _hold(self, workspace: Workspace) -> None:
        """Do as arctl.yaml says about other people and other hosts; take the registry's lease over if asked to."""
        if workspace.settings.share == "group":
            os.umask(0o007)
        if workspace.settings.registry_lock == "trusted" or self.take_over:
            from arctl.registry import lease

            if workspace.settings.registry_lock == "trusted":
                lease.trust(workspace.db)
            else:
                lease.acquire(workspace.db, take_over=True)

    def sync(self, *, force: bool = False) -> None:
        """Read what has grown since the last time; what could not be read or asked is told of, once."""
        from arctl.sync import sync

        report = sync(self.workspace, force=force)
        for trouble in (*report.scheduler_errors, *report.troubles):
            if trouble not in self._told:
                self._told.add(trouble)
                narrate(f"warning: {trouble}")

    def dashboard(self, *, readonly: bool = False) -> None:
        """Open the dashboard; with `readonly` it changes neither runs nor jobs."""
        workspace = self.workspace
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError("the dashboard needs a terminal", cure="use `arctl ls`, or see `arctl --help`")
        from arctl.tui import run

        run(workspace, readonly=readonly)


def narrate(text: str) -> None:
    """Say something to the person on stderr; stdout is data."""
    click.echo(safe_line(text, limit=2000), err=True)


def echo_json(schema: str, payload: Mapping[str, object]) -> None:
    """Print one JSON document that names its schema."""
    import json

    text = json.dumps({"schema": schema, **payload}, ensure_ascii=False, separators=(", ", ": "))
    click.echo(safe_json(text))


def echo_file(text: str) -> None:
    """Print text of a file: as it is into a pipe, on a terminal without what a terminal obeys."""
    click.echo(safe(text, limit=1 << 21) if sys.stdout.isatty() else text, nl=False)


def references(session: Session, words: Sequence[str]) -> list[int]:
    """Return the run numbers that words name: `run12`, `12`, a name, a prefix, `@latest`, `run3:run7`."""
    from arctl.references import resolve

    return resolve(session.workspace.db, words)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of text as lines with their columns aligned, two blanks between them; whatever the text holds."""
    rows = [[safe_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
