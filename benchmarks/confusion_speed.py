"""How long `arctl confusion` takes, whole processes: 8, 101 and 400 classes, and 3,806 with the 100 highest scores.

The bound is half a second for 400 classes and 20,000 samples where importing click takes 44 ms: 11.4 times click, which
holds as a ratio on a slower or busier machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arctl.rundir import RunDir
from arctl.runfile import JobFile, RunFile, write_run
from arctl.settings import Workspace, init_workspace
from benchmarks.timing import table, take_turns

SETS = ((8, 336), (101, 3_783), (400, 20_000), (3_806, 100_000))
"""Classes and samples: the demo's, UCF-101's, those of Kinetics-400 and EPIC-KITCHENS-100 actions."""

KEPT = 100
"""Scores that are kept of each sample beyond 1,000 classes."""


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
    files = RunDir(workspace.run_dir(number))
    files.predictions.mkdir(parents=True)
    job = JobFile("local", str(number), 0.0)
    told = RunFile(number, f"arctl-{number:012x}", "bench", 0.0, "single", "local", submission="submitted", jobs=(job,))
    write_run(files.run_yaml, told)
    rng = np.random.default_rng(number)
    targets = rng.integers(classes, size=samples)
    related = np.minimum(targets // 5 * 5 + rng.integers(5, size=samples), classes - 1)
    draw = rng.random(samples)
    answers = np.where(draw < 0.6, targets, np.where(draw < 0.9, related, rng.integers(classes, size=samples)))
    np.savez_compressed(
        files.prediction_file("val", 1),
        ids=np.array([f"Class{k:04d}/v_Class{k:04d}_g{at % 25:02d}_c{at:06d}.avi" for at, k in enumerate(targets)]),
        groups=np.array([f"g{at % 25:02d}" for at in range(samples)]),
        targets=targets,
        classes=np.array([f"Class{k:04d}" for k in range(classes)]),
        meta=np.array(json.dumps({"contract": 1, "split": "val", "epoch": 1, "data": "made"})),
        **(_all(answers, classes, rng) if classes <= 1000 else _highest(answers, targets, classes, rng)),
    )


def _all(answers: NDArray[np.int64], classes: int, rng: np.random.Generator) -> dict[str, Any]:
    scores = rng.standard_normal((len(answers), 1, classes), dtype=np.float32).astype(np.float16)
    scores[np.arange(len(answers)), 0, answers] += 8
    return {"scores": scores}


def _highest(
    answers: NDArray[np.int64], targets: NDArray[np.int64], classes: int, rng: np.random.Generator
) -> dict[str, Any]:
    top = ((answers[:, None] + 37 * np.arange(KEPT)) % classes).astype(np.int32)
    scores = -np.sort(-rng.standard_normal((len(answers), KEPT), dtype=np.float32), axis=1).astype(np.float16)
    scores[:, 0] += 8
    hit = top == targets[:, None]
    own = np.where(hit.any(axis=1), (hit * scores).sum(axis=1), scores[:, -1] - 1).astype(np.float16)
    lse = np.log(np.exp(scores.astype(np.float32)).sum(axis=1) + 1)
    return {"scores": scores[:, None], "top": top[:, None], "own": own[:, None], "lse": lse[:, None]}


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
