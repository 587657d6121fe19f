"""What identifies a process of this machine for others: the machine's boot, the process's start, its set of ids."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def boot_id() -> str:
    """Return what this machine calls itself since its last start; containers on it say the same. Empty if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def namespace() -> str:
    """Name the set of processes in which a process id means one of them: a container has its own."""
    with suppress(OSError):
        return "".join(filter(str.isdigit, str(Path("/proc/self/ns/pid").readlink())))
    return ""


def started(pid: int) -> str | None:
    """Return when a process started, in the kernel's own count; None where there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]
