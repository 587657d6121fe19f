"""Whether the disk holds what runs will write: free space, free inodes and the user's quota against checkpoints.

A full disk ends a run at its next checkpoint, hours after it was submitted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from arctl import recipe
from arctl.plan import Plan
from arctl.preflight.amounts import bytes_text
from arctl.preflight.finding import Finding
from arctl.registry import speed
from arctl.rundir import RunDir, run_name
from arctl.settings import Workspace

RUN_FILES = 60
"""Files and directories of a run, roughly."""

SPARE = 1 << 20
"""Bytes that a run of any kind needs."""

QUOTA_TIMEOUT_S = 3.0
"""The longest wait for `quota` or `lfs quota`, seconds."""

_MOMENTS = {"adamw": 2, "sgd": 1}
_COPIES = 4
_LIKE = 3


@dataclass(frozen=True)
class Space:
    """What is left on a disk."""

    free: int
    """Bytes."""
    files: int | None
    """Inodes; None where the file system does not count them."""
    what: str
    """`the disk`, or `your quota`."""


def check(workspace: Workspace, plans: Sequence[Plan]) -> list[Finding]:
    """Return whether the disk of the workspace is too small, or nearly, for the runs of these plans."""
    needs = {key: _need(workspace, key) for key in {_key(plan) for plan in plans}}
    need = sum(needs[_key(plan)][0] for plan in plans)
    like = sorted({number for key in needs for number in needs[key][1]})
    spaces = [space for space in (_disk(workspace.root), quota(workspace.root)) if space is not None]
    return [finding for space in spaces for finding in _verdict(workspace, space, need, len(plans), like)]


def quota(path: Path) -> Space | None:
    """Return what is left of this user's quota where `path` is; None where there is none, or nobody tells it."""
    mount = _mount(path)
    if mount is None:
        return None
    source, kind = mount
    if kind == "lustre" and shutil.which("lfs"):
        return _left(_said(["lfs", "quota", "-q", "-u", str(os.getuid()), str(path)]).split()[1:], graced=True)
    if shutil.which("quota"):
        for line in _said(["quota", "-w", "-u"]).splitlines():
            words = line.split()
            if words and words[0] == source:
                return _left(words[1:], graced=words[1:2] != [] and words[1].endswith("*"))
    return None


def _verdict(workspace: Workspace, space: Space, need: int, runs: int, like: Sequence[int]) -> Iterator[Finding]:
    where, many = str(workspace.root), f"{runs} runs" if runs > 1 else "the run"
    source = f" (by {', '.join(map(run_name, like))})" if like else ""
    cure = "make room: `arctl ls` lists the runs, checkpoints/ holds most of their bytes"
    left = f"{space.what} has {bytes_text(space.free)} left"
    if space.free < need:
        yield Finding("error", f"{left}, and {many} will need about {bytes_text(need)}{source}", where, cure)
    elif space.free < 1.5 * need:
        yield Finding("warning", f"{left}, hardly more than the {bytes_text(need)} of {many}{source}", where, cure)
    if space.files is not None and space.files < runs * RUN_FILES:
        what = f"{space.what} has {space.files} files left, and {many} will need about {runs * RUN_FILES}"
        yield Finding("error", what, where, "remove files that nobody needs")


def _key(plan: Plan) -> tuple[str, str] | None:
    """Return what decides how much a run writes: the model and its optimizer."""
    return None if plan.config is None else (str(plan.config["model"]["name"]), str(plan.config["optim"]["name"]))


def _need(workspace: Workspace, key: tuple[str, str] | None) -> tuple[int, list[int]]:
    """Return the bytes of a run, and the runs that they were measured on; none of those: an estimate.

    A checkpoint is written beside the one that it replaces, so that one more than stays has to fit.
    """
    if key is None:
        return SPARE, []
    sizes: dict[int, int] = {}
    for run in speed.like(workspace.db, model=key[0], limit=_LIKE):
        files = RunDir(workspace.run_dir(run.number))
        if largest := max((_bytes(path) for path in files.checkpoints.glob("*.pt")), default=0):
            sizes[run.number] = _size(files.path) + largest
    if sizes:
        return max(sizes.values()), sorted(sizes)
    parameters = recipe.model(key[0]).params * 1e6
    return int(parameters * 4 * (1 + _MOMENTS.get(key[1], 2)) * _COPIES) + SPARE, []


def _size(directory: Path) -> int:
    """Return the bytes of all files below a directory."""
    return sum(_bytes(Path(place, name)) for place, _, names in os.walk(directory) for name in names)


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _disk(path: Path) -> Space | None:
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return Space(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None, "the disk")


def _mount(path: Path) -> tuple[str, str] | None:
    """Return (source, file system type) of the mount that holds a path."""
    try:
        text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        wanted = path.resolve()
    except OSError:
        return None
    best: tuple[int, str, str] | None = None
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        place, words = _plain(head.split()[4]), tail.split()
        if len(words) >= 2 and wanted.is_relative_to(place) and (best is None or len(place) >= best[0]):
            best = (len(place), _plain(words[1]), words[0])
    return (best[1], best[2]) if best else None


def _plain(text: str) -> str:
    """Undo the kernel's octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _left(words: Sequence[str], *, graced: bool) -> Space | None:
    """Read `used soft hard [grace] files soft hard`, in KiB; None without a limit."""
    numbers = [int(word.rstrip("*")) if word.rstrip("*").isdecimal() else None for word in words]
    if len(numbers) < 3:
        return None
    blocks, files = numbers[:3], numbers[4:7] if graced else numbers[3:6]
    room = _rest(blocks)
    if room is None:
        return None
    return Space(room * 1024, _rest(files), "your quota")


def _rest(numbers: Sequence[int | None]) -> int | None:
    if len(numbers) < 3 or numbers[0] is None:
        return None
    limit = numbers[2] or numbers[1]
    return max(0, limit - numbers[0]) if limit else None


def _said(words: Sequence[str]) -> str:
    """Return what a program prints; nothing where it fails to answer. `quota` ends with 1 where one is exceeded."""
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            words, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=QUOTA_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
