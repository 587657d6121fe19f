"""New run directories: written beside their places and renamed there, so that each appears whole or not at all.

Those of one job appear together: where one cannot be made, none stays.
"""

from __future__ import annotations

import functools
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl.errors import ArctlError
from arctl.rundir import RunDir
from arctl.settings import Workspace

FEW = 20
"""Runs of one job whose files are each forced to the disk; of more of them only the first one's are.

A machine that crashes within seconds of such a submission may lose files: `arctl sweep resubmit --missing`.
"""

AT_A_TIME = 16
"""Steps that are under way at once where there are many."""

STALE_S = 3600.0
"""A staging directory older than this was left by a submission that was killed, seconds."""


@dataclass(frozen=True)
class NewRun:
    """What a new run directory holds."""

    number: int
    """Its run's number."""
    token: str
    """Its run's token."""
    text: str
    """Its run.yaml."""
    script: str
    """Its job.sbatch."""
    config: str | None
    """Its config.yaml; None for a run of a user's own command."""


def make(workspace: Workspace, runs: Sequence[NewRun], *, links: Path | None = None) -> list[RunDir]:
    """Make the directories of runs. Raises ArctlError or OSError; nothing of them stays then.

    In an array `links` becomes a directory where 0, 1, ... lead to them: a scheduler names logs by patterns of numbers.
    """
    made: list[Path] = []
    try:
        workspace.runs.mkdir(exist_ok=True)
        _sweep(workspace.runs)
        made += [workspace.runs / f".stage-{run.token}" for run in runs]
        _fill(made[0], runs[0], like=None, flush=True)
        rest = zip(made[1:], runs[1:], strict=True)
        fill = functools.partial(_fill, like=made[0], flush=len(runs) <= FEW)
        together([functools.partial(fill, path, run) for path, run in rest])
        for position, run in enumerate(runs):
            final = workspace.run_dir(run.number)
            if final.exists():
                raise ArctlError("a run directory of this number appeared", where=str(final), cure="submit again")
            made[position] = made[position].rename(final)
        _sync_directory(workspace.runs)
        if links is not None:
            made.append(links)
            _link(links, made[:-1])
    except BaseException:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
        raise
    return [RunDir(path) for path in made[: len(runs)]]


def write_script(path: Path, text: str) -> None:
    """Write the script of a further job beside the first one's, as a whole; what an attempt that died left goes."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.unlink(missing_ok=True)
    _write(draft, text, flush=True)
    draft.replace(path)


def together(steps: Sequence[Callable[[], None]]) -> None:
    """Take steps that do not hang on one another: many of them at a time, since shared disks answer slowly.

    Raises what the first step that failed raised; the others have ended by then.
    """
    if len(steps) <= FEW:
        for step in steps:
            step()
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in [pool.submit(step) for step in steps]:
            done.result()


def _link(place: Path, directories: Sequence[Path]) -> None:
    place.mkdir(parents=True)
    for index, directory in enumerate(directories):
        (place / str(index)).symlink_to(directory)


def _fill(stage: Path, run: NewRun, *, like: Path | None, flush: bool) -> None:
    """Write a run's files; the elements of one array share their script with the first, which lies in `like`."""
    stage.mkdir()
    staged = RunDir(stage)
    if like is None or not _linked(RunDir(like).script, staged.script):
        _write(staged.script, run.script, flush=flush)
    if run.config is not None:
        _write(staged.config, run.config, flush=flush)
    _write(staged.run_yaml, run.text, flush=flush)


def _linked(source: Path, target: Path) -> bool:
    """Make one more name for a file; not every file system can."""
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def _write(path: Path, text: str, *, flush: bool) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if flush:
            os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(runs: Path) -> None:
    """Remove what killed submissions left behind."""
    for stage in runs.glob(".stage-*"):
        if time.time() - stage.stat().st_mtime > STALE_S:
            shutil.rmtree(stage, ignore_errors=True)
