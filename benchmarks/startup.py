"""How long a person waits for the prompt: whole processes, against a process that only imports click.

The bounds are 1.6 times click for the help, 200 ms for a list and 700 ms for all runs where click takes 44 ms: as
ratios they hold on a slower or busier machine too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.registry_size import fill
from benchmarks.timing import table, take_turns

RUNS = 10_000


def measure() -> str:
    """Return the table: `arctl --help`, and lists of a registry with 10,000 ended runs of ten metrics each."""
    click, arctl = [sys.executable, "-c", "import click"], [sys.executable, "-m", "arctl"]
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch)
        subprocess.run([*arctl, "init", scratch], check=True, capture_output=True)
        fill(workspace / "runs.db", RUNS)
        took = take_turns(
            {
                "python -c pass": [sys.executable, "-c", "pass"],
                "import click": click,
                "arctl --help": [*arctl, "--help"],
                "arctl ls": [*arctl, "-w", scratch, "ls"],
                "arctl ls --json": [*arctl, "-w", scratch, "ls", "--json"],
                "arctl ls --all --json": [*arctl, "-w", scratch, "ls", "--all", "--json"],
            }
        )
    bounds = {"arctl --help": "1.6x", "arctl ls": "4.5x", "arctl ls --all --json": "15.9x"}
    base = took["import click"]
    rows = [[name, f"{ms:.0f}", f"{ms / base:.2f}x", bounds.get(name, "")] for name, ms in took.items()]
    return table([f"process ({RUNS:,} runs in the registry)", "ms", "against click", "bound"], rows)
