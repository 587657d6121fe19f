"""Reduced curves: they begin, end and reach where all points do, whatever was written, in whatever order."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest

from arctl import curves
from arctl.registry import digests, ingest, read, reduced, write
from arctl.registry.connect import RegistryDamaged, transaction
from arctl.registry.digests import BLOCK, STRIDE
from arctl.registry.ingest import AttemptNews, Curves
from arctl.registry.rows import Offset
from benchmarks.registry_size import waiting

METRIC = "step/loss"
MANY = 24_000


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    write.restore(path, waiting(1), [])
    return path


class Writer:
    """An attempt whose event file grows."""

    def __init__(self, db: Path, name: str, *, resumed: int | None = None, begins: bool = True) -> None:
        self.db, self.name, self.resumed, self.begins, self.at = db, name, resumed, begins, 0

    def write(self, steps: list[int], values: list[float], *, grows: int = STRIDE) -> None:
        rows: list[Collection[float]] = [(value,) for value in values]
        block = Curves((METRIC,), steps, [step / 100 for step in steps], [1e9 + step for step in steps], rows)
        begins, self.begins = self.begins, False
        news = AttemptNews(
            1, self.name, self.at, self.at + grows, 1, 0, curves=[block], begins=begins, resumed_step=self.resumed,
            started=1e9 if begins else None, step=max(steps),
        )  # fmt: skip
        with transaction(self.db) as connection:
            assert ingest.store_news(connection, news)
        self.at += grows


def digested(db: Path) -> int:
    connection = sqlite3.connect(db)
    found = connection.execute("SELECT coalesce(sum(count), 0) FROM digests").fetchone()[0]
    connection.close()
    return int(found)


def every(db: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([tuple(point) for point in read.curve(db, 1, METRIC)], dtype=float)[:, :4]


def reach(points: np.ndarray, ends: np.ndarray, columns: int) -> tuple[list[float], list[float]]:
    """Return the smallest and the largest finite value of each column between the first and the last of `ends`."""
    low, high = ends[0, 0], ends[-1, 0]
    column = np.clip((points[:, 0] - low) / ((high - low) or 1) * columns, 0, columns - 1).astype(int)
    least, most = np.full(columns, np.inf), np.full(columns, -np.inf)
    finite = np.isfinite(points[:, 3])
    np.minimum.at(least, column[finite], points[finite, 3])
    np.maximum.at(most, column[finite], points[finite, 3])
    return least.tolist(), most.tolist()


def same(db: Path, columns: int, span: tuple[float, float] | None = None, *, many: int = 20_000) -> reduced.Series:
    """Check a reduced curve against all points of it, and return it."""
    whole = every(db)
    if span is not None:
        inside = np.flatnonzero((whole[:, 0] >= span[0]) & (whole[:, 0] <= span[1]))
        raw = reduced.series(db, 1, METRIC, span=span).points
        within = (raw[:, 0] >= span[0]) & (raw[:, 0] <= span[1])
        assert np.array_equal(raw[within], whole[inside], equal_nan=True)
        whole = raw
    found = reduced.series(db, 1, METRIC, columns=columns, span=span, many=many)
    assert np.array_equal(found.points[[0, -1]], whole[[0, -1]], equal_nan=True)
    assert (np.diff(found.points[:, 0]) > 0).all()
    assert reach(found.points, whole, columns) == reach(whole, whole, columns)
    rows = {tuple(row) for row in np.nan_to_num(whole, nan=7e99).tolist()}
    assert all(tuple(row) in rows for row in np.nan_to_num(found.points, nan=7e99).tolist()), "points that were written"
    return found


SHAPES: dict[str, Callable[[random.Random, int], float]] = {
    "noise": lambda chance, step: chance.gauss(0.0, 1.0),
    "rising": lambda chance, step: step * 1.5,
    "falling": lambda chance, step: 1.0 / (step + 1),
    "steps": lambda chance, step: float(step // 5_000),
    "odd": lambda chance, step: chance.choice([chance.random(), math.nan, math.inf, -math.inf, 1.7e308, -1.7e308]),
    "lost": lambda chance, step: math.nan if step > 9_000 else chance.random(),
    "nothing": lambda chance, step: math.nan,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_column_reaches_as_far_as_in_all_points(db: Path, shape: str) -> None:
    chance, writer = random.Random(shape), Writer(db, "7.0")
    for first in range(1, MANY, 6_007):
        steps = list(range(first, min(first + 6_007, MANY + 1)))
        writer.write(steps, [SHAPES[shape](chance, step) for step in steps])
    assert digested(db) > MANY - 4 * BLOCK
    for columns in (17, 320):
        found = same(db, columns)
        assert not found.whole and (columns > 17 or len(found.points) < MANY / 6)
    same(db, 20, (1_000, 23_456))


@pytest.mark.parametrize("seed", range(5))
def test_attempts_that_go_back_are_stitched_as_ever(db: Path, seed: int) -> None:
    chance, step = random.Random(seed), 0
    for ordinal in range(4):
        resumed = max(0, step - chance.randint(0, 2_500)) if ordinal else None
        step = resumed or 0
        # A start event may be lost, and then two attempts have the same steps.
        writer = Writer(db, f"7.{ordinal}", resumed=resumed, begins=chance.random() < 0.8)
        for _ in range(chance.randint(1, 4)):
            steps = []
            for _ in range(chance.randint(1, 2_500)):
                step += chance.choice([1, 1, 2, 30])
                steps.append(step)
            values = [chance.choice([chance.random(), float(at), chance.gauss(0, 9)]) for at in steps]
            writer.write(steps, values, grows=chance.choice([1_000, STRIDE, 2 * STRIDE]))
    for columns in (9, 60):
        same(db, columns, many=500)
        same(db, columns, (step * 0.4, step * 0.8), many=500)


def test_points_that_come_late_or_twice_count(db: Path) -> None:
    writer = Writer(db, "7.0")
    steps = list(range(2, 2 * MANY, 2))
    writer.write(steps, [0.5] * len(steps))
    before = digested(db)
    writer.write([20_001, 20_000, 20_002], [7.0, -7.0, 3.0], grows=10)
    assert digested(db) <= before and same(db, 100).points[:, 3].max() == 7.0
    writer.write([40_000, 60_000], [9.0, 1.0])
    assert digested(db) > 20_000, "they are digested again"
    assert (same(db, 100).points[:, 3].max(), same(db, 100).points[:, 3].min()) == (9.0, -7.0)


def test_a_registry_without_digests_is_drawn_and_gets_them_bit_by_bit(db: Path) -> None:
    steps = list(range(1, MANY))
    Writer(db, "7.0").write(steps, [math.sin(step) if step % 50 else math.nan for step in steps], grows=10)
    assert digested(db) == 0 and same(db, 160).whole
    turns = 0
    while _catch_up(db):
        turns += 1
    assert turns > 7 and MANY - digested(db) < 256 and not same(db, 160).whole
    assert _catch_up(db) == 0


def _catch_up(db: Path) -> int:
    with transaction(db) as connection:
        return digests.catch_up(connection, 1, most=3_000)


def test_what_is_forgotten_has_no_digest(db: Path) -> None:
    Writer(db, "7.0").write(list(range(1, MANY)), [1.0] * (MANY - 1))
    with transaction(db) as connection:
        assert ingest.forget(connection, 1, seen={"7.0": Offset(STRIDE, 1, 0, MANY - 1)})
    assert digested(db) == 0 and not len(reduced.series(db, 1, METRIC, columns=10).points)


def test_a_digest_that_is_damaged_says_what_to_do(db: Path) -> None:
    Writer(db, "7.0").write(list(range(1, MANY)), [1.0] * (MANY - 1))
    with transaction(db) as connection:
        connection.execute("UPDATE digests SET packed = substr(packed, 1, 5000)")
    with pytest.raises(RegistryDamaged, match="damaged rows"):
        reduced.series(db, 1, METRIC, columns=10)


def test_curves_are_loaded_reduced_or_whole(db: Path) -> None:
    chance = random.Random(3)
    Writer(db, "7.0").write(list(range(1, MANY)), [chance.random() for _ in range(1, MANY)])
    few, whole = (curves.load_points(db, 1, METRIC, columns=columns) for columns in (9, None))
    assert len(whole.step) == MANY - 1 and whole.mean is None
    assert len(few.step) < 2_000 and few.mean is not None and abs(float(few.mean.mean()) - 0.5) < 0.02
    assert (few.value.min(), few.value.max()) == (whole.value.min(), whole.value.max())
    near = curves.load_points(db, 1, METRIC, columns=100, span=(5_000, 5_100))
    assert near.step.tolist() == list(map(float, range(4_999, 5_102)))
