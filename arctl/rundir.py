"""The file names of a run, spelled once. `docs/run-directory.md` is the contract in words.

Each file has exactly one writer; nothing here opens, creates or changes a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

CONTRACT = 1
"""Version of the run-directory contract that this arctl writes and reads."""

_RUN_DIR = re.compile(r"run(\d{4,})")
_LOG = re.compile(r"log-(\d+(?:_\d+)?)\.txt")
_ATTEMPT = re.compile(r"([A-Za-z0-9_-]+)\.(\d+)")
_VARIANT = r"\d+x[13](?:-(?:shuffled|reversed|still))?|fused"
_PREDICTIONS = re.compile(rf"([A-Za-z0-9_]+)-(\d+)(?:-({_VARIANT}))?\.npz")


class PredictionName(NamedTuple):
    """A predictions file, by its name."""

    split: str
    """`val`."""
    epoch: int
    """After which epoch."""
    variant: str
    """How they were made: "" in training, `10x3` of that many views, `1x1-shuffled` with a probe, `fused`."""
    path: Path
    """Where it is."""


def run_name(number: int) -> str:
    """Return what people type for a run: `run12`."""
    return f"run{number}"


def directory_name(number: int) -> str:
    """Return the name of a run's directory: `run0012`, so that a plain `ls` sorts them."""
    return f"run{number:04d}"


def number_of(directory: Path) -> int | None:
    """Return the run number that a directory's name carries, or None where it is no run directory's name."""
    match = _RUN_DIR.fullmatch(directory.name)
    return int(match[1]) if match else None


def attempt_order(name: str) -> tuple[int, int, str]:
    """Sort key of attempt directories `<job>.<restart>`: later jobs and later restarts come later."""
    match = _ATTEMPT.fullmatch(name)
    if match is None:
        return (0, 0, name)
    digits = re.sub(r"\D", "", match[1].split("_")[0])
    return (int(digits or 0), int(match[2]), name)


@dataclass(frozen=True)
class RunDir:
    """Paths inside one run directory."""

    path: Path
    """The run directory itself."""

    @property
    def run_yaml(self) -> Path:
        """What the run is: number, name, tags, template, values, token, jobs. Written by arctl."""
        return self.path / "run.yaml"

    @property
    def config(self) -> Path:
        """The resolved trainer configuration. Written by arctl."""
        return self.path / "config.yaml"

    @property
    def script(self) -> Path:
        """What was submitted, byte for byte. Written by arctl."""
        return self.path / "job.sbatch"

    def script_of(self, job: int) -> Path:
        """Return the script of the run's first, second, ... job: `job.sbatch`, `job-2.sbatch`. Written by arctl."""
        return self.script if job == 1 else self.path / f"job-{job}.sbatch"

    @property
    def attempts(self) -> Path:
        """One directory for each start of the trainer. Written by the trainer."""
        return self.path / "attempts"

    @property
    def current(self) -> Path:
        """Names the newest attempt. Written by the trainer."""
        return self.path / "CURRENT"

    @property
    def predictions(self) -> Path:
        """Directory of per-sample predictions. Written by the trainer."""
        return self.path / "predictions"

    @property
    def checkpoints(self) -> Path:
        """Directory of checkpoints. Written by the trainer."""
        return self.path / "checkpoints"

    def log(self, job_id: str) -> Path:
        """Return the log of a job; `job_id` is `77`, or `77_3` for an array's element."""
        return self.path / f"log-{job_id}.txt"

    def log_pattern(self, *, array: bool = False) -> Path:
        """Return the log path with the scheduler's own patterns (`%j`, or `%A_%a` in an array)."""
        return self.path / ("log-%A_%a.txt" if array else "log-%j.txt")

    def logs(self) -> list[Path]:
        """Return the logs that exist, oldest job first."""
        found = [(match[1], path) for path in self.path.glob("log-*.txt") if (match := _LOG.fullmatch(path.name))]
        return [path for _, path in sorted(found, key=lambda item: [int(part) for part in item[0].split("_")])]

    def attempt_dirs(self) -> list[Path]:
        """Return the attempts that exist, oldest first."""
        if not self.attempts.is_dir():
            return []
        return sorted((path for path in self.attempts.iterdir() if path.is_dir()), key=lambda p: attempt_order(p.name))

    def events(self, attempt: str) -> Path:
        """Return the event file of the attempt named `<job>.<restart>`."""
        return self.attempts / attempt / "events.jsonl"

    def prediction_file(self, split: str, epoch: int, variant: str = "") -> Path:
        """Return the predictions of a split after an epoch (1-based; 0 is before training).

        `variant` is how they were made: "" in training, `10x3` of that many views, `1x1-shuffled` with a probe.
        """
        tail = f"-{variant}" if variant else ""
        return self.predictions / f"{split}-{epoch:04d}{tail}.npz"

    def prediction_files(self, variant: str = "") -> list[tuple[str, int, Path]]:
        """Return (split, epoch, path) of every predictions file of a variant, in order."""
        return [(name.split, name.epoch, name.path) for name in self.prediction_names() if name.variant == variant]

    def prediction_names(self) -> list[PredictionName]:
        """Return every predictions file there is, by split, epoch and variant."""
        found = ((_PREDICTIONS.fullmatch(path.name), path) for path in self.predictions.glob("*.npz"))
        return sorted(PredictionName(match[1], int(match[2]), match[3] or "", path) for match, path in found if match)
