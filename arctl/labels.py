"""Notes and tags of runs that exist: changed in run.yaml, which is the truth, and then in the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from arctl.errors import ArctlError, NotFoundError, UsageError
from arctl.naming import check_note, check_tag
from arctl.registry import read, write
from arctl.registry.rows import RunRow
from arctl.rundir import RunDir, run_name
from arctl.runfile import RunFile, change_run
from arctl.settings import Workspace


class NoteChanged(ArctlError):
    """The note is not the one that was read before it was edited: nothing was written.

    `now` is what it says.
    """

    def __init__(self, number: int, now: str) -> None:
        super().__init__(
            f"the note of {run_name(number)} was changed by somebody else meanwhile: nothing was written",
            cure="look at what it says now, and write it again",
        )
        self.now = now


def set_note(workspace: Workspace, number: int, text: str, *, was: str | None = None) -> str:
    """Replace a run's note and return it as it is kept: without blanks at its end.

    `was` is the note that was read before; where it is another one by now, NoteChanged is raised. Also raises
    UsageError for control characters or too long a text, NotFoundError for an unknown run, DataError where its
    run.yaml cannot be read.
    """
    said = text.rstrip()
    check_note(said, where="note")
    _known(workspace, number)

    def changed(run: RunFile) -> RunFile:
        if was is not None and run.note not in (was, said):
            raise NoteChanged(number, run.note)
        return replace(run, note=said)

    change_run(RunDir(workspace.run_dir(number)).run_yaml, changed)
    write.note(workspace.db, number, said)
    return said


def change_tags(
    workspace: Workspace, number: int, *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> tuple[str, ...]:
    """Add and remove tags, and return those that the run has then, sorted.

    Taking away one that it does not have is no error. Raises UsageError for a word that can be no tag, or that is both
    added and removed; else as `set_note` does.
    """
    adds, removes = set(add), set(remove)
    for tag in sorted(adds):
        check_tag(tag, where="tag")
    if both := sorted(adds & removes):
        raise UsageError(f"{both[0]!r} would be added and removed", where="tag", cure="say one of the two")
    old = _known(workspace, number)
    run = change_run(
        RunDir(workspace.run_dir(number)).run_yaml,
        lambda run: replace(run, tags=tuple(sorted((set(run.tags) | adds) - removes))),
    )
    return write.tag(workspace.db, number, add=run.tags, remove=sorted(set(old.tags) - set(run.tags)))


def _known(workspace: Workspace, number: int) -> RunRow:
    row = next(iter(read.runs(workspace.db, numbers=[number], metrics=())), None)
    if row is None:
        raise NotFoundError(f"there is no {run_name(number)}", cure="`arctl ls --all` lists the runs")
    return row
