"""What the event files of a run say beyond what the registry knows: read from an offset, folded into news.

Run directories are the truth: where an event file no longer fits what was read of it, the run is read again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from arctl import events
from arctl.errors import DataError
from arctl.registry import ingest
from arctl.registry.connect import transaction
from arctl.registry.ingest import AttemptNews, NewPoint
from arctl.registry.rows import Offset
from arctl.registry.settle import settle
from arctl.rundir import RunDir, run_name
from arctl.settings import Workspace
from arctl.tail import Chunk, read_new, read_small

CHUNK = 1 << 20
"""Bytes of an event file that are read and stored at a time: a writer never holds the registry for long."""

_ATTEMPT = re.compile(r"([A-Za-z0-9_-]+)\.(\d+)")
_NOWHERE = Offset(0, 0, -1)


class Restarted(Exception):
    """An event file was cut or replaced, or an older attempt has appeared: the run is to be read again."""


def fresh_news(
    directory: RunDir, number: int, known: Mapping[str, Offset], *, thorough: bool = False
) -> Iterator[AttemptNews]:
    """Give what the event files of a run say beyond `known`, attempt by attempt, oldest first, piece by piece.

    A file that has not grown is not opened, unless `thorough`: opening makes a network file system look again.
    Raises Restarted where `known` no longer fits the files, DataError for a file that cannot be read.
    """
    names = _in_order(directory, known)
    for place, name in enumerate(names):
        path, at = directory.events(name), known.get(name, _NOWHERE)
        if not thorough and not _differs(path, at):
            continue
        while (chunk := read_new(path, at.offset, inode=at.inode, limit=CHUNK)).lines or chunk.restarted:
            if chunk.restarted or (name not in known and any(later in known for later in names[place + 1 :])):
                raise Restarted
            news = _fold(number, name, chunk, at)
            yield news
            step, epoch = news.step or at.step, news.epoch or at.epoch
            at = Offset(news.read_to, news.inode, news.last_seq, step, epoch)


def read_again(workspace: Workspace, number: int, known: Mapping[str, Offset], *, now: float) -> list[AttemptNews]:
    """Read a run's event files again from their start, in one transaction; returns what they said."""
    taken = []
    with transaction(workspace.db) as connection:
        if ingest.forget(connection, number, seen=known):
            for news in fresh_news(RunDir(workspace.run_dir(number)), number, {}):
                ingest.store_news(connection, news)
                taken.append(replace(news, points=[]))
        settle(connection, number, now=now)
    return taken


def _fold(number: int, attempt: str, chunk: Chunk, at: Offset) -> AttemptNews:
    """Return what the lines of a chunk say; `at` is where the registry stands."""
    news = AttemptNews(number, attempt, chunk.begin, chunk.offset, chunk.inode, at.last_seq)
    step, epoch, begin, guess = at.step, at.epoch, chunk.begin, -2
    for line in chunk.lines:
        event = events.parse(line)
        place, begin = begin, begin + len(line) + 1
        if event is None:
            continue
        if isinstance(event, events.Damaged):
            news.damaged += 1
            news.trouble = news.trouble or f"{run_name(number)} {attempt}/events.jsonl, byte {place}: {event.why}"
            continue
        if event.seq <= news.last_seq:
            continue
        # A gap is believed once the next line follows on it: one damaged digit must not hide the lines after it.
        if event.seq in (news.last_seq + 1, guess + 1):
            news.last_seq = event.seq
        else:
            guess = event.seq
        step, epoch = _take(news, event, step, epoch)
    return news


def _take(news: AttemptNews, event: events.Event, step: int, epoch: float) -> tuple[int, float]:
    news.events += 1
    news.last_event = event.t
    match event:
        case events.Step() | events.Epoch() | events.Eval():
            step, epoch = event.step, event.epoch
            news.step, news.epoch = step, epoch
            news.points += [NewPoint(name, step, epoch, event.t, value) for name, value in event.metrics.items()]
        case events.System():
            news.points += [NewPoint(name, step, epoch, event.t, value) for name, value in event.metrics.items()]
        case events.Start():
            news.begins, news.started, news.host = True, event.t, event.host
            news.resumed_step, news.epochs = event.resumed_step, event.epochs
            step = event.resumed_step or step
        case events.End():
            news.status, news.ended, news.exit_code, news.message = (
                event.status,
                event.t,
                event.exit_code,
                event.message,
            )
        case events.Caution():
            news.warnings += 1
            news.last_warning = f"{event.code}: {event.message}" if event.code else event.message
        case _:
            pass
    return step, epoch


def _in_order(directory: RunDir, known: Mapping[str, Offset]) -> list[str]:
    """Return the attempts that exist, oldest first.

    Restarts of one job follow their count, because clocks of nodes differ; jobs follow the time of their first claim.
    """
    paths = {path.name: path for path in directory.attempt_dirs() if _ATTEMPT.fullmatch(path.name)}
    if len(paths) < 2 or list(paths) == list(known):
        return list(paths)
    jobs: dict[str, float] = {}
    for name, path in paths.items():
        job = name.rpartition(".")[0]
        jobs[job] = min(jobs.get(job, float("inf")), _claimed(path))
    return sorted(paths, key=lambda name: (jobs[name.rpartition(".")[0]], int(name.rpartition(".")[2]), name))


def _claimed(attempt: Path) -> float:
    try:
        claim = json.loads(read_small(attempt / "claim.json"))
        return float(claim["time"])
    except (DataError, ValueError, TypeError, KeyError, RecursionError):
        return attempt.stat().st_mtime


def _differs(path: Path, at: Offset) -> bool:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return found.st_size != at.offset or found.st_ino & 0x7FFF_FFFF_FFFF_FFFF != at.inode
