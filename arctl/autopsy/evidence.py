"""Gathers what an ended run has left behind: the end of its log, the trainer's end record, what was asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from arctl import events
from arctl.autopsy.diagnosis import Case
from arctl.clusters.asked import options
from arctl.clusters.slurm_accounts import Accounts
from arctl.errors import ArctlError
from arctl.facts import read_facts
from arctl.registry.rows import AttemptRow, JobRow, RunRow
from arctl.rundir import RunDir, run_name
from arctl.runfile import read_run
from arctl.tail import last_lines, read_new, read_small

LINES = 400
"""Last lines of a log that are looked at: the tracebacks of eight processes."""

_END_BYTES = 1 << 18
_COUNTED = 1 << 29
"""A file longer than this (bytes) keeps its line numbers to itself."""


def case_of(
    run_dir: Path,
    row: RunRow,
    *,
    jobs: Sequence[JobRow],
    attempts: Sequence[AttemptRow],
    accounts: Accounts | None = None,
    pace: float | None = None,
) -> Case:
    """Return the case of a run: reads files in its directory, asks nobody.

    `jobs` and `attempts` are those of the registry, oldest first; `pace` is seconds an epoch. Files that are missing
    or cannot be read leave gaps.
    """
    files = RunDir(run_dir)
    job = jobs[-1] if jobs else None
    log, first, lines = _log(files, job)
    attempt, end_line, end = _end(files, attempts)
    config = {key: value for key, value in read_facts(run_dir).values.items() if "." in key}
    asked, command = _asked(files)
    return Case(
        run=run_name(row.number),
        state=row.state,
        cluster=row.cluster,
        exit_code=row.exit_code if job is None or job.exit_code is None else job.exit_code,
        signal=job.signal if job else row.signal,
        node=row.node,
        said=row.reason if row.reason not in _EMPTY else None,
        job=row.job_id,
        message=row.message,
        cancelled=row.cancelled,
        elapsed=row.ended - row.started if row.started is not None and row.ended is not None else None,
        log=log,
        first=first,
        lines=tuple(lines),
        attempt=attempt,
        ended=end.status if end else None,
        end_line=end_line,
        end_message=end.message if end else None,
        epoch=row.epoch,
        epochs=row.epochs,
        resumable=(files.checkpoints / "manifest.json").exists(),
        trainer=row.expects_events,
        asked=asked,
        dependency=_dependency(files),
        config=config,
        command=command,
        evaluates=row.evaluates,
        pace=pace,
        path=str(run_dir),
        accounts=accounts,
    )


_EMPTY = (None, "", "None", "NonZeroExitCode")


def _log(files: RunDir, job: JobRow | None) -> tuple[str | None, int, list[str]]:
    """Return the name of the newest job's log, the number of its first line that is looked at, and those lines."""
    path = files.log(job.job_id) if job else next(iter(files.logs()[-1:]), None)
    if path is None or not path.exists():
        return None, 1, []
    try:
        lines = last_lines(path, LINES)
        total = _lines_in(path)
    except (ArctlError, OSError) as error:
        return path.name, 1, [f"the log cannot be read: {error}"]
    return path.name, max(1, total - len(lines) + 1) if total else 0 if lines else 1, lines


def _end(files: RunDir, attempts: Sequence[AttemptRow]) -> tuple[str | None, int | None, events.End | None]:
    """Return the newest attempt's event file, the line of its end record, and the record."""
    names = [attempt.name for attempt in attempts] or [path.name for path in files.attempt_dirs()]
    if not names:
        return None, None, None
    path = files.events(names[-1])
    shown = str(path.relative_to(files.path))
    try:
        size = path.stat().st_size
        chunk = read_new(path, max(0, size - _END_BYTES), limit=_END_BYTES)
    except (ArctlError, OSError):
        return shown, None, None
    for back, line in enumerate(reversed(chunk.lines)):
        event = events.parse(line)
        if isinstance(event, events.End):
            total = _lines_in(path)
            return shown, total - back if total else None, event
    return shown, None, None


def _lines_in(path: Path) -> int:
    """Return how many lines a file has, half a last one counted too; 0 where it is too long to count."""
    count, last = 0, b"\n"
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if os.fstat(file.fileno()).st_size > _COUNTED:
            return 0
        while block := file.read(1 << 20):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def _dependency(files: RunDir) -> str | None:
    try:
        return options(read_small(files.script).decode("utf-8", "replace")).get("dependency")
    except (ArctlError, OSError):
        return None


def _asked(files: RunDir) -> tuple[dict[str, object], tuple[str, ...]]:
    try:
        run = read_run(files.run_yaml)
    except (ArctlError, OSError):
        return {}, ()
    return {key: value for key, value in run.values.items() if value is not None}, run.command
