"""run.yaml: what a run is, so that the registry can be made again from the run directories.

Written by arctl only, as a whole: readers see the old file or the new one. Keys of a newer arctl are kept.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from arctl.errors import ArctlError, DataError, nearest
from arctl.rundir import CONTRACT
from arctl.runtext import text_of, with_first_job
from arctl.strictyaml import plain_document
from arctl.taker import Taker
from arctl.text import safe_line

LIMIT = 1 << 20
"""Bytes that a run.yaml may have."""

SUBMISSIONS = ("submitting", "unconfirmed", "refused", "submitted")
"""Where the hand-over of a run to its scheduler can stand."""

_CURE = "restore the file, or move the run's directory away"


@dataclass(frozen=True)
class JobFile:
    """A job in run.yaml."""

    cluster: str
    """Where it was sent."""
    id: str
    """`77`, or `77_3` for an array's element."""
    submitted: float
    """When, Unix seconds."""
    token: str | None = None
    """What names it in the scheduler; None is the run's own token."""


@dataclass(frozen=True)
class RunFile:
    """The keys of run.yaml, as docs/run-directory.md has them."""

    number: int
    """12 for `run12`."""
    token: str
    """Names the job in the scheduler."""
    name: str
    """Name."""
    created: float
    """When it was made, Unix seconds."""
    template: str
    """Job template."""
    cluster: str
    """`slurm` or `local`."""
    model: str | None = None
    """Catalog name; None for a run of a user's own command."""
    data: str | None = None
    """Data set."""
    preset: str | None = None
    """Preset."""
    tags: tuple[str, ...] = ()
    """Tags."""
    note: str = ""
    """Free text."""
    group: str | None = None
    """Group."""
    sweep: str | None = None
    """Sweep."""
    values: Mapping[str, object] = field(default_factory=dict)
    """The template's variables as rendered."""
    command: tuple[str, ...] = ()
    """What the job runs."""
    rerun_of: int | None = None
    """The run that this one repeats."""
    submission: str = "submitting"
    """One of `SUBMISSIONS`."""
    jobs: tuple[JobFile, ...] = ()
    """Its jobs, newest last."""
    cancelled: float | None = None
    """When arctl was asked to cancel it, Unix seconds."""
    params: Mapping[str, object] | None = None
    """What it sets as an element of a sweep, dotted key to value."""
    code: Mapping[str, object] | None = None
    """The code snapshot that its job runs (`snapshot.Snapshot.facts`); None for live code."""
    handed: float | None = None
    """When the newest hand-over began, Unix seconds; None is `created`."""
    once: str | None = None
    """A key that one run alone may have."""
    evaluates: int | None = None
    """The run whose weights this one scores; `command` says how."""
    contract: int = CONTRACT
    """Version of the contract."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Keys that this arctl does not know."""

    @property
    def expects_events(self) -> bool:
        """Whether the bundled trainer runs: a user's own command may write no events."""
        return self.model is not None

    def with_job(self, cluster: str, job_id: str, submitted: float) -> RunFile:
        """Return this run with one more job, submitted; a job that it has already is not added again."""
        known = any((job.cluster, job.id) == (cluster, job_id) for job in self.jobs)
        jobs = self.jobs if known else (*self.jobs, JobFile(cluster, job_id, submitted))
        return replace(self, jobs=jobs, submission="submitted")

    def handed_over_again(self, token: str, at: float) -> RunFile:
        """Return this run while a further job is handed over under a token of its own; its jobs keep theirs."""
        jobs = tuple(replace(job, token=job.token or self.token) for job in self.jobs)
        return replace(self, token=token, handed=at, submission="submitting", jobs=jobs, cancelled=None)


def read_run(path: Path) -> RunFile:
    """Read a run.yaml. Raises DataError with file and key where it is missing, damaged or breaks the contract."""
    found = _load(path)
    known = {item.name for item in fields(RunFile)} - {"extra"}
    extra = {str(key): value for key, value in found.items() if key not in known}
    take = Taker(path, found, cure=_CURE)
    contract = take.of("contract", int)
    if contract > CONTRACT:
        raise DataError(f"contract {contract} is newer than this arctl", where=str(path), cure="upgrade arctl")
    number, submission = take.of("number", int), take.of("submission", str)
    if submission not in SUBMISSIONS:
        raise DataError(f"submission: {nearest(submission, SUBMISSIONS)}", where=str(path), cure=_CURE)
    return RunFile(
        number=number,
        token=take.of("token", str),
        name=take.of("name", str),
        created=float(take.of("created", int, float)),
        template=take.of("template", str),
        cluster=take.of("cluster", str),
        **{name: take.maybe(name, str) for name in ("model", "data", "preset", "group", "sweep")},
        tags=take.texts("tags"),
        note=take.maybe("note", str) or "",
        values=take.maybe("values", dict) or {},
        command=take.texts("command"),
        rerun_of=take.maybe("rerun_of", int),
        submission=submission,
        jobs=_jobs(take),
        cancelled=take.maybe("cancelled", int, float),
        params=take.maybe("params", dict),
        code=take.maybe("code", dict),
        handed=take.maybe("handed", int, float),
        once=take.maybe("once", str),
        evaluates=take.maybe("evaluates", int),
        contract=contract,
        extra=extra,
    )


def write_run(path: Path, run: RunFile, *, flush: bool = True) -> None:
    """Write a run.yaml as a whole: a reader, a crash or a full disk meets the old file or the new one.

    Without `flush` a machine that crashes right now may lose the change.
    Raises ArctlError where it cannot be written; the old file is as it was then.
    """
    _replace(path, text_of(run), flush=flush)


def _replace(path: Path, content: str, *, flush: bool) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            if flush:
                os.fsync(file.fileno())
        draft.replace(path)
        if flush:
            with _directory(path.parent) as directory:
                os.fsync(directory)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        what = f"cannot be written: {error.strerror}"
        raise ArctlError(what, where=str(path), cure="check space and rights; the old file is as it was") from error


def change_run(path: Path, how: Callable[[RunFile], RunFile], *, flush: bool = True) -> RunFile:
    """Replace a run.yaml by `how` of it and return the new one; two arctl on one machine take turns.

    Raises DataError or ArctlError as `read_run` and `write_run` do.
    """
    with _turn(path):
        run = how(read_run(path))
        write_run(path, run, flush=flush)
        return run


@dataclass(frozen=True)
class Written:
    """What was written into a new run.yaml, and which file that was."""

    text: str
    """Its content: `text_of` a run that has no job yet."""
    inode: int
    """Its inode, which every replacement changes."""
    mtime_ns: int
    """When it was written, nanoseconds."""


def add_job(path: Path, job: JobFile, *, written: Written | None = None, flush: bool = True) -> None:
    """Add a job to a run, which is submitted then. Where the file is as `written`, it is not read again.

    Raises DataError or ArctlError as `read_run` and `write_run` do.
    """
    with _turn(path):
        text = with_first_job(written.text, job) if written is not None and _is_same(path, written) else None
        if text is None:
            text = text_of(read_run(path).with_job(job.cluster, job.id, job.submitted))
        _replace(path, text, flush=flush)


def _is_same(path: Path, written: Written) -> bool:
    found = path.stat()
    return (found.st_ino, found.st_mtime_ns) == (written.inode, written.mtime_ns)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Hold a run's directory while its run.yaml is changed."""
    try:
        with _directory(path.parent) as directory:
            with suppress(OSError):
                fcntl.flock(directory, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}", where=str(path.parent), cure=_CURE) from error


def _jobs(take: Taker) -> tuple[JobFile, ...]:
    found = []
    for job in take.maybe("jobs", list) or []:
        if not isinstance(job, dict):
            raise take.wrong("jobs", "a list of mappings")
        one = Taker(take.path, job, cure=_CURE)
        submitted = float(one.of("submitted", int, float))
        found.append(JobFile(one.of("cluster", str), str(one.of("id", str, int)), submitted, one.maybe("token", str)))
    return tuple(found)


def _load(path: Path) -> Mapping[Any, Any]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_size > LIMIT:
                raise DataError(f"no regular file of at most {LIMIT} bytes", where=str(path), cure=_CURE)
            content = os.read(file, LIMIT)
        finally:
            os.close(file)
        mapping = plain_document(content)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path), cure=_CURE) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"no YAML: {safe_line(str(error), limit=200)}", where=str(path), cure=_CURE) from error
    if not isinstance(mapping, dict):
        raise DataError("the top level must be a mapping", where=str(path), cure=_CURE)
    return mapping


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield number
    finally:
        os.close(number)
