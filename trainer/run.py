"""What the functions of the page share, and how a run keeps its state and tells what befell it."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from trainer import checkpoint, predictions
from trainer.data.loaders import Loaders
from trainer.distributed import World, bare
from trainer.engine import Engine
from trainer.errors import Superseded, TrainerError
from trainer.metrics import EpochSums
from trainer.progress import Screen
from trainer.requeue import leave
from trainer.resume import snapshot
from trainer.schedule import Schedule
from trainer.start import Start
from trainer.weights import check_file, load_into


@dataclass
class Run:
    """Everything that the functions of this page share."""

    start: Start
    """What the outside gave it."""
    env: Mapping[str, str]
    """The environment that it was given."""
    world: World
    """This process among those of the run."""
    loaders: Loaders
    """The clips."""
    engine: Engine
    """The model and what changes it."""
    schedule: Schedule
    """The learning rate."""
    steps_per_epoch: int
    """Optimizer steps in an epoch; the last may be of fewer clips."""
    sums: EpochSums
    """Sums of the epoch under way."""
    screen: Screen
    """What a person sees."""
    saved: dict[str, int | float | bool | None] | None = None
    """Where the run was at the newest checkpoint of this attempt; None before the first."""
    saved_at: float = field(default_factory=time.monotonic)
    """When the state was last saved, on the monotonic clock."""
    told: set[str] = field(default_factory=set)
    """Unreadable videos that have been named."""


def check_weights(start: Start) -> None:
    """See that the weights to start from are there, before videos are decoded for hours. Raises DataError."""
    path = start.config.model.weights
    if path is not None and not (start.run_dir / "checkpoints" / checkpoint.MANIFEST).exists():
        check_file(Path(path))


def load_weights(run: Run) -> None:
    """Start from the weights that the configuration names, if it names any."""
    name, path = run.start.config.model.name, run.start.config.model.weights
    if path is not None:
        report = load_into(bare(run.engine.model), path, name=name)
        run.screen.say(f"weights: {report.line()}")


def keep_predictions(run: Run, scores_NVK: Tensor) -> str | None:
    """Write the predictions file; return its path relative to the run directory, None where it could not be written."""
    start, position = run.start, run.start.position
    if start.claim is None:
        return None
    start.claim.check()
    hardware = predictions.hardware_name(run.world.device)
    about = predictions.About("val", position.epoch, position.step, start.config.data.name, start.config, hardware)
    try:
        path = predictions.write_predictions(
            start.run_dir, scores_NVK, samples=run.loaders.val_samples, classes=run.loaders.classes, about=about
        )
    except OSError as error:
        warn(run, "predictions", f"the predictions could not be written: {error.strerror}")
        return None
    return str(path.relative_to(start.run_dir))


def save_state(run: Run, *, best: bool, needed: bool, epoch: int | None = None) -> None:
    """Save a checkpoint and tell; where it fails and is not `needed`, warn and go on with the one before."""
    start, position = run.start, run.start.position
    state = snapshot(run.engine, position, run.sums, schedule=run.schedule, classes=run.loaders.classes)
    run.saved_at = time.monotonic()
    if start.claim is None:
        run.saved = position.as_dict()
        return
    reached = position.epoch if epoch is None else epoch
    try:
        checkpoint.save(
            start.run_dir / "checkpoints",
            state,
            epoch=reached,
            step=position.step,
            attempt=start.claim.name,
            best=best,
            check=start.claim.check,
        )
    except TrainerError as error:
        if needed or isinstance(error, Superseded):
            raise
        warn(run, "checkpoint", str(error))
        return
    run.saved = position.as_dict()
    path = f"checkpoints/{checkpoint.LAST}"
    start.log.write("checkpoint", path=path, epoch=reached, step=position.step, best=best)
    start.log.sync()


def interrupt(run: Run) -> NoReturn:
    """Save the state, unless it is saved, and stop, as a signal asked; first have Slurm queue the job again if due."""
    stop, moved = run.start.stop, run.saved != run.start.position.as_dict()
    if run.world.total([float(moved)])[0]:
        save_state(run, best=False, needed=True)
    stop.warned, stop.told = (bool(count) for count in run.world.total([float(stop.warned), float(stop.told)]))
    parting = leave(run.start, env=run.env)
    with contextlib.suppress(RuntimeError):  # Slurm may have ended one of them already
        run.world.total([0.0])  # the others wait until the first has asked: the end of one is the end of all
    raise parting


def warn(run: Run, code: str, message: str, **belongs: str) -> None:
    """Write a warning event and a line."""
    run.start.log.write("warning", t=None, code=code, message=message, **belongs)
    run.screen.say(f"trainer: warning: {message}")


def tell_unreadable(run: Run) -> None:
    """Name each video that could not be read, once."""
    for found in run.world.gather([(sample, str(path), why) for sample, path, why in run.loaders.unreadable()]):
        for sample, path, why in found:
            if sample not in run.told:
                run.told.add(sample)
                warn(run, "unreadable_video", f"{path}: {why}; it counts as wrong", sample=sample, path=path)


def system_metrics(run: Run) -> dict[str, float]:
    """Return the peaks of memory so far, bytes."""
    metrics = {"sys/rss": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024}
    if run.world.device.type == "cuda":
        metrics["sys/gpu_mem"] = float(torch.cuda.max_memory_allocated(run.world.device))
    return metrics
