"""What could go wrong here, looked at before it does: each check in a thread of its own, with a deadline.

A check gives lines as it goes; what it has given counts even if it then hangs on a dead disk or a silent scheduler.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from arctl.doctor.line import Line, Status
from arctl.errors import ArctlError
from arctl.settings import Settings, Workspace
from arctl.text import safe_line

DEADLINE_S = 5.0
"""How long a check may take, seconds."""

ORDER = ("workspace", "storage", "registry", "slurm", "templates", "python", "environment", "terminal")
"""The checks, in the order in which they are shown."""


@dataclass(frozen=True)
class Ground:
    """What checks look at."""

    workspace: Workspace | None
    """The workspace; None outside of one, and where its settings are wrong."""

    @property
    def settings(self) -> Settings:
        """Its settings, or those that a workspace has by default."""
        return self.workspace.settings if self.workspace is not None else Settings()


def examine(explicit: Path | None = None, *, deadline_s: float = DEADLINE_S) -> list[Line]:
    """Return what all checks found, in `ORDER`; takes little more than twice `deadline_s`, whatever hangs.

    `explicit` is the workspace that was named, if any. Raises nothing.
    """
    found: list[Workspace] = []
    first = _Patient("workspace", lambda: _workspace(explicit, found))
    lines = first.finish(time.monotonic() + deadline_s)
    ground = Ground(found[0] if found else None)
    running = [_Patient(name, _bound(check, ground)) for name, check in checks().items()]
    until = time.monotonic() + deadline_s
    for check in running:
        lines += check.finish(until)
    return sorted(lines, key=lambda line: ORDER.index(line.check))


def checks() -> Mapping[str, Callable[[Ground], Iterator[Line]]]:
    """Return the checks by name."""
    from arctl.doctor import registry, slurm, storage, surroundings

    return {
        "storage": storage.check,
        "registry": registry.check,
        "slurm": slurm.check,
        "templates": surroundings.templates,
        "python": surroundings.python,
        "environment": surroundings.environment,
        "terminal": surroundings.terminal,
    }


class _Patient:
    """A check under way."""

    def __init__(self, name: str, work: Callable[[], Iterator[Line]]) -> None:
        self.name = name
        self.lines: list[Line] = []
        self.work = work
        self.begun = time.monotonic()
        self.thread = threading.Thread(target=self._run, name=f"doctor {name}", daemon=True)
        self.thread.start()

    def finish(self, until: float) -> list[Line]:
        """Return its lines at its end, or when the time is up."""
        self.thread.join(max(0.0, until - time.monotonic()))
        lines = list(self.lines)
        if self.thread.is_alive():
            waited = time.monotonic() - self.begun
            what = f"no answer within {waited:.0f} s{' to the rest' if lines else ''}"
            lines.append(
                Line(self.name, Status.UNKNOWN, self.name, what, "a disk or a program hangs; see `df` and `ps`")
            )
        return lines

    def _run(self) -> None:
        try:
            for line in self.work():
                self.lines.append(line)
        except ArctlError as error:
            where = f"{error.where}: " if error.where else ""
            self.lines.append(Line(self.name, Status.FAIL, self.name, f"{where}{error.what}", error.cure))
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            what = f"{where}{(error.strerror or type(error).__name__).lower()}"
            self.lines.append(Line(self.name, Status.FAIL, self.name, what, "check the path and its rights"))
        except Exception as error:
            what = f"this check failed: {type(error).__name__}: {safe_line(str(error), limit=200)}"
            self.lines.append(Line(self.name, Status.UNKNOWN, self.name, what, "tell the authors of arctl"))


def _bound(check: Callable[[Ground], Iterator[Line]], ground: Ground) -> Callable[[], Iterator[Line]]:
    return lambda: check(ground)


def _workspace(explicit: Path | None, found: list[Workspace]) -> Iterator[Line]:
    """Find the workspace and put it into `found`."""
    from arctl.errors import NotFoundError
    from arctl.settings import find_workspace

    try:
        workspace = find_workspace(explicit)
    except NotFoundError as error:
        status = Status.FAIL if explicit is not None else Status.WARN
        yield Line("workspace", status, "workspace", f"none: {error.where}: {error.what}", error.cure)
        return
    found.append(workspace)
    said = f"{workspace.root}, arctl.yaml reads well; jobs run {_where(workspace.settings)}"
    yield Line("workspace", Status.OK, "workspace", said)
    from arctl.doctor.surroundings import data_sets

    yield from data_sets(workspace)


def _where(settings: Settings) -> str:
    return "on Slurm" if settings.cluster == "slurm" else "on this machine"
