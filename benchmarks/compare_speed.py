"""How long `arctl compare` takes on two runs, whole processes with 10,000 resamples, and how much memory.

The bounds are 2 s for 20,000 samples of 400 classes, and 10 s and 1 GiB for 100,000 samples of 3,806 classes, on two
cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from arctl import stats
from arctl.settings import Workspace, init_workspace
from benchmarks.answered import answered
from benchmarks.timing import table

SETS = ((8, 336, 7), (101, 3_783, 7), (400, 20_000, 0), (400, 20_000, 25), (3_806, 100_000, 0), (3_806, 100_000, 25))
"""Classes, samples, and groups of a class (0: none is known)."""

BOUNDS = {(400, 20_000): "2 s", (3_806, 100_000): "10 s, 1024 MiB"}


def measure() -> str:
    """Return the table: wall time, processor time and peak memory of the command; the bootstrap by itself."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for at, (classes, samples, groups) in enumerate(SETS):
            where = Path(scratch) / str(at)
            where.mkdir()
            answers = fill(init_workspace(where), classes=classes, samples=samples, groups=groups)
            argv = [sys.executable, "-m", "arctl", "-w", str(where)]
            subprocess.run([*argv, "rebuild"], check=True, capture_output=True)
            took = [timed([*argv, "compare", "run1", "run2", "--json"]) for _ in range(3)]
            what = f"{classes:,} classes, {samples:,} samples, {groups or 'no'} groups a class"
            wall, work, peak = (median(one) for one in zip(*took, strict=True))
            alone = bootstrap_alone(*answers, classes=classes, groups=groups)
            bound = BOUNDS.get((classes, samples), "")
            rows.append([what, f"{wall:.2f}", f"{work:.2f}", f"{peak:.0f}", f"{alone:.2f}", bound])
    return table(["arctl compare run1 run2", "s", "CPU s", "peak MiB", "bootstrap alone, s", "bound"], rows)


def timed(argv: list[str]) -> tuple[float, float, float]:
    """Return seconds on the clock, seconds of processors, and the most MiB that a process held."""
    watch = (
        "import json, resource, subprocess, sys, time; t = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); wall = time.perf_counter() - t; "
        "use = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(json.dumps([wall, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024]))"
    )
    said = subprocess.run([sys.executable, "-c", watch, *argv], check=True, capture_output=True, text=True)
    wall, work, peak = json.loads(said.stdout)
    return wall, work, peak


def bootstrap_alone(
    targets: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64], *, classes: int, groups: int
) -> float:
    """Return the seconds of 10,000 resamples in this process."""
    together = stats.clusters(group_names(targets, groups).tolist(), targets)
    begin = time.perf_counter()
    stats.bootstrap(targets, a, b, classes=classes, clusters=together)
    return time.perf_counter() - begin


def fill(
    workspace: Workspace, *, classes: int, samples: int, groups: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Write two runs that are right in some six of ten samples, most often the same; return targets and answers."""
    rng = np.random.default_rng(classes)
    targets = rng.integers(classes, size=samples)
    related = np.minimum(targets // 5 * 5 + rng.integers(5, size=samples), classes - 1)
    first = np.where(rng.random(samples) < 0.6, targets, related)
    second = np.where(rng.random(samples) < 0.7, first, np.where(rng.random(samples) < 0.65, targets, related))
    names = group_names(targets, groups)
    for number, answers in enumerate((first, second), start=1):
        answered(workspace, number, targets, answers, classes=classes, groups=names, rng=rng)
    return targets, first, second


def group_names(targets: NDArray[np.int64], groups: int) -> NDArray[np.str_]:
    """Return UCF's names of groups, empty where there are none."""
    return np.array([f"g{at % groups + 1:02d}" if groups else "" for at in range(len(targets))])


if __name__ == "__main__":
    print(measure())
