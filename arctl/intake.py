"""What the event files of a run say beyond what the registry knows: read from an offset, folded into news.

Run directories are the truth: where an event file no longer fits what was read of it, the run is read again.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from arctl import events
from arctl.errors import DataError
from arctl.registry import ingest
from arctl.registry.connect import transaction
from arctl.registry.ingest import AttemptNews, Curves
from arctl.registry.rows import Offset
from arctl.registry.settle import settle
from arctl.rundir import RunDir, attempt_order, run_name
from arctl.settings import Workspace
from arctl.tail import Chunk, read_new, read_small

CHUNK = 1 << 20
"""Bytes of an event file that are read and stored at a time: a writer never holds the registry for long."""

_ATTEMPT = re.compile(r"([A-Za-z0-9_-]+)\.(\d+)")
_NOWHERE = Offset(0, 0, -1)
_WHOLE = 1 << 53
_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]


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
                taken.append(replace(news, points=[], curves=[]))
        settle(connection, number, now=now)
    return taken


def _fold(number: int, attempt: str, chunk: Chunk, at: Offset) -> AttemptNews:
    """Return what the lines of a chunk say; `at` is where the registry stands."""
    news = AttemptNews(number, attempt, chunk.begin, chunk.offset, chunk.inode, at.last_seq)
    step, epoch, begin, guess = at.step, at.epoch, chunk.begin, -2
    names: tuple[str, ...] = ()
    lines, index = chunk.lines, 0
    while index < len(lines):
        if names and (block := _plain_steps(lines, index, names, news.last_seq + 1)).steps:
            step, epoch = _take_steps(news, block)
            begin += sum(map(len, lines[index : index + len(block.steps)])) + len(block.steps)
            index += len(block.steps)
            continue
        event, place = events.parse(lines[index]), begin
        begin, index = begin + len(lines[index]) + 1, index + 1
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
        if isinstance(event, events.Step):
            names = tuple(event.metrics)
    return news


def _plain_steps(lines: Sequence[bytes], first: int, names: tuple[str, ...], seq: int) -> Curves:
    """Return the steps on the lines from `first` on, as long as each leaves no doubt: `events.parse` is for the rest.

    They are what trainers write by the million: these metrics, this `seq` and those that follow, no odd value.
    """
    rows: list[tuple[int, float, float, tuple[float, ...]]] = []
    with suppress(ValueError, KeyError, TypeError, StopIteration, RecursionError):
        for place in range(first, len(lines)):
            found, end = _scan(text := lines[place].decode(), 0)
            metrics = found["metrics"]
            plain = found["kind"] == "step" and found["seq"] == seq and tuple(metrics) == names
            if not plain or type(found["seq"]) is not int or end != len(text) or len(lines[place]) > events.LINE_LIMIT:
                break
            rows.append((found["step"], found["epoch"], found["t"], tuple(metrics.values())))
            seq += 1
    block = Curves(names, *map(list, zip(*rows, strict=True))) if rows else Curves(names, [], [], [], [])
    if _all_plain(block):
        return block
    return block.cut(0, next(row for row in range(len(block.steps)) if not _all_plain(block.cut(row, row + 1))))


def _all_plain(block: Curves) -> bool:
    """Tell whether every number is of its own type and in range; column by column, since there are so many."""
    counts: tuple[tuple[Sequence[float], type], ...] = (block.steps, int), (block.epochs, float), (block.times, float)
    return not block.steps or (
        all({kind}.issuperset(map(type, cells)) for cells, kind in counts)
        and all(min(cells) >= 0 and max(cells) < _WHOLE and not math.isnan(sum(cells)) for cells, _ in counts)
        and {float}.issuperset(map(type, chain.from_iterable(block.values)))
    )


def _take_steps(news: AttemptNews, block: Curves) -> tuple[int, float]:
    news.curves.append(block)
    news.events += len(block.steps)
    news.last_seq += len(block.steps)
    news.last_event, news.step, news.epoch = block.times[-1], block.steps[-1], block.epochs[-1]
    return block.steps[-1], block.epochs[-1]


def _add(
    news: AttemptNews, event: events.Step | events.Epoch | events.Eval | events.System, at: tuple[int, float]
) -> None:
    if event.metrics:
        block = Curves(tuple(event.metrics), [], [], [], [])
        block.add(*at, event.t, tuple(event.metrics.values()))
        news.curves.append(block)


def _take(news: AttemptNews, event: events.Event, step: int, epoch: float) -> tuple[int, float]:
    news.events += 1
    news.last_event = event.t
    match event:
        case events.Step() | events.Epoch() | events.Eval():
            step, epoch = event.step, event.epoch
            news.step, news.epoch = step, epoch
            _add(news, event, (step, epoch))
        case events.System():
            _add(news, event, (step, epoch))
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
    try:
        with os.scandir(directory.attempts) as entries:
            names = [entry.name for entry in entries if _ATTEMPT.fullmatch(entry.name) and entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    names.sort(key=attempt_order)
    if len(names) < 2 or names == list(known):
        return names
    jobs: dict[str, float] = {}
    for name in names:
        job = name.rpartition(".")[0]
        jobs[job] = min(jobs.get(job, float("inf")), _claimed(directory.attempts / name))
    return sorted(names, key=lambda name: (jobs[name.rpartition(".")[0]], int(name.rpartition(".")[2]), name))


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
