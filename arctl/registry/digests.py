"""Blocks of consecutive points with what a drawing needs of each, so that a curve of a million points opens at once.

Of 64 points a block keeps the first, the smallest, the largest and the last, and of values that are not finite the
first of each kind. The points themselves stay. Digests are stored in the transaction that stores the points, and what
is written over or behind drops them: they can lack, and then points are read, but never differ from the points.
"""

from __future__ import annotations

import math
import operator
import sqlite3
import struct
from collections.abc import Sequence
from typing import Any

from arctl.registry.runrows import summaries_of

BLOCK = 64
"""Points of a block."""

STRIDE = 1 << 19
"""Each time an event file grows past a multiple of so many bytes, its new points are digested."""

LEAST = 256
"""Fewer new points than this wait for more."""

MANY = 5_000
"""Runs of fewer steps than this are drawn from their points; those of older schemas get no digests."""

HEADS = struct.Struct("<HHd")
"""Of each block: how many points are kept, how many values are finite, their mean (NaN where none is)."""

COUNT = struct.Struct("<I")
"""What a packed digest begins with: its blocks. Their heads follow, then the points: step, epoch, t, value each."""

Key = tuple[int, int, int]
"""Run, metric and attempt."""

Columns = Sequence[Sequence[float]]
"""Steps, epochs, times and values side by side; steps rise."""

_OF = "run = ? AND metric = ? AND attempt = ?"


def drop_from(connection: sqlite3.Connection, key: Key, steps: Sequence[int]) -> None:
    """Drop digests of points that are about to be stored over, or to get one in between."""
    connection.execute(f"DELETE FROM digests WHERE {_OF} AND last >= ?", (*key, min(steps)))


def goes_on(connection: sqlite3.Connection, key: Key, steps: Sequence[int]) -> bool:
    """Tell whether these steps rise, and come after all that are stored."""
    newest = connection.execute(f"SELECT max(step) FROM points WHERE {_OF}", key).fetchone()[0]
    return (newest is None or steps[0] > newest) and all(map(operator.lt, steps, steps[1:]))


def extend(connection: sqlite3.Connection, key: Key, fresh: Columns | None = None, *, most: int = 100_000) -> int:
    """Digest the stored points that no digest holds, as far as they fill blocks; returns how many were looked at.

    `fresh` are the newest of them where those are at hand and `goes_on` said so before they were stored; `most` is how
    many are read from the registry at most.
    """
    done = connection.execute(f"SELECT max(last) FROM digests WHERE {_OF}", key).fetchone()[0]
    bounds = (-1 if done is None else done, math.inf if fresh is None else fresh[0][0])
    rows = connection.execute(
        f"SELECT step, epoch, t, value FROM points WHERE {_OF} AND step > ? AND step < ? ORDER BY step LIMIT ?",
        (*key, *bounds, most),
    ).fetchall()
    columns: Columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    if None in columns[3]:
        columns = [*columns[:3], [math.nan if value is None else value for value in columns[3]]]
    if fresh is not None and len(rows) < most:
        columns = [[*old, *new] for old, new in zip(columns, fresh, strict=True)]
    steps = columns[0]
    count = len(steps) // BLOCK * BLOCK
    if count >= LEAST:
        connection.execute(
            "INSERT INTO digests (run, metric, attempt, last, first, count, packed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*key, steps[count - 1], steps[0], count, packed(columns, count)),
        )
    return len(steps) if count >= LEAST else 0


def catch_up(connection: sqlite3.Connection, number: int, *, most: int) -> int:
    """Digest points of a run that was stored by an earlier arctl; returns about how many, 0 once nothing is left."""
    known = summaries_of(connection, [number], None).get(number, {})
    ids = dict(connection.execute("SELECT name, id FROM metrics"))
    attempts = [row[0] for row in connection.execute("SELECT ordinal FROM attempts WHERE run = ?", (number,))]
    done = 0
    for name in sorted(name for name, summary in known.items() if summary.last_step >= MANY):
        for attempt in attempts:
            if done >= most:
                return done
            done += extend(connection, (number, ids[name], attempt), most=most)
    return done


def packed(columns: Columns, count: int) -> bytes:
    """Return the blocks of the first `count` points, a multiple of BLOCK, as they are stored."""
    steps, epochs, times, values = columns
    heads: list[bytes] = []
    cells: list[float] = []
    for first in range(0, count, BLOCK):
        part = values[first : first + BLOCK]
        total = sum(part)
        if math.isfinite(total):
            kept, finite, mean = {0, part.index(min(part)), part.index(max(part)), BLOCK - 1}, BLOCK, total / BLOCK
        else:
            kept, finite, mean = _odd(part)
        heads.append(HEADS.pack(len(kept), finite, mean))
        for place in sorted(kept):
            at = first + place
            cells += (steps[at], epochs[at], times[at], values[at])
    return b"".join([COUNT.pack(count // BLOCK), *heads, struct.pack(f"<{len(cells)}d", *cells)])


def _odd(part: Sequence[Any]) -> tuple[set[int], int, float]:
    """Return what a block keeps whose values are not all finite, or too large to be summed."""
    finite = [place for place, value in enumerate(part) if math.isfinite(value)]
    kept = {0, len(part) - 1}
    for kind in (math.isnan, lambda value: value == math.inf, lambda value: value == -math.inf):
        kept.update([place for place, value in enumerate(part) if kind(value)][:1])
    if not finite:
        return kept, 0, math.nan
    kept |= {min(finite, key=part.__getitem__), max(finite, key=part.__getitem__)}
    return kept, len(finite), sum(part[place] / len(finite) for place in finite)
