"""Where the arctl processes of a user leave word for one another about a cluster, and the log of calls to Slurm.

Each site counts what its users ask of the controller; this is where arctl counts itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arctl.text import safe_line

ROTATE_AT = 256 * 1024
"""Bytes of a call log after which a new one is begun; the one before is kept as `calls.1.jsonl`."""

LARGEST = 1 << 26
"""Bytes that are read of a kept answer; a longer one counts as damaged."""

_LONGEST = 300  # characters of a call's arguments that are kept
_CONF = Path("/etc/slurm/slurm.conf")
_WHO = re.compile(r"^\s*(?:ClusterName|SlurmctldHost|ControlMachine)\s*=.*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """One call of a program of Slurm's."""

    program: str
    """`squeue`."""
    args: str
    """Its arguments, cut short."""
    at: float
    """When it began, Unix seconds."""
    ms: float
    """How long it took, milliseconds."""
    rc: int | None
    """Its exit status; None where it never started or was stopped for taking too long."""
    pid: int
    """The arctl process that called."""
    why: str
    """What for: `queue`, `accounts`."""


def place(env: Mapping[str, str] | None = None) -> Path | None:
    """Return the directory that this user's arctl processes share about the cluster at hand; it is made where needed.

    `$XDG_CACHE_HOME/arctl/<cluster>`, readable by the user alone. None where there can be none (no home, a full disk,
    somebody else's directory): then every process asks for itself.
    """
    env = os.environ if env is None else env
    cache = env.get("XDG_CACHE_HOME") or ""
    root = Path(cache) if cache.startswith("/") else Path(env.get("HOME") or "~").expanduser() / ".cache"
    own = root / "arctl" / cluster_key(env)
    try:
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = own.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return None
        if stat.S_IMODE(found.st_mode) != 0o700:
            own.chmod(0o700)
    except (OSError, RuntimeError):
        return None
    return own if os.access(own, os.W_OK) else None


def cluster_key(env: Mapping[str, str]) -> str:
    """Name the cluster that Slurm's programs talk to, from files and variables alone: 16 hex digits.

    Clusters that share a home differ in slurm.conf, in SLURM_CONF or in which squeue is on PATH. A machine without
    slurm.conf (it gets it from the controller) counts as a cluster of its own.
    """
    conf = Path(env.get("SLURM_CONF") or _CONF)
    try:
        with conf.open(encoding="utf-8", errors="replace") as file:
            who = " ".join(_WHO.findall(file.read(1 << 16)))
    except OSError:
        who = env.get("SLURM_CONF_SERVER") or ""
    who = who or socket.gethostname()
    told = (str(os.getuid()), str(conf), who, shutil.which("squeue", path=env.get("PATH")) or "")
    return hashlib.sha256("\0".join(told).encode("utf-8", "replace")).hexdigest()[:16]


def record(args: Sequence[str], *, at: float, ms: float, rc: int | None, why: str) -> None:
    """Add a call to the log; a log that cannot be written is no reason to fail."""
    directory = place()
    if directory is None:
        return
    line = {"program": Path(args[0]).name, "args": safe_line(" ".join(args[1:]), limit=_LONGEST), "at": round(at, 3)}
    line |= {"ms": round(ms, 1), "rc": rc, "pid": os.getpid(), "why": why}
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(directory / "calls.jsonl", flags, 0o600)
        try:
            os.write(file, (json.dumps(line) + "\n").encode("ascii"))
            if os.fstat(file).st_size > ROTATE_AT:
                _rotate(file, directory)
        finally:
            os.close(file)


def put(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file of this directory in one step, for the user alone; where that fails, it is left as it was."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as text:
            json.dump(content, text)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def get(path: Path) -> dict[str, Any]:
    """Return what `put` wrote; an empty mapping where there is nothing, no such thing, or a file of somebody else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = json.loads(file.read(LARGEST)) if os.fstat(descriptor).st_uid == os.getuid() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def young(path: Path, names: Sequence[str], *, max_age_s: float) -> dict[str, str] | None:
    """Return the texts of that name that `put` wrote, `at` (Unix seconds) among them; None where they are too old."""
    found = get(path)
    try:
        kept = {name: str(found[name]) for name in (*names, "at")}
        return kept if 0 <= time.time() - float(kept["at"]) < max_age_s else None
    except (KeyError, ValueError):
        return None


def recent(*, since: float) -> list[Call]:
    """Return the calls that began after `since` (Unix seconds), by all arctl processes of this user, oldest first."""
    directory = place()
    found: list[Call] = []
    for name in ("calls.1.jsonl", "calls.jsonl") if directory is not None else ():
        with suppress(OSError):
            text = (Path(str(directory)) / name).read_text(encoding="utf-8", errors="replace")
            found += (call for line in text.splitlines() if (call := _read(line)) and call.at >= since)
    return sorted(found, key=lambda call: call.at)


def per_minute(*, minutes: float = 60.0, now: float | None = None) -> Mapping[str, float]:
    """Return the calls per minute of each program over the last `minutes`; an empty mapping for none."""
    now = time.time() if now is None else now
    counts: dict[str, float] = {}
    for call in recent(since=now - 60.0 * minutes):
        counts[call.program] = counts.get(call.program, 0.0) + 1.0 / minutes
    return counts


@dataclass(frozen=True)
class Tally:
    """The calls of one program for one purpose."""

    program: str
    """`squeue`."""
    why: str
    """What for: `queue`."""
    count: int
    """How many calls."""
    failed: int
    """Of these, those without a good answer."""
    ms: float
    """How long one took, the mean, milliseconds."""
    at: float
    """When the newest began, Unix seconds."""
    pids: tuple[int, ...]
    """The arctl processes that made them, in order."""


def tally(found: Sequence[Call]) -> list[Tally]:
    """Sum calls up by program and purpose, the most frequent first."""
    groups: dict[tuple[str, str], list[Call]] = {}
    for call in found:
        groups.setdefault((call.program, call.why), []).append(call)
    sums = [
        Tally(
            program,
            why,
            len(made),
            sum(call.rc != 0 for call in made),
            sum(call.ms for call in made) / len(made),
            max(call.at for call in made),
            tuple(sorted({call.pid for call in made})),
        )
        for (program, why), made in groups.items()
    ]
    return sorted(sums, key=lambda one: (-one.count, one.program, one.why))


def _read(line: str) -> Call | None:
    try:
        return Call(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None


def _rotate(file: int, directory: Path) -> None:
    """Put a full log aside, once: whoever holds its lock, and finds it still in its place."""
    path = directory / "calls.jsonl"
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    except OSError:  # no locks here: two that do it at once lose lines of a log, no more
        pass
    if path.stat().st_ino == os.fstat(file).st_ino:
        path.replace(directory / "calls.1.jsonl")
