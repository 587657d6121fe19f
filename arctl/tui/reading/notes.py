"""The Notes tab: what people said about a run, and the runs that it is related to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from arctl.rundir import RunDir, run_name
from arctl.tui.wants import EmptyPanel, Panel, Want

if TYPE_CHECKING:
    from arctl.lineage import Lineage
    from arctl.registry.rows import RunRow
    from arctl.settings import Workspace


@dataclass(frozen=True, eq=False)
class NotesPanel(Panel):
    """Note, tags and relatives."""

    row: RunRow
    """The run."""
    lineage: Lineage
    """Its relatives."""
    ways: tuple[str, ...]
    """How each of its evaluations scores it: `val, 10x3 views, best`; empty where that cannot be read."""


@dataclass(frozen=True)
class NotesWant(Want):
    """Asks for what people said about a run."""

    number: int
    """The run."""
    lane: ClassVar[str] = "run"

    def read(self, workspace: Workspace) -> Panel:
        """Read the registry, and how it was evaluated."""
        from arctl.evaluation import of_run
        from arctl.lineage import lineage
        from arctl.registry import read

        row = read.run(workspace.db, self.number)
        if row is None:
            return EmptyPanel(self, f"there is no {run_name(self.number)} in the registry any more (`arctl rebuild`)")
        found = lineage(workspace.db, self.number)
        asked = [of_run(workspace, one.number) for one in found.evaluations]
        ways = tuple("" if one is None else f"{one.split}, {one.views} views, {one.checkpoint}" for one in asked)
        return NotesPanel(self, row, found, ways)


@dataclass(frozen=True, eq=False)
class NotePanel(Panel):
    """A note as run.yaml has it."""

    number: int
    """The run."""
    note: str
    """What it says."""


@dataclass(frozen=True)
class NoteWant(Want):
    """Asks for the note itself, before it is edited and before it is written."""

    number: int
    """The run."""
    at: float
    """When it was asked: each time it is read again."""
    lane: ClassVar[str] = "note"

    def read(self, workspace: Workspace) -> Panel:
        """Read run.yaml. Raises DataError where that cannot be read."""
        from arctl.runfile import read_run

        return NotePanel(self, self.number, read_run(RunDir(workspace.run_dir(self.number)).run_yaml).note)
