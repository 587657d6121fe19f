"""The file system under a workspace: its kind, whether its locks hold, its clock, and how much room there is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arctl.doctor.line import Line, Status

if TYPE_CHECKING:
    from arctl.doctor import Ground

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "beegfs_nodev", "ceph", "afs", "panfs", "wekafs",
     "orangefs", "pvfs2", "9p", "glusterfs", "vastnfs", "quobyte", "juicefs", "sshfs"}
)  # fmt: skip
"""Kinds of file system that other machines may write to at the same time."""

IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
"""Kinds that forget everything at the next boot."""

LITTLE = 5 << 30
"""Bytes below which a warning is due."""

NOTHING = 256 << 20
"""Bytes below which runs will fail."""

FEW_INODES = 20_000
"""Files below which a warning is due."""

SLOW_S = 0.5
"""A write that takes longer to reach the disk makes every command wait."""

SKEW_S = 2.0
"""Clocks that differ by more make ages wrong."""

_HOLD = (
    "import fcntl, sys\n"
    "f = open(sys.argv[1], 'r+b')\n"
    "try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    "except OSError: sys.exit(3)\n"
)
_LOCAL_LOCKS = re.compile(r"(?:^|,)(nolock|localflock|local_lock=(?:all|posix))(?:,|$)")


@dataclass(frozen=True)
class Mount:
    """Where a path lies."""

    point: str
    """Mount point."""
    kind: str
    """`ext4`, `nfs4`, `lustre`, ..."""
    source: str
    """Device or server."""
    options: str
    """Mount options, with commas."""

    @property
    def network(self) -> bool:
        """Whether other machines may write to it."""
        return self.kind.removeprefix("fuse.") in NETWORK or self.kind.startswith("nfs")


def check(ground: Ground) -> Iterator[Line]:
    """Look at the disk of the workspace, or at the current directory's outside of one."""
    root = ground.workspace.root if ground.workspace is not None else Path.cwd()
    mount = mount_of(root)
    if mount is not None:
        yield _kind(mount)
    yield from _room(root)
    yield from _quota()
    if ground.workspace is not None:
        yield from _probe(root, mount)


def mount_of(path: Path, *, table: str | None = None) -> Mount | None:
    """Return the mount that a path lies on; None where the system does not tell. `table` stands for mountinfo."""
    try:
        text = table if table is not None else Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:
        return None
    real = os.path.realpath(path)
    best: Mount | None = None
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) < 6 or len(rest) < 2:
            continue
        point = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and (best is None or len(point) >= len(best.point)):
            best = Mount(point, rest[0], rest[1], ",".join([fields[5], *rest[2:3]]))
    return best


def _kind(mount: Mount) -> Line:
    said = f"{mount.kind} at {mount.point}"
    if re.search(r"(?:^|,)ro(?:,|$)", mount.options.partition(",")[0]):
        return _line(Status.FAIL, "file system", f"{said}, mounted read-only", "use another directory")
    if mount.kind in IN_MEMORY:
        return _line(Status.WARN, "file system", f"{said}: in memory, gone at the next boot", "move it to a disk")
    if mount.network and (match := _LOCAL_LOCKS.search(mount.options)):
        said = f"{said} from {mount.source}, mounted with {match[1]}: locks hold on this machine only"
        return _line(Status.WARN, "file system", said, "use arctl from one login node at a time")
    if mount.network:
        return _line(Status.OK, "file system", f"{said} from {mount.source}; runs.db is kept so that this is safe")
    return _line(Status.OK, "file system", f"{said}, a disk of this machine")


def _room(root: Path) -> Iterator[Line]:
    found = os.statvfs(root)
    free, whole = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    said = f"{_size(free)} free of {_size(whole)}"
    cure = "remove checkpoints of runs that you no longer need, or ask for more"
    status = Status.FAIL if free < NOTHING else Status.WARN if free < LITTLE else Status.OK
    yield _line(status, "room", said, cure if status is not Status.OK else None)
    if found.f_files and found.f_favail < FEW_INODES:
        yield _line(Status.WARN, "files", f"room for {found.f_favail} more files", "remove what you no longer need")


def _quota() -> Iterator[Line]:
    """Warn of quotas that are nearly used up, where `quota` knows of any."""
    if shutil.which("quota") is None:
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            ["quota", "-w", "-p"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=3.0, check=False,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        yield from _nearly_full(done.stdout)


def _nearly_full(stdout: str) -> Iterator[Line]:
    """Read `quota -w -p`: file system, blocks (KiB), soft, hard, grace, files, soft, hard, grace."""
    for line in stdout.splitlines():
        fields = [field.rstrip("*") for field in line.split()]
        if len(fields) < 8 or not all(field.isdecimal() for field in fields[1:8]):
            continue
        for used, soft, hard, what in ((*fields[1:4], "KiB"), (*fields[5:8], "files")):
            limit = min((int(number) for number in (soft, hard) if int(number)), default=0)
            if limit and int(used) > 0.9 * limit:
                amount = (
                    f"{_size(int(used) << 10)} of {_size(limit << 10)}" if what == "KiB" else f"{used} of {limit} files"
                )
                yield _line(Status.WARN, "quota", f"{amount} used on {fields[0]}", "remove what you no longer need")


def _probe(root: Path, mount: Mount | None) -> Iterator[Line]:
    """Write, lock and rename in a scratch directory of the workspace, which is removed again."""
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".arctl-doctor-", dir=root))
    except OSError as error:
        what = f"{root} cannot be written: {(error.strerror or 'no reason given').lower()}"
        yield _line(Status.FAIL, "writing", what, "check rights and quota, or use another directory")
        return
    try:
        yield from _written(scratch / "file")
        yield _locked(scratch / "file", mount)
        yield from _exclusive(scratch / "directory")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _written(path: Path) -> Iterator[Line]:
    begun = time.monotonic()
    with path.open("wb") as file:
        file.write(b"\n" * 4096)
        file.flush()
        os.fsync(file.fileno())
        took = time.monotonic() - begun
        skew = os.fstat(file.fileno()).st_mtime - time.time()
    status = Status.WARN if took > SLOW_S else Status.OK
    cure = "the disk is busy: every command that writes waits as long" if took > SLOW_S else None
    yield _line(status, "writing", f"4 KiB reach the disk in {1000 * took:.0f} ms", cure)
    if abs(skew) > SKEW_S:
        said = f"the file server's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
        yield _line(Status.WARN, "clock", said, "ask the site to run NTP; ages of files are wrong by as much")


def _locked(path: Path, mount: Mount | None) -> Line:
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            said = f"locks do not work here: {(error.strerror or 'no reason given').lower()}"
            return _line(Status.FAIL, "locks", said, "move the workspace to a file system with locks")
        taker = [sys.executable, "-I", "-S", "-c", _HOLD, str(path)]
        done = subprocess.run(taker, stdin=subprocess.DEVNULL, capture_output=True, timeout=10.0, check=False)
    if done.returncode == 0:
        said = "a lock that one process holds was given to another one"
        return _line(Status.FAIL, "locks", said, "run one arctl at a time here, or move the workspace")
    if done.returncode != 3:
        return _line(Status.UNKNOWN, "locks", "the process that was to try a lock failed", "run it again")
    other = "; another login node is kept out by the lease" if mount is not None and mount.network else ""
    return _line(Status.OK, "locks", f"hold between processes{other}")


def _exclusive(path: Path) -> Iterator[Line]:
    path.mkdir()
    with contextlib.suppress(FileExistsError):
        path.mkdir()
        cure = "run one arctl at a time here, or move the workspace"
        yield _line(Status.FAIL, "mkdir", "a directory could be made twice: attempts would meet", cure)


def _size(count: int) -> str:
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count >> 10} KiB"


def _line(status: Status, name: str, said: str, cure: str | None = None) -> Line:
    return Line("storage", status, name, said, cure)
