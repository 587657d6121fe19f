"""`arctl logs`: a run's log: its end, its lines as they come, what they say of a text, an error or a time."""

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
    from arctl.cli import log_search
    from arctl.registry.rows import RunRow

_LOOK_S = 2.0
_LINES = 100


@click.command("logs")
@click.argument("run", metavar="RUN")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run has ended.")
@click.option("--lines", "-n", type=click.IntRange(min=0), help=f"How many lines.  [default: the last {_LINES}]")
@click.option("--job", metavar="J", help="The log of this job, not of the newest.")
@click.option("--grep", metavar="TEXT", help="Lines with this text, or re:EXPRESSION, each with its number.")
@click.option("--errors", is_flag=True, help="The first error, and what stands around it.")
@click.option(
    "--at", "moment", metavar="TIME", help="From a time on: 14:02, '2026-11-21 14:02', -10m (before the end)."
)
@click.option("--since", metavar="WHEN", help="What was written after a time, or in the last 10m, 2h, 1d.")
@click.option("--json", "as_json", is_flag=True, help="JSON, with the byte offset of each line.")
@click.pass_obj
def logs_command(
    session: Session,
    run: str,
    follow: bool,
    lines: int | None,
    job: str | None,
    grep: str | None,
    errors: bool,
    moment: str | None,
    since: str | None,
    as_json: bool,
) -> None:
    """Print the end of a run's log, or follow it with -f; look for a text, an error or a time.

    Each requeued or repeated job has its own log; `--job` names one. A TEXT without capitals means both cases. Where
    nothing is found the exit status is 1.
    """
    from arctl.cli import log_search

    chosen = log_search.Chosen(grep, errors=errors, moment=moment, since=since, follow=follow, as_json=as_json)
    session.sync()
    numbers = references(session, [run])
    if len(numbers) != 1:
        raise UsageError(f"{run!r} names {len(numbers)} runs", cure="name one")
    row = _row(session, numbers[0])
    path = _log(session, row, job)
    if path is None:
        narrate(f"{run_name(row.number)} has no log yet: {_why(row)}")
    if follow:
        _follow(session, row, path, lines, job, chosen)
    elif path is not None:
        _several(session, row, path)
        if not log_search.show(row.number, path, chosen, lines=lines, most=_LINES):
            raise SystemExit(1)


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


def _follow(
    session: Session, row: RunRow, path: Path | None, lines: int | None, job: str | None, chosen: log_search.Chosen
) -> None:
    from arctl.cli.log_search import lines_since
    from arctl.tail import follow

    ended = _Ended(session, row)
    while path is None and not ended():
        time.sleep(0.25)
        path = _log(session, ended.row, job)
    if path is not None:
        count = lines_since(path, chosen.since) if chosen.since else _LINES if lines is None else lines
        for line in follow(path, stop=ended, from_end_lines=count):
            if chosen.passes(line):
                click.echo(line)
    if ended():
        narrate(f"{run_name(row.number)} has ended: {_ending(ended.row)}")


def _ending(row: RunRow) -> str:
    return row.state.value.replace("_", " ") + (f": {row.message}" if row.message else "")
