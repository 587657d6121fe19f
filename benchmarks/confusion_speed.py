"""How long `arctl confusion` takes, whole processes: 8, 101 and 400 classes, and 3,806 with the 100 highest scores.

The bound is half a second for 400 classes and 20,000 samples where importing click takes 44 ms: 11.4 times click, which
holds as a ratio on a slower or busier machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from arctl.settings import Workspace, init_workspace
from benchmarks.answered import answered
from benchmarks.timing import table, take_turns

SETS = ((8, 336), (101, 3_783), (400, 20_000), (3_806, 100_000))
"""Classes and samples: the demo's, UCF-101's, those of Kinetics-400 and EPIC-KITCHENS-100 actions."""


def measure() -> str:
    """Return the table: wall time and peak memory of the command as it prints its map, and as JSON."""
    arctl = [sys.executable, "-m", "arctl"]
    with tempfile.TemporaryDirectory() as scratch:
        workspace = init_workspace(Path(scratch))
        for number, (classes, samples) in enumerate(SETS, start=1):
            fill(workspace, number, classes=classes, samples=samples)
        subprocess.run([*arctl, "-w", scratch, "rebuild"], check=True, capture_output=True)
        commands = {"import click": [sys.executable, "-c", "import click"]}
        commands["import numpy"] = [sys.executable, "-c", "import numpy"]
        for number, (classes, samples) in enumerate(SETS, start=1):
            argv = [*arctl, "-w", scratch, "confusion", f"run{number}"]
            commands[f"{classes:,} classes, {samples:,} samples"] = argv
            if classes >= 400:
                commands[f"{classes:,} classes, --json"] = [*argv, "--json"]
        took = take_turns(commands, rounds=5)
        memory = {name: peak(argv) for name, argv in commands.items()}
    base, bounds = took["import click"], {"400 classes, 20,000 samples": "11.4x"}
    rows = [
        [name, f"{ms:.0f}", f"{ms / base:.2f}x", bounds.get(name, ""), f"{memory[name] / 2**20:.0f}"]
        for name, ms in took.items()
    ]
    return table(["arctl confusion", "ms", "against click", "bound", "peak MiB"], rows)


def fill(workspace: Workspace, number: int, *, classes: int, samples: int) -> None:
    """Write a run whose answers are right in six of ten samples and else mostly of a few related classes."""
    rng = np.random.default_rng(number)
    targets = rng.integers(classes, size=samples)
    related = np.minimum(targets // 5 * 5 + rng.integers(5, size=samples), classes - 1)
    draw = rng.random(samples)
    answers = np.where(draw < 0.6, targets, np.where(draw < 0.9, related, rng.integers(classes, size=samples)))
    groups = np.array([f"g{at % 25:02d}" for at in range(samples)])
    answered(workspace, number, targets, answers, classes=classes, groups=groups, rng=rng)


def peak(argv: list[str]) -> int:
    """Return the bytes that a process held at most.

    It is started by a small process: what its parent held would count as its own.
    """
    watch = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    said = subprocess.run([sys.executable, "-c", watch, *argv], check=True, capture_output=True, text=True)
    return int(said.stdout) * 1024


if __name__ == "__main__":
    print(measure())
