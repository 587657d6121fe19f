"""The Job tab: what was submitted, what sbatch made of it, what happened since, and why the run is as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from arctl.rundir import RunDir, run_name
from arctl.tui.wants import EmptyPanel, Panel, Want

if TYPE_CHECKING:
    from arctl.registry.rows import JobRow, RunRow
    from arctl.settings import Workspace
    from arctl.timeline import Moment
    from arctl.why import Answer

SCRIPT_LINES = 2000
"""Lines of a script that are shown."""

_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class JobPanel(Panel):
    """All of a run's jobs."""

    row: RunRow
    """The run."""
    jobs: tuple[JobRow, ...]
    """Oldest first."""
    moments: tuple[Moment, ...]
    """What happened, oldest first."""
    options: Mapping[str, str]
    """What the script asks of the scheduler, by the long names of sbatch's options; of one given twice the last."""
    script: tuple[str, ...]
    """The lines of the script, safe to show; none where it cannot be read."""
    script_name: str
    """`job.sbatch`."""
    scripts: int
    """How many scripts the run has."""
    trouble: str
    """Why there is no script."""


@dataclass(frozen=True)
class JobWant(Want):
    """Asks for the jobs of a run."""

    number: int
    """The run."""
    script: int | None = None
    """Which script, from 1; None for the newest."""
    lane: ClassVar[str] = "run"

    def read(self, workspace: Workspace) -> Panel:
        """Read registry and script."""
        import time

        from arctl.clusters.asked import options
        from arctl.registry import read
        from arctl.text import safe
        from arctl.timeline import timeline

        row = read.run(workspace.db, self.number)
        if row is None:
            return EmptyPanel(self, f"there is no {run_name(self.number)} in the registry any more (`arctl rebuild`)")
        jobs, attempts = read.jobs(workspace.db, self.number), read.attempts(workspace.db, self.number)
        files = RunDir(workspace.run_dir(self.number))
        count = sum(files.script_of(place).exists() for place in range(1, max(2, len(jobs) + 1)))
        place = min(max(1, self.script or count), max(1, count))
        text, trouble = _script(files, place)
        lines = tuple(safe(line, limit=2000) for line in text.splitlines()[:SCRIPT_LINES])
        moments = timeline(row, jobs, attempts, now=time.time())
        name = files.script_of(place).name
        return JobPanel(self, row, tuple(jobs), moments, options(text), lines, name, count, trouble)


def _script(files: RunDir, place: int) -> tuple[str, str]:
    """Return a script, or why it cannot be read."""
    path = files.script_of(place)
    try:
        with path.open("rb") as file:
            return file.read(_BYTES).decode("utf-8", "replace"), ""
    except FileNotFoundError:
        gone = "its directory is missing: moved or deleted?" if not files.path.is_dir() else "it was never written"
        return "", f"{path.name} is not there; {gone}"
    except OSError as error:
        return "", f"{path.name} cannot be read: {error.strerror}"


@dataclass(frozen=True, eq=False)
class WhyPanel(Panel):
    """Why a run is as it is."""

    answer: Answer
    """The sentence, what it rests on, what to do."""


@dataclass(frozen=True)
class WhyWant(Want):
    """Asks why a run waits, is slow or ended; Slurm may be asked too."""

    number: int
    """The run."""
    at: float = 0.0
    """When it was asked, so that a second time asks again."""
    lane: ClassVar[str] = "why"

    def read(self, workspace: Workspace) -> Panel:
        """Find out, as `arctl why` does."""
        from arctl.why import explain

        return WhyPanel(self, explain(workspace, self.number))
