"""Curves as arrays for drawing: of a long one what its digests keep, of the rest every point.

With digests, the smallest and the largest value of each column stay what they are in all points: a block that reaches
over the edge of a column is read point by point where it might hide one. Needs numpy, so `read` does not import it.
"""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arctl.registry.connect import reading
from arctl.registry.digests import BLOCK, COUNT, HEADS

MANY = 20_000
"""Curves of fewer points than this are read point by point."""

Floats = NDArray[np.float64]
_HEAD = np.dtype([("kept", "<u2"), ("finite", "<u2"), ("mean", "<f8")])
_OF = "run = ? AND metric = ? AND attempt = ?"
_BATCH = 500
assert _HEAD.itemsize == HEADS.size


class Series(NamedTuple):
    """Points of one metric of one run that count (as in `read.curve`), in step order."""

    points: Floats
    """(N, 4) step, epoch, wall time in Unix seconds, value; values may be NaN and infinite."""
    mean: Floats
    """(N,) mean of the finite values of the block that a point stands for; its own value where all points are there."""
    attempt: NDArray[np.int64]
    """(N,) ordinal of the attempt that wrote each."""
    whole: bool
    """Whether every point is there."""


class _Blocks(NamedTuple):
    """Digests of one attempt: B blocks in step order, without a gap."""

    points: Floats
    """(K, 4) the points that are kept."""
    begin: NDArray[np.intp]
    """(B + 1,) where each block begins in `points`."""
    mean: Floats
    """(B,)"""

    @property
    def first(self) -> Floats:
        """(B,) step of the first point of each block."""
        return np.asarray(self.points[self.begin[:-1], 0])

    @property
    def last(self) -> Floats:
        """(B,) step of the last point of each block."""
        return np.asarray(self.points[self.begin[1:] - 1, 0])


class _Attempt(NamedTuple):
    """What is wanted of an attempt, of what counts of it."""

    ordinal: int
    low: int
    """First step."""
    high: int
    """Last step."""


def series(
    db: Path,
    number: int,
    metric: str,
    *,
    columns: int | None = None,
    span: tuple[float, float] | None = None,
    many: int = MANY,
) -> Series:
    """Return a curve, of which `columns` equal columns of its steps can be drawn; without `columns` every point.

    `span` are the steps to which it is cut, with one more point on either side; fewer than `many` points are all
    read. Empty where there is no such curve.
    """
    with reading(db) as connection:
        found = connection and connection.execute("SELECT id FROM metrics WHERE name = ?", (metric,)).fetchone()
        if connection is None or not found:
            return _joined([], whole=True)
        connection.execute("BEGIN")
        return _Reader(connection, number, found[0]).read(columns, span or (-math.inf, math.inf), many)


class _Reader:
    """One metric of one run, inside a transaction."""

    def __init__(self, connection: sqlite3.Connection, number: int, metric: int) -> None:
        self._connection = connection
        self._key = (number, metric)

    def read(self, columns: int | None, span: tuple[float, float], many: int) -> Series:
        """Return the curve, from digests where that is worth it."""
        attempts = self._attempts(*span)
        blocks = [self._blocks(one) for one in attempts] if columns else []
        use = [_usable(attempts, place, found) for place, found in enumerate(blocks)]
        known = sum(int(one.sum()) for one in use)
        if columns is None or known < columns or known * BLOCK < many:
            return _joined([self._raw(one.ordinal, one.low, one.high) for one in attempts], whole=True)
        parts = [self._pieces(*told) for told in zip(attempts, blocks, use, strict=True)]
        edges = _Edges(parts, columns)
        for place, found in enumerate(blocks):
            hidden = use[place] & edges.hide(found)
            if hidden.any():
                parts[place] = self._pieces(attempts[place], found, use[place] & ~hidden)
        return _joined(parts, whole=False)

    def _attempts(self, low: float, high: float) -> list[_Attempt]:
        """Return the attempts that have points which count, in their order."""
        query = "SELECT ordinal, coalesce(keep, 9e999) FROM attempts WHERE run = ? ORDER BY ordinal"
        ends = (
            f"SELECT coalesce((SELECT max(step) FROM points WHERE {_OF} AND step < ?), "
            f"(SELECT min(step) FROM points WHERE {_OF})), "
            f"(SELECT max(step) FROM points WHERE {_OF} AND step <= "
            f"min(?, coalesce((SELECT min(step) FROM points WHERE {_OF} AND step > ?), 9e999)))"
        )
        found = []
        for ordinal, keep in self._connection.execute(query, self._key[:1]).fetchall():
            key = (*self._key, ordinal)
            first, last = self._connection.execute(ends, (*key, low, *key, *key, keep, *key, high)).fetchone()
            if first is not None and last is not None and first <= last:
                found.append(_Attempt(ordinal, first, last))
        return found

    def _raw(self, ordinal: int, first: int, last: int) -> Series:
        """Return every point of an attempt between two steps, both included."""
        query = f"SELECT step, epoch, t, value FROM points WHERE {_OF} AND step BETWEEN ? AND ? ORDER BY step"
        cursor = self._connection.execute(query, (*self._key, ordinal, first, last))
        batches = []
        while rows := cursor.fetchmany(_BATCH):
            batches.append(np.array(rows, dtype=np.float64))
        points = np.concatenate(batches) if batches else np.zeros((0, 4))
        return Series(points, points[:, 3], np.full(len(points), ordinal), whole=True)

    def _blocks(self, one: _Attempt) -> _Blocks:
        """Return the digests of an attempt that reach into what is wanted of it."""
        query = f"SELECT packed FROM digests WHERE {_OF} AND last >= ? AND first <= ? ORDER BY last"
        rows = self._connection.execute(query, (*self._key, one.ordinal, one.low, one.high)).fetchall()
        found = [_unpacked(packed) for (packed,) in rows]
        if not found:
            return _Blocks(np.zeros((0, 4)), np.zeros(1, np.intp), np.zeros(0))
        heads = np.concatenate([head for head, _ in found])
        begin = np.concatenate([[0], np.cumsum(heads["kept"], dtype=np.intp)])
        return _Blocks(np.concatenate([points for _, points in found]), begin, heads["mean"].astype(np.float64))

    def _pieces(self, one: _Attempt, blocks: _Blocks, use: NDArray[np.bool_]) -> Series:
        """Return an attempt from the blocks that are to be used, and from its points where there is none."""
        chosen = np.flatnonzero(use)
        if not len(chosen):
            return self._raw(one.ordinal, one.low, one.high)
        begins, ends = blocks.first, blocks.last
        parts, at = [], one.low
        for group in np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1):
            first, last = int(group[0]), int(group[-1])
            if at < begins[first]:
                parts.append(self._raw(one.ordinal, at, int(begins[first]) - 1))
            points = blocks.points[blocks.begin[first] : blocks.begin[last + 1]]
            mean = np.repeat(blocks.mean[first : last + 1], np.diff(blocks.begin[first : last + 2]))
            parts.append(Series(points, mean, np.full(len(points), one.ordinal), whole=False))
            at = int(ends[last]) + 1
        if at <= one.high:
            parts.append(self._raw(one.ordinal, at, one.high))
        return _joined(parts, whole=False)


class _Edges:
    """What is known of the columns of a drawing, so that blocks are found that hide something."""

    def __init__(self, parts: Sequence[Series], columns: int) -> None:
        points = np.concatenate([part.points for part in parts])
        self._low, self._columns = float(points[:, 0].min()), columns
        self._span = (float(points[:, 0].max()) - self._low) or 1.0
        column, value = self._column(points[:, 0]), points[:, 3]
        finite = np.isfinite(value)
        self._least, self._most = np.full(columns, np.inf), np.full(columns, -np.inf)
        np.minimum.at(self._least, column[finite], value[finite])
        np.maximum.at(self._most, column[finite], value[finite])

    def hide(self, blocks: _Blocks) -> NDArray[np.bool_]:
        """Return which blocks (B,) lie in several columns and may hold a value that one of those lacks."""
        if not len(blocks.mean):
            return np.zeros(0, np.bool_)
        value, begin = blocks.points[:, 3], blocks.begin[:-1]
        finite = np.isfinite(value)
        least = np.minimum.reduceat(np.where(finite, value, np.inf), begin)
        most = np.maximum.reduceat(np.where(finite, value, -np.inf), begin)
        left, right = self._column(blocks.first), self._column(blocks.last)
        lower = (least < self._least[left]) | (least < self._least[right])
        higher = (most > self._most[left]) | (most > self._most[right])
        return np.asarray((left != right) & (lower | higher | (right - left > 1)))

    def _column(self, step: Floats) -> NDArray[np.intp]:
        place = (step - self._low) / self._span * self._columns
        return np.clip(place, 0, self._columns - 1).astype(np.intp)


def _usable(attempts: Sequence[_Attempt], place: int, blocks: _Blocks) -> NDArray[np.bool_]:
    """Return which blocks (B,) of an attempt count as a whole, and share no steps with another attempt."""
    first, last, own = blocks.first, blocks.last, attempts[place]
    use: NDArray[np.bool_] = np.asarray((first >= own.low) & (last <= own.high))
    for other in attempts:
        if other is not own:
            use = np.asarray(use & ((last < other.low) | (first > other.high)))
    return use


def _joined(parts: Sequence[Series], *, whole: bool) -> Series:
    """Return parts as one, in step order; of each step the latest attempt's."""
    if not parts:
        return Series(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64), whole)
    points, mean, attempt = (np.concatenate([part[place] for part in parts]) for place in range(3))
    if (np.diff(points[:, 0]) <= 0).any():
        order = np.lexsort((attempt, points[:, 0]))
        keep = order[np.append(np.diff(points[order, 0]) > 0, True)]
        points, mean, attempt = points[keep], mean[keep], attempt[keep]
    return Series(points, mean, attempt, whole)


def _unpacked(packed: bytes) -> tuple[NDArray[np.void], Floats]:
    """Return the heads (B,) of a digest and its points (K, 4)."""
    (count,) = COUNT.unpack_from(packed)
    begin = COUNT.size + count * _HEAD.itemsize
    if len(packed) < begin:
        raise struct.error("a digest is cut short")
    heads = np.frombuffer(packed, _HEAD, count, COUNT.size)
    if len(packed) != begin + 32 * int(heads["kept"].sum()) or not heads["kept"].all():
        raise struct.error("a digest does not hold what it says")
    return heads, np.frombuffer(packed, "<f8", offset=begin).reshape(-1, 4)
