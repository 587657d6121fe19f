"""What the Log tab asks: lines around a place, the next match, a time, line numbers. Each is read in a moment.

A log is found by its name each time, since jobs begin new ones; what looks through a whole log does so in slices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from arctl.tui.wants import EmptyPanel, Panel, Want

if TYPE_CHECKING:
    from arctl.longlog import Line, Place, Query, Slice, Stamp, Tally
    from arctl.settings import Workspace

FAULT, START = "an error", "a start"
"""What else can be looked for than a text."""


@dataclass(frozen=True)
class LogWant(Want):
    """Lines of a log around a byte offset."""

    lane: ClassVar[str] = "run"
    number: int
    """Run number."""
    log: str | None
    """File name of the log; None for that of the newest job."""
    at: int | None
    """Byte offset; None is the end."""
    lines: int
    """How many lines above and below."""
    seen: Stamp | None = None
    """The log as it was when these lines were read the last time: it is not read again if it is the same still."""
    tally: Tally | None = field(default=None, compare=False)
    """Line numbers, as far as they are known."""

    def read(self, workspace: Workspace) -> Panel:
        """Read the lines."""
        from arctl.longlog import stamp_of, window

        names = _names(workspace, self.number)
        name = self.log or (names[-1] if names else None)
        if name is None:
            return EmptyPanel(self, "no log yet: the job has not written a line")
        path = _path(workspace, self.number, name)
        if self.seen is not None and self.seen.inode and stamp_of(path) == self.seen:
            return LogPanel(self, name, names, None)
        found = window(path, self.at, before=self.lines, after=self.lines)
        if not found.stamp.inode:
            return EmptyPanel(self, f"{name} is gone: was it deleted or moved?")
        first = _first(path, self.tally, found.lines, found.stamp)
        return LogPanel(self, name, names, LogLinesRead(found.lines, found.anchor, found.stamp, first))


@dataclass(frozen=True)
class LogLinesRead:
    """Lines of a log."""

    lines: tuple[Line, ...] = ()
    """The lines, in order."""
    anchor: int = 0
    """Which of them was asked for."""
    stamp: Stamp | None = None
    """The log as it was then."""
    first: int | None = None
    """Number of the first of them, from 1; None while it is not known."""

    @property
    def at_top(self) -> bool:
        """Whether the log begins with them."""
        return not self.lines or self.lines[0].at == 0

    @property
    def at_end(self) -> bool:
        """Whether the log ends with them."""
        return not self.lines or self.stamp is None or self.lines[-1].end >= self.stamp.size


@dataclass(frozen=True, eq=False)
class LogPanel(Panel):
    """Lines of a log, or that they have not changed."""

    name: str
    """File name of the log."""
    names: tuple[str, ...]
    """All logs of the run, oldest job first."""
    read: LogLinesRead | None
    """The lines; None where the log is as it was."""


@dataclass(frozen=True)
class FindWant(Want):
    """The next match in a slice of a log."""

    lane: ClassVar[str] = "log-find"
    number: int
    log: str
    what: str
    """A text or `re:...`, or FAULT or START."""
    at: int
    """Where to look from."""
    backward: bool = False
    behind: bool = False
    """Whether at `at` the error or start stands that is to be left behind."""

    def read(self, workspace: Workspace) -> Panel:
        """Look through a slice."""
        from arctl.longlog import behind, behind_start, look, start_of

        path = _path(workspace, self.number, self.log)
        at = self.at
        if self.behind and not self.backward:
            at = behind(path, at) if self.what == FAULT else behind_start(path, at)
        part = look(path, _query(self.what), at=at, backward=self.backward)
        if part.hit is None:
            return FindPanel(self, part, None)
        return FindPanel(self, part, start_of(path, part.hit) if self.what == START else part.hit.line)


@dataclass(frozen=True, eq=False)
class FindPanel(Panel):
    """What a slice held."""

    part: Slice
    """The slice."""
    line: int | None
    """Byte offset of the line to show; None where nothing was found."""


@dataclass(frozen=True)
class TimeWant(Want):
    """The place of a time."""

    lane: ClassVar[str] = "log-find"
    number: int
    log: str
    text: str
    """As it was typed."""

    def read(self, workspace: Workspace) -> Panel:
        """Find it by bisection."""
        from arctl.longlog import place_of

        return TimePanel(self, place_of(_path(workspace, self.number, self.log), self.text))


@dataclass(frozen=True, eq=False)
class TimePanel(Panel):
    """Where a time stands."""

    place: Place
    """Its place."""


@dataclass(frozen=True)
class TallyWant(Want):
    """Line numbers: a further part of a log counted."""

    lane: ClassVar[str] = "log-tally"
    number: int
    log: str
    at: int
    """Byte offset of the line whose number is wanted."""
    tally: Tally

    def read(self, workspace: Workspace) -> Panel:
        """Count on."""
        from arctl.longlog import counted, line_total, number_at, stamp_of

        path = _path(workspace, self.number, self.log)
        tally = counted(path, self.tally)
        done = tally.knows(stamp_of(path))
        return TallyPanel(self, tally, number_at(path, tally, self.at), line_total(path, tally), done)


@dataclass(frozen=True, eq=False)
class TallyPanel(Panel):
    """Line numbers as far as they were counted."""

    tally: Tally
    """The counts."""
    first: int | None
    """Number of the line that was asked for."""
    total: int
    """Lines counted so far."""
    done: bool
    """Whether these are all."""


def _names(workspace: Workspace, number: int) -> tuple[str, ...]:
    from arctl.rundir import RunDir

    return tuple(path.name for path in RunDir(workspace.run_dir(number)).logs())


def _path(workspace: Workspace, number: int, name: str) -> Path:
    return workspace.run_dir(number) / name


def _query(what: str) -> Query:
    from arctl.longlog import faults, query_of, starts

    return faults() if what == FAULT else starts() if what == START else query_of(what)


def _first(path: Path, tally: Tally | None, lines: tuple[Line, ...], stamp: Stamp) -> int | None:
    from arctl.longlog import number_at

    return number_at(path, tally, lines[0].at) if tally is not None and lines and tally.fits(stamp) else None
