"""Processes, locks and small records of this machine's queue: true after a kill, a reused process id, or a reboot.

Standard library only: `local_runner` runs without anything else.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MARK = "ARCTL_LOCAL_JOB"
"""Environment variable by which all processes of a job are known, whatever session they moved to."""


def identity(pid: int) -> dict[str, object]:
    """Return what names a process beyond doubt: host, boot, pid and start time (ticks since boot)."""
    return {"host": os.uname().nodename, "boot": boot_id(), "pid": pid, "start": _start_of(pid)}


def alive(who: Mapping[str, object]) -> bool:
    """Say whether the process of that identity still runs on this machine; a zombie or a reused pid does not."""
    pid = who.get("pid")
    same = who.get("host") == os.uname().nodename and who.get("boot") == boot_id()
    return same and isinstance(pid, int) and who.get("start") == _start_of(pid) != ""


def boot_id() -> str:
    """Return the name that the kernel gave itself at this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def members(job_dir: Path) -> Iterator[int]:
    """Yield the processes of a job: they carry its directory in their environment."""
    mark = f"{MARK}={job_dir}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0") and _start_of(int(entry.name)):
                    yield int(entry.name)


def send(job_dir: Path, sig: signal.Signals, *, but: int | None = None) -> None:
    """Send a signal to all processes of a job, except one."""
    for pid in list(members(job_dir)):
        if pid != but:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, sig)


def read_record(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None where there is none, or none yet."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def write_record(path: Path, record: Mapping[str, object]) -> None:
    """Replace a JSON file at once: readers see the old one or the new one."""
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def locked(path: Path) -> bool:
    """Say whether some process holds a lock on the file; a file that is gone is not locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in {errno.EWOULDBLOCK, errno.EACCES}
    finally:
        os.close(descriptor)
    return False


def running_members(job_dir: Path) -> bool:
    """Say whether any process of a job is left."""
    return any(True for _ in members(job_dir))


def queue_order(name: str) -> tuple[int, int]:
    """Sort key of job ids: `9` before `10`, `10_2` before `10_11`."""
    number, _, index = name.partition("_")
    return int(number), int(index or 0)


def _start_of(pid: int) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def end_orphans(directory: Path) -> None:
    """End the processes of a job that nobody watches any more."""
    send(directory, signal.SIGTERM)
    deadline = time.monotonic() + 5.0
    while running_members(directory):
        if time.monotonic() > deadline:
            send(directory, signal.SIGKILL)
            deadline = time.monotonic() + 5.0
        time.sleep(0.05)
