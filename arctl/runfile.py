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
from arctl.strictyaml import plain_document
from arctl.text import safe_line

LIMIT = 1 << 20
"""Bytes that a run.yaml may have."""

SUBMISSIONS = ("submitting", "unconfirmed", "refused", "submitted")
"""Where the hand-over of a run to its scheduler can stand."""

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
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
    take = _Taker(path, found)
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
        jobs=take.jobs(),
        cancelled=take.maybe("cancelled", int, float),
        params=take.maybe("params", dict),
        code=take.maybe("code", dict),
        handed=take.maybe("handed", int, float),
        once=take.maybe("once", str),
        contract=contract,
        extra=extra,
    )


def write_run(path: Path, run: RunFile, *, flush: bool = True) -> None:
    """Write a run.yaml as a whole: a reader, a crash or a full disk meets the old file or the new one.

    Without `flush` a machine that crashes right now may lose the change.
    Raises ArctlError where it cannot be written; the old file is as it was then.
    """
    content = yaml.dump(_mapping(run), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=1 << 16)
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


def change_run(
    path: Path, how: Callable[[RunFile], RunFile], *, flush: bool = True, known: tuple[RunFile, int] | None = None
) -> RunFile:
    """Replace a run.yaml by `how` of it and return the new one; two arctl on one machine take turns.

    `known` is what was written, and the file's inode then: where nobody has replaced it since, it is not read again.
    Raises DataError or ArctlError as `read_run` and `write_run` do.
    """
    try:
        with _directory(path.parent) as directory:
            with suppress(OSError):
                fcntl.flock(directory, fcntl.LOCK_EX)
            same = known is not None and path.stat().st_ino == known[1]
            run = how(known[0] if known is not None and same else read_run(path))
            write_run(path, run, flush=flush)
            return run
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}", where=str(path.parent), cure=_CURE) from error


class _Taker:
    """Takes checked values out of a mapping."""

    def __init__(self, path: Path, found: Mapping[Any, Any]) -> None:
        self._path = path
        self._found = found

    def wrong(self, key: str, wanted: str) -> DataError:
        return DataError(f"{key}: {wanted} is wanted", where=str(self._path), cure=_CURE)

    def maybe(self, key: str, *kinds: type) -> Any:
        value = self._found.get(key)
        if value is None:
            return None
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise self.wrong(key, " or ".join(kind.__name__ for kind in kinds))
        if isinstance(value, int | float) and not abs(value) < 1 << 53:
            raise self.wrong(key, "a smaller number")
        return value

    def of(self, key: str, *kinds: type) -> Any:
        value = self.maybe(key, *kinds)
        if value is None:
            raise self.wrong(key, " or ".join(kind.__name__ for kind in kinds))
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.maybe(key, list) or []
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(key, "a list of text")
        return tuple(values)

    def jobs(self) -> tuple[JobFile, ...]:
        found = []
        for job in self.maybe("jobs", list) or []:
            if not isinstance(job, dict):
                raise self.wrong("jobs", "a list of mappings")
            take = _Taker(self._path, job)
            submitted = float(take.of("submitted", int, float))
            token = take.maybe("token", str)
            found.append(JobFile(take.of("cluster", str), str(take.of("id", str, int)), submitted, token))
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


def _mapping(run: RunFile) -> dict[str, object]:
    mapping: dict[str, object] = {"contract": run.contract}
    for item in fields(RunFile):
        value = getattr(run, item.name)
        if item.name == "jobs":
            value = [_job(job) for job in value]
        if item.name != "extra":
            mapping[item.name] = _plain(value)
    return {**mapping, **{key: _plain(value) for key, value in run.extra.items()}}


def _job(job: JobFile) -> dict[str, object]:
    facts: dict[str, object] = {"cluster": job.cluster, "id": job.id, "submitted": job.submitted}
    return facts if job.token is None else {**facts, "token": job.token}


def _plain(value: object) -> object:
    """Return lists for tuples and text for paths and words of an enum, so that YAML needs no tags."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or type(value) in (bool, int, float):
        return value
    return str(value).encode("utf-8", "replace").decode("utf-8")


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield number
    finally:
        os.close(number)
