"""A sweep as one table: each configuration with its result, ranked; how many elements stand where.

The record names the elements; without it they are those whose runs the registry knows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

from arctl.errors import ArctlError, NotFoundError, nearest
from arctl.registry import read
from arctl.registry.rows import RunRow, lower_is_better
from arctl.settings import Workspace
from arctl.states import LIVE, State
from arctl.sweeps import store
from arctl.sweeps.file import METRIC, SEED
from arctl.sweeps.importance import Effect, effects
from arctl.sweeps.record import Element, Sweep
from arctl.sweeps.values import Params, identity, keys_of, value_of
from arctl.text import safe_line


@dataclass(frozen=True)
class Entry:
    """An element and the newest of its runs."""

    element: Element
    """What it sets."""
    run: RunRow | None
    """Its newest run; None where there is none."""
    tries: int
    """How many runs it has had."""
    value: float | None
    """Its best (or last) value of the metric; None where there is none that is finite."""
    epoch: float | None
    """Epoch of `value`."""
    diverged: bool = False
    """Whether the newest value of the metric is no number, or infinite."""

    @property
    def shown(self) -> float | None:
        """Its value; NaN where there is none because the training diverged."""
        return math.nan if self.value is None and self.diverged else self.value

    @property
    def alive(self) -> bool:
        """Whether a run of it can still change."""
        return self.run is not None and self.run.state in LIVE


@dataclass(frozen=True)
class Configuration:
    """Elements that differ in their seed alone."""

    params: Params
    """What they set, without the seed."""
    entries: tuple[Entry, ...]
    """One for each seed; one where there are no seeds."""

    @cached_property
    def values(self) -> tuple[float, ...]:
        """The results that there are."""
        return tuple(entry.value for entry in self.entries if entry.value is not None)

    @property
    def mean(self) -> float | None:
        """Their mean; None without any."""
        return fmean(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """Their standard deviation; None for fewer than two."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Board:
    """A sweep, its elements and their results."""

    name: str
    """The sweep."""
    sweep: Sweep | None
    """Its record; None where it is lost."""
    metric: str
    """What is ranked."""
    lower: bool
    """Whether smaller values are better."""
    entries: tuple[Entry, ...]
    """Its elements, in their order."""

    @property
    def varied(self) -> tuple[str, ...]:
        """The keys that elements set, in the order of the file."""
        return keys_of(entry.element.params for entry in self.entries)

    @cached_property
    def states(self) -> Mapping[str, int]:
        """How many elements stand where: states, and `missing`."""
        counts = Counter("missing" if entry.run is None else str(entry.run.state) for entry in self.entries)
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

    @property
    def each(self) -> list[Configuration]:
        """The elements one by one, the best first."""
        return self._ranked([Configuration(entry.element.params, (entry,)) for entry in self.entries])

    @cached_property
    def ranking(self) -> list[Configuration]:
        """The configurations, the best first; those without a result come last, in their order."""
        groups: dict[str, list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault(identity(without_seed(entry.element.params)), []).append(entry)
        return self._ranked(
            [Configuration(without_seed(found[0].element.params), tuple(found)) for found in groups.values()]
        )

    def _ranked(self, made: Sequence[Configuration]) -> list[Configuration]:
        sign = 1.0 if self.lower else -1.0
        return sorted(made, key=lambda one: math.inf if one.mean is None else sign * one.mean)

    @property
    def best(self) -> Configuration | None:
        """The best configuration; None while there is no result."""
        return next((one for one in self.ranking if one.mean is not None), None)

    def effects(self) -> list[Effect]:
        """Return what each parameter did, judged by the elements that have completed; the seed is one of them."""
        done = [
            (entry.element.params, entry.value)
            for entry in self.entries
            if entry.value is not None and _state(entry) is State.COMPLETED
        ]
        return effects([params for params, _ in done], [value for _, value in done], self.varied)


def board(workspace: Workspace, name: str, *, metric: str | None = None, last: bool = False) -> Board:
    """Return a sweep's board by the registry; `last` takes last values of the metric in place of the best.

    Raises NotFoundError where there is no such sweep, naming the nearest.
    """
    rows = [row for row in read.runs(workspace.db, metrics=()) if row.sweep == name]
    try:
        sweep = store.load(workspace, name)
    except NotFoundError:
        if not rows:
            raise _unknown(workspace, name) from None
        sweep = None
    metric = metric or (METRIC if sweep is None else sweep.metric)
    return _board(name, sweep, metric, _with_metric(workspace, rows, metric), last=last)


def boards(workspace: Workspace) -> list[Board]:
    """Return the boards of all sweeps, the newest first; the registry is read once for all of them."""
    known = names(workspace)
    sweeps: dict[str, Sweep | None] = {}
    for name in known:
        try:
            sweeps[name] = store.load(workspace, name)
        except ArctlError:
            sweeps[name] = None
    metrics = {METRIC if sweep is None else sweep.metric for sweep in sweeps.values()}
    rows: dict[str, list[RunRow]] = {}
    for row in read.runs(workspace.db, metrics=sorted(metrics)) if known else ():
        if row.sweep is not None:
            rows.setdefault(row.sweep, []).append(row)
    return [
        _board(name, sweep, METRIC if sweep is None else sweep.metric, rows.get(name, []), last=False)
        for name, sweep in sweeps.items()
    ]


def names(workspace: Workspace) -> list[str]:
    """Return the names of all sweeps, recorded or known by their runs, the newest first."""
    newest: dict[str, float] = {}
    for row in read.runs(workspace.db, metrics=()):
        if row.sweep is not None:
            newest[row.sweep] = max(row.created, newest.get(row.sweep, 0.0))
    for name in store.names(workspace):
        newest.setdefault(name, 0.0)
    return sorted(newest, key=lambda name: (-newest[name], name))


def without_seed(params: Params) -> Params:
    """Return parameters without the seed."""
    return {key: value for key, value in params.items() if key != SEED}


def _with_metric(workspace: Workspace, rows: Sequence[RunRow], metric: str) -> list[RunRow]:
    return read.runs(workspace.db, numbers=[row.number for row in rows], metrics=(metric,)) if rows else []


def _board(name: str, sweep: Sweep | None, metric: str, rows: Sequence[RunRow], *, last: bool) -> Board:
    runs: dict[str, list[RunRow]] = {}
    for row in sorted(rows, key=lambda row: row.number):
        runs.setdefault(row.name, []).append(row)
    elements = sweep.elements if sweep is not None else tuple(_element(found[-1]) for found in runs.values())
    entries = tuple(_entry(element, runs.get(element.name, ()), metric, last=last) for element in elements)
    return Board(name, sweep, metric, lower_is_better(metric), entries)


def _element(row: RunRow) -> Element:
    return Element(row.name, {key: value_of(value) for key, value in (row.params or {}).items()})


def _entry(element: Element, runs: Sequence[RunRow], metric: str, *, last: bool) -> Entry:
    run = runs[-1] if runs else None
    summary = run.metrics.get(metric) if run is not None else None
    if summary is None:
        return Entry(element, run, len(runs), None, None)
    value, epoch = (summary.last, summary.last_epoch) if last else (summary.best, summary.best_epoch)
    finite = value is not None and math.isfinite(value)
    diverged = summary.last is not None and not math.isfinite(summary.last)
    return Entry(element, run, len(runs), value if finite else None, epoch if finite else None, diverged)


def _state(entry: Entry) -> State | None:
    return None if entry.run is None else entry.run.state


def _unknown(workspace: Workspace, name: str) -> NotFoundError:
    known = names(workspace)
    cure = nearest(name, known) if known else "there are none yet; `arctl sweep FILE` makes one"
    return NotFoundError(f"no sweep is called {safe_line(name, limit=80)!r}", cure=cure)
