"""Times whole processes side by side: the commands take turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median


def hardware() -> str:
    """Name the processor, the number of cores and the Python, for the line above a table."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def take_turns(commands: Mapping[str, Sequence[str]], *, rounds: int = 15, cwd: Path | None = None) -> dict[str, float]:
    """Return the median wall time of each command in milliseconds, after one warm-up round.

    A command that exits with another status than 0 raises CalledProcessError.
    """
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, argv in commands.items():
            begin = time.perf_counter()
            subprocess.run(
                argv,
                cwd=cwd,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if turn:
                times[name].append((time.perf_counter() - begin) * 1000)
    return {name: median(values) for name, values in times.items()}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned to be read in a terminal too."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])
