"""This machine as a place where jobs run: its cores, memory, load, and what its GPUs do now."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from arctl.text import safe_line

_FIELDS = "index,name,utilization.gpu,memory.used,memory.total"
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Card:
    """A GPU."""

    index: str
    """Its number."""
    name: str
    """Its type, as its driver calls it."""
    busy: float | None
    """Share of the last moment in which it computed, 0 to 1; None where it does not tell."""
    used_mib: int | None
    """Memory in use, MiB."""
    mib: int | None
    """Memory, MiB."""


@dataclass(frozen=True)
class Machine:
    """What this machine has, and how busy it is."""

    host: str
    """Its name."""
    cores: int
    """Cores that this process may use."""
    load: float | None
    """Processes that ran or wanted to, mean of the last minute; None where the system does not tell."""
    mib: int | None
    """Memory, MiB."""
    free_mib: int | None
    """Memory that a program could have now, MiB."""
    cards: tuple[Card, ...]
    """Its GPUs."""
    at: float
    """When it was looked at, Unix seconds."""


def look() -> Machine:
    """Return how this machine is; what it does not tell is None."""
    try:
        load: float | None = os.getloadavg()[0]
    except OSError:
        load = None
    memory = _memory()
    cores = len(os.sched_getaffinity(0))
    total, free = memory.get("MemTotal"), memory.get("MemAvailable")
    return Machine(safe_line(os.uname().nodename, limit=80), cores, load, total, free, _cards(), time.time())


def read_cards(stdout: str) -> tuple[Card, ...]:
    """Read `nvidia-smi --query-gpu=index,name,utilization.gpu,memory.used,memory.total --format=csv,noheader,nounits`.

    Lines that make no sense are passed over; `[N/A]` is None.
    """
    rows = [[cell.strip() for cell in line.split(",")] for line in stdout.splitlines()]
    return tuple(
        Card(
            row[0],
            safe_line(row[1], limit=60),
            None if (busy := _whole(row[2])) is None else busy / 100,
            _whole(row[3]),
            _whole(row[4]),
        )
        for row in rows
        if len(row) == 5 and row[0].isdecimal()
    )


def _cards() -> tuple[Card, ...]:
    query = ["nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            query, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return read_cards(done.stdout) if done.returncode == 0 else ()


def _memory() -> dict[str, int]:
    """Return the lines of /proc/meminfo, MiB; empty where there is no such file."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return {}
    return {name: int(kib) // 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None
