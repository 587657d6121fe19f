"""How long a sweep of 1,000 elements takes, from the file to the job array, and how often the scheduler is called.

`sbatch` is one that answers at once: what is measured is everything else. `python -m benchmarks.sweep_size`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import table

ELEMENTS = 1000
SBATCH = '#!/bin/sh\necho "${0##*/}" >> "${0%/*}/calls"\n'
SWEEP = """name: big
model: r3d_tiny
data: motions
grid:
  optim.lr: [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
  data.batch_size: [4, 8, 16, 32]
  model.dropout: [0.0, 0.1, 0.2, 0.3, 0.5]
  optim.weight_decay: [0, 0.01]
seeds: [1, 2, 3, 4, 5]
"""


def measure() -> str:
    """Return the table: planning it, submitting it, showing it, and the calls of the scheduler."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "lab"
        env = prepared(root)
        rows = [[what, *_clocked(root, env, *argv)] for what, argv in STEPS.items()]
    return table([f"{ELEMENTS:,} elements", "seconds", "CPU seconds", "scheduler calls"], rows)


STEPS = {
    "arctl sweep FILE --dry-run": ("sweep", "big.yaml", "--dry-run"),
    "arctl sweep FILE": ("sweep", "big.yaml", "--no-snapshot"),
    "arctl sweep show": ("sweep", "show", "big"),
    "arctl sweep ls": ("sweep", "ls"),
}
"""What is measured, in this order."""


def prepared(root: Path) -> dict[str, str]:
    """Make a workspace with a data set of two videos, and programs of Slurm that answer at once."""
    programs = root.parent / "bin"
    programs.mkdir()
    answers = {"sbatch": "echo 77", "squeue": "", "sacct": "", "scancel": "", "sinfo": "exit 1", "sacctmgr": "exit 1"}
    answers["scontrol"] = '[ "$2" = config ] || exit 1; echo "MaxArraySize            = 1001"'
    for name, answer in answers.items():
        (programs / name).write_text(f"{SBATCH}{answer}\n")
        (programs / name).chmod(0o755)
    cache = {"XDG_CACHE_HOME": str(root.parent / "cache"), "PATH": f"{programs}:{os.environ['PATH']}"}
    env = {**os.environ, **cache}
    subprocess.run([sys.executable, "-m", "arctl", "init", str(root)], env=env, check=True, capture_output=True)
    (root / "arctl.yaml").write_text("python: /bin/true\ncluster: slurm\n")
    (root / "big.yaml").write_text(SWEEP)
    data = root / "data" / "motions"
    (data / "Left").mkdir(parents=True)
    for video in ("a.avi", "b.avi"):
        (data / "Left" / video).touch()
    for name, text in (("classInd", "1 Left"), ("trainlist01", "Left/a.avi 1"), ("testlist01", "Left/b.avi")):
        (data / f"{name}.txt").write_text(f"{text}\n")
    return env


def _clocked(root: Path, env: dict[str, str], *argv: str) -> list[str]:
    """Run `arctl ARGV` and return seconds, CPU seconds and calls of Slurm's programs."""
    calls = root.parent / "bin" / "calls"
    calls.unlink(missing_ok=True)
    before, begin = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "arctl", *argv], cwd=root, env=env, capture_output=True, text=True)
    seconds, after = time.perf_counter() - begin, os.times()
    if done.returncode != 0 or not re.search("1,?000|big", done.stdout + done.stderr):
        raise RuntimeError(done.stderr)
    used = after.children_user - before.children_user + after.children_system - before.children_system
    called = calls.read_text().split() if calls.exists() else []
    return [f"{seconds:.1f}", f"{used:.1f}", f"{len(called)}"]


if __name__ == "__main__":
    print(measure())
