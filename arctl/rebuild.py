"""The registry made anew from the run directories.

Run directories are the truth. The one thing that they do not hold is what schedulers said, which a rebuild takes over
from the old registry where that can be read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arctl.errors import ArctlError, DataError
from arctl.intake import Restarted, fresh_news
from arctl.registry import ingest, read
from arctl.registry.connect import RegistryDamaged, RegistryTooNew, begin, draft, transaction
from arctl.registry.rows import JobRow, RunRow
from arctl.registry.settle import settle
from arctl.rundir import RunDir, number_of, run_name
from arctl.settings import Workspace
from arctl.states import State

if TYPE_CHECKING:
    from arctl.runfile import RunFile

_BATCH = 200


@dataclass(frozen=True)
class RebuildReport:
    """What a rebuild found."""

    runs: int
    """Runs in the new registry."""
    events: int
    """Event lines read."""
    damaged: int
    """Event lines that could not be read."""
    troubles: tuple[str, ...]
    """What was left out, and why, one line each."""
    backup: Path | None
    """Where the old registry is now; None where there was none."""


def rebuild(workspace: Workspace) -> RebuildReport:
    """Make runs.db anew from the run directories, beside the old one, and put it in its place at once.

    The old one is kept as `runs.db.bak-<time>`. Writers wait meanwhile. What cannot be read is reported and left out.
    Raises ArctlError where the new one cannot be made; the old one is as it was then.
    """
    db, new = workspace.db, draft(workspace.db)
    lock = None
    with suppress(RegistryDamaged, RegistryTooNew):
        lock = begin(db)
    try:
        if lock is not None:
            _remove_drafts(db)
        troubles: list[str] = []
        rows, jobs, configs = _restored(workspace, troubles)
        _restore(new, rows, jobs, configs)
        counted, damaged = _read_all(workspace, new, [row.number for row in rows], troubles)
        backup = _replace(db, new, readable=lock is not None)
    finally:
        if lock is not None:
            lock.close()
        for path in (new, new.with_name(f"{new.name}-journal")):
            path.unlink(missing_ok=True)
    return RebuildReport(len(rows), counted, damaged, tuple(troubles), backup)


def _restored(
    workspace: Workspace, troubles: list[str]
) -> tuple[list[RunRow], list[JobRow], dict[int, dict[str, object]]]:
    """Return the runs of the run directories, their jobs with what schedulers said of them, their configurations."""
    from arctl.indexed import config_of, size_of_run
    from arctl.runfile import read_run

    said, why = _carried(workspace.db)
    rows: list[RunRow] = []
    jobs: list[JobRow] = []
    configs: dict[int, dict[str, object]] = {}
    for path in sorted(workspace.runs.iterdir()) if workspace.runs.is_dir() else ():
        number = number_of(path)
        if number is None or not path.is_dir():
            continue
        try:
            run = read_run(RunDir(path).run_yaml)
            if run.number != number:
                what = f"says that it is {run_name(run.number)}"
                raise DataError(what, where=str(RunDir(path).run_yaml), cure="correct `number`, or move it away")
        except (ArctlError, OSError) as error:
            troubles.append(f"{run_name(number)} was left out: {error}")
            continue
        rows.append(replace(_row(run, why.get(run.token)), **asdict(size_of_run(RunDir(path), run))))
        configs[number] = config_of(RunDir(path))
        listed = (JobRow(number, job.cluster, job.id, job.submitted, token=job.token) for job in run.jobs)
        jobs += [said.get((job.run, job.cluster, job.job_id), job) for job in listed]
    return rows, jobs, configs


def _carried(db: Path) -> tuple[Mapping[tuple[int, str, str], JobRow], Mapping[str, str]]:
    try:
        jobs = {(job.run, job.cluster, job.job_id): job for job in read.every_job(db)}
        return jobs, {row.token: row.message for row in read.runs(db, metrics=()) if row.message}
    except ArctlError:
        return {}, {}


def _row(run: RunFile, message: str | None) -> RunRow:
    same = ("number", "name", "token", "model", "data", "preset", "cluster", "template", "created", "submission")
    more = ("expects_events", "tags", "note", "group", "sweep", "rerun_of", "cancelled", "params", "handed", "once",
            "evaluates")  # fmt: skip
    settled = ("job_id", "epoch", "epochs", "step", "started", "ended", "exit_code", "node", "reason")
    cells: dict[str, Any] = {name: getattr(run, name) for name in same + more} | dict.fromkeys(settled)
    code = str(run.code["hash"]) if run.code and "hash" in run.code else None
    return RunRow(**cells, state=State.UNKNOWN, message=message, damaged=0, code=code)


def _restore(
    new: Path, rows: Sequence[RunRow], jobs: Sequence[JobRow], configs: Mapping[int, Mapping[str, object]]
) -> None:
    from arctl.registry import write

    write.restore(new, rows, jobs, configs=configs)


def _read_all(workspace: Workspace, new: Path, numbers: Sequence[int], troubles: list[str]) -> tuple[int, int]:
    counted = damaged = 0
    for first in range(0, len(numbers), _BATCH):
        with transaction(new) as connection:
            for number in numbers[first : first + _BATCH]:
                try:
                    for news in fresh_news(RunDir(workspace.run_dir(number)), number, {}):
                        ingest.store_news(connection, news)
                        counted, damaged = counted + news.events, damaged + news.damaged
                        troubles += [news.trouble] if news.trouble else []
                except (DataError, OSError, Restarted) as error:
                    troubles.append(f"{run_name(number)}: {error or 'its files changed meanwhile; `arctl sync`'}")
                settle(connection, number, now=time.time())
    return counted, damaged


def _replace(db: Path, new: Path, *, readable: bool) -> Path | None:
    """Put the new registry in the place of the old one, which is kept beside it."""
    backup = _free(db.with_name(f"{db.name}.bak-{time.strftime('%Y%m%dT%H%M%S')}"))
    try:
        if os.path.lexists(db):
            _remove_second_names(db)
            try:
                backup.hardlink_to(db)
            except OSError:
                db.rename(backup)
        journal = db.with_name(f"{db.name}-journal")
        if not readable and journal.exists():
            journal.rename(backup.with_name(f"{backup.name}-journal"))
        new.replace(db)
    except OSError as error:
        cure = "check space and rights; the old registry is as it was"
        raise ArctlError(f"cannot be replaced: {error.strerror}", where=str(db), cure=cure) from error
    return backup if os.path.lexists(backup) else None


def _free(path: Path) -> Path:
    count = 1
    chosen = path
    while os.path.lexists(chosen):
        chosen, count = path.with_name(f"{path.name}-{count}"), count + 1
    return chosen


def _remove_second_names(db: Path) -> None:
    """Remove the backups that are no copies yet: a rebuild was killed between this one's two renames."""
    for path in db.parent.glob(f"{db.name}.bak-*"):
        if db.is_file() and path.samefile(db):
            path.unlink()


def _remove_drafts(db: Path) -> None:
    """Remove what killed rebuilds left: whoever has the lock is the only one that is under way."""
    for path in db.parent.glob(f".{db.name}.new-*"):
        path.unlink(missing_ok=True)
