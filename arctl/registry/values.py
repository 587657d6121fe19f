"""Values of metrics on their way into the registry: rows of points, and what is kept of each curve.

A sync of a thousand live runs brings half a million of them, so that they travel as columns, not as objects.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from arctl.registry import digests
from arctl.registry.read import stitched, summaries
from arctl.registry.summary import MetricSummary, pack

NAMES_LIMIT = 500
"""Distinct metric names of one run; points of further names are left out and counted."""


class NewPoint(NamedTuple):
    """A value on its way in."""

    metric: str
    """Name."""
    step: int
    """Optimizer step."""
    epoch: float
    """Epoch."""
    t: float
    """Wall time, Unix seconds."""
    value: float
    """Any float; NaN is stored as NULL."""


class Curves(NamedTuple):
    """Values of several metrics, side by side: a row for each event, in the order of the file."""

    names: tuple[str, ...]
    """Metrics."""
    steps: list[int]
    """Optimizer step of each row."""
    epochs: list[float]
    """Epoch of each row."""
    times: list[float]
    """Wall time of each row, Unix seconds."""
    values: list[Collection[float]]
    """Any floats, one for each name, of each row; NaN is stored as NULL."""

    def add(self, step: int, epoch: float, t: float, row: Collection[float]) -> None:
        """Add a row."""
        self.steps.append(step)
        self.epochs.append(epoch)
        self.times.append(t)
        self.values.append(row)

    def cut(self, first: int, last: int) -> Curves:
        """Return the rows from `first` to before `last`."""
        _, steps, epochs, times, values = self
        return Curves(self.names, steps[first:last], epochs[first:last], times[first:last], values[first:last])


class Column(NamedTuple):
    """Values of one metric."""

    steps: list[int]
    epochs: list[float]
    times: list[float]
    values: list[float]


Cells = list[float | None]
"""The fields of a summary after its name."""

_ROWS = (64, 16, 4, 1)  # rows of one statement: what they share is bound once, which doubles the speed
_INSERT = {
    count: "INSERT OR REPLACE INTO points (run, metric, attempt, step, epoch, t, value) "
    f"SELECT ?, ?, ?, column1, column2, column3, column4 FROM (VALUES {', '.join(['(?, ?, ?, ?)'] * count)})"
    for count in _ROWS
}


def store(
    connection: sqlite3.Connection,
    run: int,
    ordinal: int,
    curves: Sequence[Curves],
    *,
    ids: dict[str, int],
    digest: bool = False,
) -> None:
    """Store the values of an attempt and count them into the run's summaries; `digest` is to do that too.

    `ids` remembers the numbers of names between calls of one transaction. Names beyond NAMES_LIMIT are left out and
    counted in `runs.dropped`.
    """
    if not curves:
        return
    known = summaries(connection, run)
    columns = _within_limit(connection, run, _columns(curves), known)
    _learn(connection, columns, ids)
    cells: dict[str, Cells] = {name: list(summary[1:]) for name, summary in known.items()}
    for name in sorted(columns, key=ids.__getitem__):
        _put(connection, (run, ids[name], ordinal), columns[name], digest=digest)
        _merge(cells, name, columns[name])
    _store_summaries(connection, run, cells, ids)


def summarise_again(connection: sqlite3.Connection, run: int) -> None:
    """Count summaries anew from the stitched curves, because a later attempt has taken points out of them."""
    query = "SELECT id, name FROM metrics WHERE id IN (SELECT DISTINCT metric FROM points WHERE run = ?)"
    found: dict[str, Cells] = {}
    ids: dict[str, int] = {}
    for metric, name in connection.execute(query, (run,)).fetchall():
        points = stitched(connection, run, metric)
        ids[name] = metric
        columns = [p.step for p in points], [p.epoch for p in points], [p.t for p in points], [p.value for p in points]
        if points:
            _merge(found, name, Column(*columns))
    _store_summaries(connection, run, found, ids)


def side_by_side(points: Sequence[NewPoint]) -> list[Curves]:
    """Return single values as curves, in their order."""
    curves: list[Curves] = []
    for metric, step, epoch, t, value in points:
        if not curves or curves[-1].names[0] != metric:
            curves.append(Curves((metric,), [], [], [], []))
        curves[-1].add(step, epoch, t, (value,))
    return curves


def _columns(curves: Sequence[Curves]) -> dict[str, Column]:
    """Return the values of each metric, in the order of the file."""
    columns: dict[str, Column] = {}
    for block in curves:
        for name, values in zip(block.names, zip(*block.values, strict=True), strict=True):
            column = columns.setdefault(name, Column([], [], [], []))
            column.steps.extend(block.steps)
            column.epochs.extend(block.epochs)
            column.times.extend(block.times)
            column.values.extend(values)
    return columns


def _within_limit(
    connection: sqlite3.Connection, run: int, columns: dict[str, Column], stored: Iterable[str]
) -> dict[str, Column]:
    """Return the values whose names the run has or may still have; count the others."""
    known = dict.fromkeys(stored) | dict.fromkeys(columns)
    if len(known) <= NAMES_LIMIT:
        return columns
    allowed = set(list(known)[:NAMES_LIMIT])
    if dropped := sum(len(column.steps) for name, column in columns.items() if name not in allowed):
        connection.execute("UPDATE runs SET dropped = dropped + ? WHERE number = ?", (dropped, run))
    return {name: column for name, column in columns.items() if name in allowed}


def _learn(connection: sqlite3.Connection, names: Iterable[str], ids: dict[str, int]) -> None:
    """Add the numbers of metric names to `ids`; new names get one."""
    for name in sorted(name for name in names if name not in ids):
        connection.execute("INSERT OR IGNORE INTO metrics (name) VALUES (?)", (name,))
        ids[name] = connection.execute("SELECT id FROM metrics WHERE name = ?", (name,)).fetchone()[0]


def _put(connection: sqlite3.Connection, key: digests.Key, column: Column, *, digest: bool) -> None:
    """Store a column; digests of what it changes are dropped."""
    digests.drop_from(connection, key, column.steps)
    newest = digest and digests.goes_on(connection, key, column.steps)
    _insert(connection, key, column)
    if digest:
        digests.extend(connection, key, column if newest else None)


def _insert(connection: sqlite3.Connection, key: tuple[int, int, int], column: Column) -> None:
    """Store a column under run, metric and attempt; of equal steps the last one stays."""
    cells = list(chain.from_iterable(zip(*column, strict=True)))
    first = 0
    for count in _ROWS:
        while len(cells) - first >= 4 * count:
            connection.execute(_INSERT[count], (*key, *cells[first : first + 4 * count]))
            first += 4 * count


def _merge(known: dict[str, Cells], name: str, column: Column) -> None:
    """Count a column into a summary: at once where that is the same as one by one."""
    steps, epochs, _, values = column
    cells = known.setdefault(name, [None] * 7)
    if steps != sorted(steps) or not all(map(math.isfinite, values)):
        for step, epoch, value in zip(steps, epochs, values, strict=True):
            if step >= (cells[1] or 0):
                cells[:3] = value, step, epoch
            if math.isfinite(value):
                _extremes(cells, value, epoch, value, epoch)
        return
    if steps[-1] >= (cells[1] or 0):
        cells[:3] = values[-1], steps[-1], epochs[-1]
    low, high = min(values), max(values)
    _extremes(cells, low, epochs[values.index(low)], high, epochs[values.index(high)])


def _extremes(cells: Cells, low: float, low_epoch: float, high: float, high_epoch: float) -> None:
    if cells[3] is None or low < cells[3]:
        cells[3], cells[5] = low, low_epoch
    if cells[4] is None or high > cells[4]:
        cells[4], cells[6] = high, high_epoch


def _store_summaries(
    connection: sqlite3.Connection, run: int, known: Mapping[str, Sequence[float | None]], ids: dict[str, int]
) -> None:
    _learn(connection, known, ids)
    found = [MetricSummary._make((name, *cells)) for name, cells in known.items()]
    connection.execute("INSERT OR REPLACE INTO summaries (run, packed) VALUES (?, ?)", (run, pack(found, ids)))
