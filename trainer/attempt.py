"""Claims a run directory for one start of the trainer, so that two never write into the same files.

The claim is a `mkdir`, which one process wins on every file system. A writer that later finds another's name in CURRENT
has been superseded, as happens when Slurm requeues a job whose lost node still runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from trainer.errors import ConfigError, Superseded, TrainerError

PACKAGES = ("torch", "torchvision", "transformers", "av", "numpy", "pyyaml")
"""Whose versions env.json records."""

_JOB = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Claim:
    """A claimed attempt."""

    run_dir: Path
    """The run directory."""
    name: str
    """`<job>.<restart>`."""
    job_id: str | None
    """The scheduler's id, None outside a job."""
    restart: int
    """How often the scheduler has restarted the job."""

    @property
    def path(self) -> Path:
        """The attempt's own directory."""
        return self.run_dir / "attempts" / self.name

    def check(self) -> None:
        """Raise Superseded where CURRENT names another attempt. A file that cannot be read says nothing."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            current = (self.run_dir / "CURRENT").read_text(encoding="utf-8").strip()
            if current and current != self.name:
                raise Superseded(
                    f"attempt {current} has taken over from {self.name}",
                    where=str(self.run_dir),
                    cure="nothing to do: the newer one goes on",
                )


def claim(run_dir: Path, *, env: Mapping[str, str]) -> Claim:
    """Claim the next attempt of a run directory and point CURRENT at it.

    Raises ConfigError without a run directory, Superseded where the attempt is already claimed, TrainerError where
    nothing can be written.
    """
    if not run_dir.is_dir():
        raise ConfigError(
            "there is no such run directory", where=str(run_dir), cure="make it, with a config.yaml in it"
        )
    try:
        (run_dir / "attempts").mkdir(exist_ok=True)
        claimed = _make_directory(run_dir, env)
        write_json(claimed.path / "claim.json", _claim_record(claimed))
        replace_text(run_dir / "CURRENT", f"{claimed.name}\n")
    except OSError as error:
        raise TrainerError(
            f"cannot write: {error.strerror}", where=str(run_dir), cure="check permissions and free space"
        ) from None
    return claimed


def job_identity(env: Mapping[str, str]) -> tuple[str | None, int]:
    """Return (job id, restart count) as the scheduler's environment tells them; (None, 0) outside a job."""
    array, task = env.get("SLURM_ARRAY_JOB_ID"), env.get("SLURM_ARRAY_TASK_ID")
    job = env.get("ARCTL_JOB_ID") or (f"{array}_{task}" if array and task else env.get("SLURM_JOB_ID"))
    restart = env.get("SLURM_RESTART_COUNT") or "0"
    if job is None:
        return None, 0
    if not _JOB.fullmatch(job) or not restart.isdecimal():
        raise ConfigError(
            f"job {job!r}, restart {restart!r} name no attempt", where="environment", cure="unset ARCTL_JOB_ID"
        )
    return job, int(restart)


def watch(
    claimed: Claim | None, *, sync: Callable[[], None], every: float
) -> tuple[threading.Event, Callable[[], None]]:
    """Start a thread that calls `sync` and reads CURRENT each `every` seconds.

    Return (an event that is set once the claim is superseded, a function that ends the thread).
    """
    superseded, ended = threading.Event(), threading.Event()

    def look() -> None:
        while not ended.wait(every):
            sync()
            try:
                if claimed is not None:
                    claimed.check()
            except Superseded:
                superseded.set()

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    return superseded, ended.set


def environment() -> dict[str, object]:
    """Return env.json: what software and hardware this is; None for what there is not. Imports torch."""
    import torch

    cuda = torch.cuda.is_available()
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())] if cuda else []
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": versions["torchvision"],
        "cuda": torch.version.cuda if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,  # type: ignore[no-untyped-call]
        "driver": _driver(),
        "gpus": [{"name": item.name, "memory": item.total_memory} for item in found] or None,
        "cpus": len(os.sched_getaffinity(0)),
        "host": socket.gethostname(),
        "packages": versions,
    }


def write_json(path: Path, value: object) -> None:
    """Write a JSON file that does not exist yet, and flush it to the disk."""
    with path.open("x", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def replace_text(path: Path, text: str) -> None:
    """Replace a file atomically: a reader sees the old text or the new one."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _make_directory(run_dir: Path, env: Mapping[str, str]) -> Claim:
    job, restart = job_identity(env)
    while True:
        claimed = Claim(run_dir, f"{job or f'local-{int(time.time())}'}.{restart}", job, restart)
        try:
            claimed.path.mkdir()
            return claimed
        except FileExistsError:
            if job is not None:
                raise Superseded(
                    f"attempt {claimed.name} is already claimed", where=str(claimed.path), cure="one start for each job"
                ) from None
        restart += 1


def _claim_record(claimed: Claim) -> dict[str, object]:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return {
        "attempt": claimed.name,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "boot_id": boot.read_text(encoding="ascii").strip() if boot.exists() else None,
        "job_id": claimed.job_id,
        "restart": claimed.restart,
        "time": time.time(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _driver() -> str | None:
    path = Path("/proc/driver/nvidia/version")
    match = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", path.read_text(encoding="utf-8")) if path.exists() else None
    return match[1] if match else None
