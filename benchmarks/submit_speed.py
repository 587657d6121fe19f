"""What a submission costs beside sbatch itself, and a sweep of a thousand elements, on a real Slurm of this machine.

`python -m benchmarks.submit_speed`. The processes take turns, so that a busy machine slows all of them alike. What any
Python program pays that reads YAML, fills a template and writes to SQLite is shown beside.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.loopback import loopback, workspace_on
from benchmarks.timing import hardware, table, take_turns

ELEMENTS = 1_000
ARRAY = 1_001
"""MaxArraySize: Slurm's own default."""


def measure() -> str:
    """Return the tables."""
    with loopback(MaxArraySize=ARRAY, MaxJobCount=20_000) as cluster, tempfile.TemporaryDirectory() as scratch:
        os.environ.update(cluster.env)
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        workspace = workspace_on(Path(scratch) / "lab")
        return f"{_single(workspace)}\n\n{_sweep(workspace)}"


def _single(workspace: Path) -> str:
    arctl = [sys.executable, "-m", "arctl", "-w", str(workspace)]
    held = ["--hold", "--", "true"]
    subprocess.run([*arctl, "submit", *held], check=True, capture_output=True)
    script = workspace / "runs" / "run0001" / "job.sbatch"
    needs = "import click, jinja2, sqlite3, yaml"
    own = f"{needs}, simple_slurm, arctl.cli.submit, arctl.launch, arctl.preflight, arctl.snapshot"
    took = take_turns(
        {
            "python -c pass": [sys.executable, "-c", "pass"],
            f"python -c '{needs}'": [sys.executable, "-c", needs],
            "python -c 'import (all that arctl submit needs)'": [sys.executable, "-c", own],
            "sbatch job.sbatch": ["sbatch", "--parsable", str(script)],
            "arctl submit": [*arctl, "submit", *held],
        },
        rounds=15,
    )
    ours, sbatch = took["arctl submit"], took["sbatch job.sbatch"]
    rows = [
        [name, f"{ms:.0f}", f"{ours / (sbatch + ms):.2f}x" if name.startswith("python") else ""]
        for name, ms in took.items()
    ]
    return table(["process", "ms", "arctl submit, against sbatch and this"], rows)


def _sweep(workspace: Path) -> str:
    (workspace / "sweep.yaml").write_text(
        "name: thousand\nmodel: r3d_tiny\ndata: motions\n"
        "grid:\n"
        f"  optim.lr: [{', '.join(f'{1e-4 * (1 + n):.4e}' for n in range(50))}]\n"
        "  train.seed: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]\n"
    )
    arctl = [sys.executable, "-m", "arctl", "-w", str(workspace)]
    took = []
    for turn in range(3):
        before = time.perf_counter()
        argv = [*arctl, "sweep", "submit", "sweep.yaml", "--hold", "--name", f"thousand-{turn}"]
        subprocess.run(argv, cwd=workspace, check=True, capture_output=True)
        took.append(time.perf_counter() - before)
    dirs = len(list((workspace / "runs").glob("run*")))
    row = [f"a sweep of {ELEMENTS:,} elements, to the prompt", f"{median(took):.1f}", "5", f"{dirs:,}"]
    return table(["what", "s", "bound", "run directories at the end"], [row])


if __name__ == "__main__":
    print(f"{hardware()}\n")
    print(measure())
