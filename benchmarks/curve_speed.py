"""Curves of a million points: read, reduced and drawn, in a new process and in one that has drawn before.

In a new process the clock begins before arctl, numpy and plotext are imported, and once more after that; a dashboard
imports them while nobody waits.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from arctl.registry import write
from arctl.registry.connect import transaction
from arctl.registry.digests import STRIDE
from arctl.registry.ingest import AttemptNews, Curves, store_news
from benchmarks.registry_size import waiting
from benchmarks.timing import table

POINTS = 1_000_000
RUNS = 8
METRIC = "step/loss"
WIDTH, HEIGHT = 160, 45
TURNS = 7
_CHUNK = 10_000

_COLD = """
import sys, time
began = time.perf_counter()
from benchmarks.curve_speed import draw
from arctl import curves, plots
loaded = time.perf_counter()
draw(sys.argv[1], [int(number) for number in sys.argv[2].split(",")])
print((time.perf_counter() - began) * 1000, (time.perf_counter() - loaded) * 1000)
"""


def measure() -> str:
    """Return the table."""
    with tempfile.TemporaryDirectory() as directory:
        db = Path(directory) / "runs.db"
        fill(db, runs=RUNS, points=POINTS)
        rows = digested(db)
        with transaction(db) as connection:
            connection.execute("DELETE FROM digests")
        rows.append((f"without digests: 1 run of {POINTS:,} points", "", "", f"{warm(db, [1], turns=1):.0f} ms"))
    return table(["read, reduced and drawn at 160x45", "new process", "its modules loaded", "again"], rows)


def digested(db: Path) -> list[tuple[str, ...]]:
    """Measure one run and several."""
    found: list[tuple[str, ...]] = []
    for count in (1, RUNS):
        numbers = list(range(1, count + 1))
        what = f"{count} run{'s' if count > 1 else ''} of {POINTS:,} points"
        whole, first = cold(db, numbers)
        found.append((what, f"{whole:.0f} ms", f"{first:.0f} ms", f"{warm(db, numbers):.0f} ms"))
    return found


def draw(db: str | Path, numbers: Sequence[int]) -> str:
    """Return the drawing of a metric of some runs."""
    from arctl import curves, plots

    columns = 2 * WIDTH
    lines = [curves.curve_of(curves.load_points(Path(db), number, METRIC, columns=columns)) for number in numbers]
    shown = [curves.reduce(line, columns=columns) for line in lines]
    return plots.curves(shown, width=WIDTH, height=HEIGHT)


def warm(db: Path, numbers: Sequence[int], *, turns: int = TURNS) -> float:
    """Return the median time in this process after one turn, milliseconds."""
    times = []
    for _ in range(turns + 1):
        began = time.perf_counter()
        draw(db, numbers)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[1:])


def cold(db: Path, numbers: Sequence[int], *, turns: int = TURNS) -> tuple[float, float]:
    """Return the median time in new processes, their own start left out, and without their imports; milliseconds."""
    words = [sys.executable, "-c", _COLD, str(db), ",".join(map(str, numbers))]
    said = [subprocess.run(words, check=True, capture_output=True, text=True).stdout.split() for _ in range(turns)]
    whole, first = (statistics.median(float(one[place]) for one in said) for place in (0, 1))
    return whole, first


def fill(db: Path, *, runs: int, points: int) -> None:
    """Make runs of one attempt and one metric; the others are copies of the first."""
    write.restore(db, waiting(runs), [])
    for first in range(0, points, _CHUNK):
        steps = list(range(first + 1, min(first + _CHUNK, points) + 1))
        noise = [(step * 7919 % 10_007) / 10_007 + 1000 / (step + 500) for step in steps]
        block = Curves((METRIC,), steps, [s / 1000 for s in steps], [1e9 + s for s in steps], [(v,) for v in noise])
        at = first // _CHUNK * STRIDE
        news = AttemptNews(1, "77.0", at, at + STRIDE, 1, steps[-1], curves=[block], started=1e9, step=steps[-1])
        with transaction(db) as connection:
            assert store_news(connection, news)
    with transaction(db) as connection:
        for table_name in ("points", "digests", "attempts", "summaries"):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table_name})")]
            rest = ", ".join(columns[1:])
            for number in range(2, runs + 1):
                connection.execute(
                    f"INSERT INTO {table_name} (run, {rest}) SELECT {number}, {rest} FROM {table_name} WHERE run = 1"
                )


if __name__ == "__main__":
    print(measure())
