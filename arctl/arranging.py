"""The order and the folding of a list of runs: what `arctl ls --sort --group` prints and the dashboard's table shows.

Pure functions over rows. A sweep, and the seeds of one submission, fold into a line of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from arctl.filtering.fields import Context, Field, Kind, lookup
from arctl.registry.rows import RunRow
from arctl.states import State

AUTO = "auto"
"""Fold sweeps and arrays that have more than one run; leave every other run alone."""

GROUPS = ("sweep", "model", "data", "tag", "group", "state")
"""By what else runs can be grouped."""

NONE = "(none)"
"""Stands for runs without a sweep, tag, model, data set or group."""

METRIC = "val/top1"
"""Whose best value, the largest, a head shows."""

RANKS: Mapping[State, int] = {
    state: rank
    for rank, state in enumerate((
        State.RUNNING, State.SUSPENDED, State.PENDING, State.SUBMITTING, State.UNCONFIRMED, State.UNKNOWN,
        State.FAILED, State.OUT_OF_MEMORY, State.TIMEOUT, State.NODE_FAIL, State.PREEMPTED, State.REFUSED,
        State.CANCELLED, State.COMPLETED,
    ))
}  # fmt: skip
"""The order of states: what lives, what failed, what is done."""


class RunLine(NamedTuple):
    """A line of the list that is a run."""

    row: RunRow
    """The run."""
    depth: int = 0
    """1 beneath a head."""


class HeadLine(NamedTuple):
    """A line of the list that stands for several runs."""

    key: str
    """Names it from one arrangement to the next: `sweep:lr`."""
    title: str
    """What it is called; a foreign string."""
    kind: str
    """`sweep`, `array`, or by what was grouped."""
    rows: tuple[RunRow, ...]
    """Its runs, in their order."""
    counts: tuple[tuple[State, int], ...]
    """How many are in each state, what lives first."""
    best: float | None
    """The best value of `val/top1` that any of them reached."""
    best_run: int | None
    """Which of them."""
    open: bool
    """Whether its runs follow."""


Line = RunLine | HeadLine


class _All:
    """Holds everything: every head is open."""

    def __contains__(self, key: object) -> bool:
        return True


ALL: Container[str] = _All()
"""For `arrange`: every head is open."""


def arrange(
    rows: Iterable[RunRow],
    *,
    keep: Callable[[RunRow], bool] | None = None,
    sort: str | Field | None = None,
    reverse: bool = False,
    group: str | None = AUTO,
    open: Container[str] = frozenset(),
    context: Context | None = None,
) -> list[Line]:
    """Return the lines of the list: rows that are kept, sorted, folded.

    `sort` is any field of a filter (None: the order that they have), `group` is `auto`, one of `GROUPS` or None, `open`
    holds the keys of the heads whose runs are shown. A head stands where its first run would.
    """
    chosen = list(rows) if keep is None else list(filter(keep, rows))
    if sort is not None:
        chosen = sorted_rows(chosen, sort, reverse=reverse, context=context or Context())
    return [RunLine(row) for row in chosen] if group is None else fold(chosen, group, open=open)


def sorted_rows(
    rows: Sequence[RunRow], key: str | Field, *, reverse: bool = False, context: Context | None = None
) -> list[RunRow]:
    """Return rows in the order of a field; runs without a value come last either way, equal ones keep their order.

    Raises UsageError for an unknown field.
    """
    field = lookup(key) if isinstance(key, str) else key
    read = field.bind(context or Context())
    size = _SIZES.get(field.kind)
    with_value: list[tuple[Any, RunRow]] = []
    without: list[RunRow] = []
    for row in rows:
        value = read(row)
        if value is None or value != value or value in ("", ()):
            without.append(row)
        else:
            with_value.append((value if size is None else size(value), row))
    with_value.sort(key=_first, reverse=reverse)
    return [row for _, row in with_value] + without


def fold(rows: Sequence[RunRow], by: str = AUTO, *, open: Container[str] = frozenset()) -> list[Line]:
    """Return rows with those that belong together under a head each, which stands where the first of them would.

    By `tag` a run with two tags stands under both.
    """
    groups: dict[tuple[str, str], list[RunRow]] = {}
    order: list[RunRow | list[RunRow]] = []
    names: dict[int, tuple[str, str]] = {}  # of each list in `order`, by its place
    families = _family if by == AUTO else _by(by)
    for row in rows:
        found = families(row)
        if not found:
            order.append(row)
        for family in found:
            members = groups.get(family)
            if members is None:
                names[len(order)] = family
                groups[family] = members = []
                order.append(members)
            members.append(row)
    lines: list[Line] = []
    for place, one in enumerate(order):
        if not isinstance(one, list):
            lines.append(RunLine(one))
        elif by == AUTO and len(one) == 1:
            lines.append(RunLine(one[0]))
        else:
            head = _head(*names[place], one, open)
            lines.append(head)
            if head.open:
                lines += [RunLine(row, 1) for row in one]
    return lines


_SEEDED = re.compile(r"(.+)-s\d+")
_ELEMENT = re.compile(r"(.+)_\d+")
_TAIL = re.compile(r"[-_.]+s?$")
_JOB = "job "


def _family(row: RunRow) -> Sequence[tuple[str, str]]:
    """Return the sweep of a run, or the submission whose seeds or elements it is one of."""
    if row.sweep:
        return (("sweep", row.sweep),)
    if row.group and (match := _SEEDED.fullmatch(row.name)):
        own = f"{match[1]}-seeds"
        return (("array", own if row.group == own else f"{row.group}/{match[1]}"),)
    if row.job_id and "_" in row.job_id and (match := _ELEMENT.fullmatch(row.job_id)):
        return (("array", f"{_JOB}{row.cluster} {match[1]}"),)
    return ()


def _by(way: str) -> Callable[[RunRow], Sequence[tuple[str, str]]]:
    match way:
        case "tag":
            return lambda row: [("tag", tag) for tag in row.tags or (NONE,)]
        case "state":
            return lambda row: (("state", row.state.value.replace("_", " ")),)
        case "sweep" | "model" | "data" | "group":
            return lambda row: ((way, getattr(row, way) or NONE),)
    raise ValueError(way)


def _head(kind: str, title: str, rows: list[RunRow], open: Container[str]) -> HeadLine:
    counted = Counter(map(_state, rows))
    counts = tuple(sorted(counted.items(), key=_rank)) if len(counted) > 1 else tuple(counted.items())
    best = run = None
    for row in rows:
        known = row.metrics.get(METRIC)
        if known is not None and known.max is not None and (best is None or known.max > best):
            best, run = known.max, row.number
    key = f"{kind}:{title}"
    if kind == "array" and title.startswith(_JOB):
        title = _TAIL.sub("", _beginning([row.name for row in rows])) or title
    return HeadLine(key, title, kind, tuple(rows), counts, best, run, key in open)


def _beginning(names: Sequence[str]) -> str:
    """Return what all names begin with."""
    first, last = min(names), max(names)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in same)


def _rank(pair: tuple[State, int]) -> int:
    return RANKS[pair[0]]


_state = attrgetter("state")
_first = itemgetter(0)


_DIGITS = re.compile(r"\d+")


@lru_cache(maxsize=1 << 15)
def _natural(text: str) -> str:
    """Return what puts `lr-9` before `lr-10`: whole numbers as wide as each other."""
    return _DIGITS.sub(_wide, text.casefold())


def _wide(digits: re.Match[str]) -> str:
    return digits[0].zfill(12)


def _value(value: object) -> tuple[int, Any]:
    """Return the place of what a configuration holds: numbers before text."""
    if isinstance(value, (int, float)):
        return 0, value
    return 1, _natural(str(value))


_SIZES: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _natural,
    Kind.WORDS: lambda tags: [tag.casefold() for tag in tags],
    Kind.STATE: RANKS.__getitem__,
    Kind.VALUE: _value,
}
"""What the values of a kind are sorted by; others by themselves."""
