"""What `arctl logs` prints when it is asked for a text, an error or a time, and how."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click

from arctl.cli.context import echo_json, narrate
from arctl.errors import UsageError
from arctl.longlog import Query
from arctl.rundir import run_name

_BEFORE = 3
_AFTER = 20
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Row:
    """A line to print."""

    at: int
    """Byte offset at which it begins."""
    text: str
    """What it says, safe to show."""
    number: int | None = None
    """Its number, from 1, where that was counted."""


@dataclass(frozen=True)
class Chosen:
    """Which lines of a log were asked for. Raises UsageError for what does not go together."""

    grep: str | None
    errors: bool
    moment: str | None
    since: str | None
    follow: bool
    as_json: bool

    def __post_init__(self) -> None:
        asked = [name for name, value in self._ways if value is not None]
        if len(asked) > 1:
            raise UsageError(f"{' and '.join(asked)} do not go together", cure="give one of them")
        if self.follow and (self.errors or self.moment is not None or self.as_json):
            raise UsageError("--follow goes with --grep, --since and -n only", cure="leave --follow away")
        _ = self.query

    @property
    def _ways(self) -> tuple[tuple[str, object], ...]:
        errors = True if self.errors else None
        return (("--grep", self.grep), ("--errors", errors), ("--at", self.moment), ("--since", self.since))

    @cached_property
    def query(self) -> Query | None:
        """What to look for. Raises UsageError."""
        from arctl.longlog import query_of

        return None if self.grep is None else query_of(self.grep)

    def passes(self, line: str) -> bool:
        """Tell whether a line is to be shown while following."""
        return self.query is None or bool(self.query.spans(line))


def show(number: int, path: Path, chosen: Chosen, *, lines: int | None, most: int) -> bool:
    """Print what was asked for of a log; return whether there was any of it."""
    rows: Iterable[Row]
    if chosen.query is not None:
        rows = _matching(path, chosen.query, lines)
        nothing = f"no line of {path.name} has {chosen.grep!r}"
    elif chosen.errors:
        rows = _first_error(path, _AFTER if lines is None else lines)
        nothing = f"no line of {path.name} tells of an error"
    elif chosen.moment is not None or chosen.since is not None:
        rows = _timed(path, chosen, lines, most)
        nothing = f"nothing was written to {path.name} since {chosen.since}"
    else:
        rows, nothing = _last(path, most if lines is None else lines), ""
    found = _print_json(number, path, rows) if chosen.as_json else _print(rows)
    if not found and nothing:
        narrate(nothing)
    return found or not nothing


def _print(rows: Iterable[Row]) -> bool:
    found = False
    for row in rows:
        found = True
        click.echo(row.text if row.number is None else f"{row.number}:{row.text}")
    return found


def _print_json(number: int, path: Path, rows: Iterable[Row]) -> bool:
    lines = [{"at": row.at, "number": row.number, "text": row.text} for row in rows]
    echo_json("arctl.logs/1", {"run": run_name(number), "log": path.name, "lines": lines})
    return bool(lines)


def _last(path: Path, count: int) -> list[Row]:
    from arctl.longlog import window

    lines = window(path, before=count - 1).lines if count else ()
    return [Row(line.at, line.text) for line in lines]


def _matching(path: Path, query: Query, most: int | None) -> Iterator[Row]:
    from arctl.longlog import every

    found = (Row(hit.line, text, number) for number, hit, text in every(path, query))
    return found if most is None else iter(deque(found, maxlen=most))


def _first_error(path: Path, after: int) -> Iterator[Row]:
    from arctl.longlog import Tally, counted, next_fault, number_at, window

    hit = next_fault(path, after=None)
    if hit is None:
        return
    tally = Tally()
    while tally.upto <= hit.line and tally.upto < window(path).stamp.size:
        tally = counted(path, tally)
    seen = window(path, hit.line, before=_BEFORE, after=after)
    first = number_at(path, tally, seen.lines[0].at) if seen.lines else None
    for place, line in enumerate(seen.lines):
        yield Row(line.at, line.text, None if first is None else first + place)


def _timed(path: Path, chosen: Chosen, lines: int | None, most: int) -> Iterator[Row]:
    from arctl.longlog import place_at, place_of, window

    if chosen.moment is not None:
        place = place_of(path, chosen.moment)
        count = most if lines is None else lines
        yield from (Row(line.at, line.text) for line in window(path, place.at, after=count - 1).lines[:count])
        return
    wanted = _since(path, chosen.since or "")
    place = place_at(path, wanted)
    if place.t < wanted:
        narrate(f"the log's last time is {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(place.last))}")
        return
    found = _from(path, place.at)
    yield from found if lines is None else deque(found, maxlen=lines)


def _since(path: Path, text: str) -> float:
    """Return the time that `--since` names: so long before now, or a time of day or date."""
    from arctl.longlog.clock import moment

    span = _SPAN.fullmatch(text.strip())
    now = time.time()
    return now - float(span[1]) * _UNITS[span[2]] if span else moment(text, last=now)


def _from(path: Path, at: int) -> Iterator[Row]:
    """Give each line from a byte offset on."""
    from arctl.longlog import window

    while True:
        seen = window(path, at, after=500)
        rows = [line for line in seen.lines if line.at >= at]
        yield from (Row(line.at, line.text) for line in rows)
        if not rows or seen.at_end:
            return
        at = rows[-1].end


def lines_since(path: Path, text: str) -> int:
    """Return how many lines were written since a time. Raises UsageError, and NotFoundError where lines say none."""
    from arctl.longlog import place_at

    wanted = _since(path, text)
    place = place_at(path, wanted)
    return 0 if place.t < wanted else sum(1 for _ in _from(path, place.at))
