"""`arctl logs`: the end of a run's log, or all of it as it grows; no escape sequence reaches the terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arctl.cli.context import Session, narrate, references
from arctl.errors import NotFoundError, UsageError, nearest
from arctl.rundir import RunDir, run_name
from arctl.states import LIVE, State

if TYPE_CHECKING:
    from arctl.registry.rows import RunRow

_LOOK_S = 2.0


@click.command("logs")
@click.argument("run", metavar="RUN")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run has ended.")
@click.option("--lines", "-n", type=click.IntRange(min=0), default=100, show_default=True, help="How many last lines.")
@click.option("--job", metavar="J", help="The log of this job, not of the newest.")
@click.pass_obj
def logs_command(session: Session, run: str, follow: bool, lines: int, job: str | None) -> None:
    """Print the end of a run's log, or follow it with -f.

    Each requeued or repeated job has its own log; `--job` names one.
    """
    from arctl.tail import last_lines

    session.sync()
    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one")
    row = _row(session, numbers[0])
    path = _log(session, row, job)
    if path is None:
        narrate(f"{run_name(row.number)} has no log yet: {_why(row)}")
    if follow:
        _follow(session, row, path, lines, job)
    elif path is not None:
        _several(session, row, path)
        for line in last_lines(path, lines):
            click.echo(line)


def _row(session: Session, number: int) -> RunRow:
    from arctl.registry import read

    row = read.run(session.workspace.db, number)
    if row is None:
        raise NotFoundError(f"no run {run_name(number)}", cure="`arctl ls` lists them")
    return row


def _log(session: Session, row: RunRow, job: str | None) -> Path | None:
    """Return the log of a job, by default the newest one's; None while there is none."""
    files = RunDir(session.workspace.run_dir(row.number))
    logs = {path.name.removeprefix("log-").removesuffix(".txt"): path for path in files.logs()}
    if job is not None and job not in logs:
        if job == row.job_id:
            return None
        raise NotFoundError(f"no log of a job {job!r}", where=run_name(row.number), cure=nearest(job, logs))
    if job is None and row.job_id is not None and row.state in LIVE and row.job_id not in logs:
        # The newest job waits: its predecessor's log would pass for its own.
        return None if not logs else list(logs.values())[-1]
    return logs[job] if job is not None else list(logs.values())[-1] if logs else None


def _why(row: RunRow) -> str:
    if row.state is State.PENDING:
        return f"it is pending ({row.reason})" if row.reason else "it is pending"
    if row.state in LIVE:
        return f"it is {row.state.value}, and has not written a line"
    return f"it is {row.state.value.replace('_', ' ')}" + (f": {row.message}" if row.message else "")


def _several(session: Session, row: RunRow, path: Path) -> None:
    others = [log.name[4:-4] for log in RunDir(session.workspace.run_dir(row.number)).logs() if log != path]
    if others:
        narrate(f"this is {path.name}; earlier jobs: {', '.join(others)} (--job)")


class _Ended:
    """Tells whether a run has ended, by a sync every two seconds."""

    def __init__(self, session: Session, row: RunRow) -> None:
        self._session = session
        self._row = row
        self._next = time.monotonic() + _LOOK_S

    @property
    def row(self) -> RunRow:
        """The run as last seen."""
        return self._row

    def __call__(self) -> bool:
        if self._row.state in LIVE and time.monotonic() >= self._next:
            self._session.sync()
            self._row = _row(self._session, self._row.number)
            self._next = time.monotonic() + _LOOK_S
        return self._row.state not in LIVE


def _follow(session: Session, row: RunRow, path: Path | None, lines: int, job: str | None) -> None:
    from arctl.tail import follow

    ended = _Ended(session, row)
    while path is None and not ended():
        time.sleep(0.25)
        path = _log(session, ended.row, job)
    if path is not None:
        for line in follow(path, stop=ended, from_end_lines=lines):
            click.echo(line)
    if ended():
        narrate(f"{run_name(row.number)} has ended: {_ending(ended.row)}")


def _ending(row: RunRow) -> str:
    return row.state.value.replace("_", " ") + (f": {row.message}" if row.message else "")
