"""How long a run will take, by the measured speed of like runs: same model, data, batch, precision and machine.

An estimate names the runs that it comes from; without a like run there is none.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from arctl.errors import ArctlError
from arctl.plan import Plan
from arctl.registry import speed
from arctl.rundir import RunDir, run_name
from arctl.runfile import read_run
from arctl.settings import Workspace

SPEED_KEYS: Mapping[str, tuple[str, ...]] = {
    "model": ("name",),
    "data": ("root", "split", "frames", "resize", "crop", "batch_size", "eval_batch_size", "workers", "cache",
             "limit_train", "limit_val"),
    "optim": ("name", "accumulate"),
    "train": ("precision", "device", "deterministic", "eval_every", "channels_last"),
}  # fmt: skip
"""What of a configuration decides how long an epoch takes; a learning rate does not."""

RESOURCE_KEYS = ("gpus", "nodes", "cpus")
"""What of a job's resources does; a key that neither job names is the same in both."""

ENOUGH = 3
"""Like runs that an estimate is made from."""

LOOKED_AT = 40
"""Runs of the model and data set that are compared, newest first."""

_LARGEST = 1 << 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Pace:
    """What like runs say of a run's speed."""

    epoch_s: float
    """Seconds for an epoch, evaluation and checkpoint with it: the median of like runs."""
    slowest_s: float
    """The same of the slowest of them."""
    start_s: float
    """Seconds from the start of an attempt to its first step."""
    epochs: int
    """Epochs that the run is to have."""
    runs: tuple[int, ...]
    """The like runs, smallest number first."""
    gpus: tuple[str, ...]
    """On which GPUs they ran, by name; nothing on CPUs."""

    @property
    def total_s(self) -> float:
        """Seconds that all of its epochs need, in one attempt."""
        return self.start_s + self.epochs * self.epoch_s

    @property
    def by(self) -> str:
        """Where it comes from: `run12, run15`."""
        return ", ".join(map(run_name, self.runs))

    def reached(self, seconds: float, *, attempts: int = 1) -> int:
        """Return the last epoch that is finished in so many attempts of so many seconds each."""
        each = max(0.0, seconds - self.start_s)
        return min(self.epochs, math.floor(attempts * each / self.epoch_s + 1e-9))


def expect(workspace: Workspace, plan: Plan) -> Pace | None:
    """Return how fast the run of a plan will be; None where that trains nothing, or no like run finished two epochs.

    Runs on the same partition are believed before others.
    """
    epochs = plan.config["train"]["epochs"] if plan.config is not None else None
    if plan.config is None or plan.request.evaluation is not None:
        return None
    if not isinstance(epochs, int) or plan.config["train"].get("max_steps") is not None:
        return None
    wanted, name = speed_of(plan.config), str(plan.config["model"]["name"])
    near: list[_Measured] = []
    far: list[_Measured] = []
    for run in speed.like(workspace.db, model=name, data=plan.request.data, limit=LOOKED_AT):
        measured = _measured(workspace, run.number, wanted, plan.values)
        if measured is not None:
            (near if measured.partition == plan.values.get("partition") else far).append(measured)
        if len(near) == ENOUGH:
            break
    found = near or far[:ENOUGH]
    return _pace(found, epochs) if found else None


def _pace(found: Sequence[_Measured], epochs: int) -> Pace:
    return Pace(
        epoch_s=_median(one.epoch_s for one in found),
        slowest_s=max(one.epoch_s for one in found),
        start_s=_median(one.start_s for one in found),
        epochs=epochs,
        runs=tuple(sorted(one.number for one in found)),
        gpus=tuple(sorted({one.gpu for one in found if one.gpu})),
    )


def speed_of(config: Mapping[str, Mapping[str, object]]) -> tuple[object, ...]:
    """Return what of a configuration decides its speed; two with the same are like."""
    return tuple(repr(config.get(section, {}).get(key)) for section, keys in SPEED_KEYS.items() for key in keys)


@dataclass(frozen=True)
class _Measured:
    number: int
    epoch_s: float
    start_s: float
    gpu: str | None
    partition: object


def _measured(
    workspace: Workspace, number: int, wanted: tuple[object, ...], asked: Mapping[str, object]
) -> _Measured | None:
    """Return the speed of a run if it is like the one that is wanted."""
    files = RunDir(workspace.run_dir(number))
    config = _config(files.config)
    if config is None or speed_of(config) != wanted:
        return None
    try:
        record = read_run(files.run_yaml)
    except ArctlError:
        return None
    gpu = _gpu(files)
    if not _same_machine(record.values, asked, gpu):
        return None
    times = speed.epoch_times(workspace.db, number)
    if not times.seconds:
        return None
    epoch_s = _median(times.seconds)
    start_s = _median(times.first) - epoch_s if times.first else 0.0
    return _Measured(number, epoch_s, max(0.0, start_s), gpu, record.values.get("partition"))


def _median(values: Iterable[float]) -> float:
    """Return the middle value; `statistics` would take longer to import than all of this to run."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _same_machine(before: Mapping[str, object], asked: Mapping[str, object], gpu: str | None) -> bool:
    """Say whether a run had the resources that are asked for, and the kind of GPU if one is named."""
    if before.get("cluster") != asked.get("cluster"):
        return False
    if any((before.get(key) or None) != (asked.get(key) or None) for key in RESOURCE_KEYS):
        return False
    kind = asked.get("gpu_type")
    if not kind or before.get("gpu_type") == kind:
        return True
    return gpu is not None and str(kind).lower() in gpu.lower().replace("-", " ").split()


def _config(path: Path) -> Mapping[str, Mapping[str, object]] | None:
    text = _text(path)
    try:
        found = yaml.load(text, Loader=_LOADER) if text else None  # noqa: S506  # a safe one
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    sound = isinstance(found, dict) and all(isinstance(section, dict) for section in found.values())
    return found if sound else None


def _gpu(files: RunDir) -> str | None:
    """Return the name of the GPU that the newest attempt ran on."""
    attempts = files.attempt_dirs()
    text = _text(attempts[-1] / "env.json") if attempts else ""
    try:
        gpus = json.loads(text or "{}").get("gpus") or []
        return str(gpus[0]["name"]) if gpus else None
    except (ValueError, AttributeError, LookupError, TypeError, RecursionError):
        return None


def _text(path: Path) -> str:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
