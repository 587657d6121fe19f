"""How fast a model is: from a clip in the device's memory to its scores, after warm-up, the hardware named."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch

from trainer.data.loaders import Batch
from trainer.engine import Engine
from trainer.signals import StopFlag

WARM_ROUNDS, WARM_SECONDS = 10, 2.0
"""Rounds that are not counted: so many, or so long where they are slow."""
ROUNDS, SECONDS, LEAST = 50, 5.0, 5
"""Rounds that are counted: so many, or so long where they are slow, but not fewer than the last."""


@dataclass(frozen=True)
class Pace:
    """Speed at one batch size."""

    batch: int
    """Clips at once."""
    ms_per_clip: float
    """Median over the rounds."""

    @property
    def clips_per_s(self) -> float:
        """The same the other way round."""
        return 1000.0 / self.ms_per_clip

    def as_dict(self) -> dict[str, float]:
        """Return it by name."""
        return {"batch": self.batch, "ms_per_clip": self.ms_per_clip, "clips_per_s": self.clips_per_s}


def measure(engine: Engine, *, batch: int, stop: StopFlag) -> tuple[Pace, Pace] | None:
    """Return the speed of single clips and of batches; None where a signal asked to stop.

    The clips are noise of the model's size: the time of a network does not depend on what it sees.
    """
    engine.model.eval()
    single, batched = _pace(engine, 1, stop), _pace(engine, batch, stop)
    return (single, batched) if single is not None and batched is not None else None


def speed_meta(paces: tuple[Pace, Pace]) -> dict[str, object]:
    """Return the speeds as a predictions file holds them."""
    single, batched = (pace.as_dict() for pace in paces)
    del single["batch"]
    return {"batch1": single, "batched": batched}


def _pace(engine: Engine, size: int, stop: StopFlag) -> Pace | None:
    clips = _noise(engine, size)
    begun, rounds = time.perf_counter(), 0
    while rounds < 2 or (rounds < WARM_ROUNDS and time.perf_counter() - begun < WARM_SECONDS):
        if stop:
            return None
        _round(engine, clips)
        rounds += 1
    begun, seconds = time.perf_counter(), list[float]()
    while len(seconds) < LEAST or (len(seconds) < ROUNDS and time.perf_counter() - begun < SECONDS):
        if stop:
            return None
        seconds.append(_round(engine, clips))
    return Pace(size, 1000.0 * statistics.median(seconds) / size)


def _round(engine: Engine, clips: Batch) -> float:
    """Return the seconds from the clips to their scores, the device waited for before and after."""
    _wait(engine)
    begun = time.perf_counter()
    engine.logits(clips)
    _wait(engine)
    return time.perf_counter() - begun


def _wait(engine: Engine) -> None:
    if engine.world.device.type == "cuda":
        torch.cuda.synchronize(engine.world.device)


def _noise(engine: Engine, size: int) -> Batch:
    data = engine.config.data
    shape, device = (size, data.frames, data.crop, data.crop, 3), engine.world.device
    frames = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    places = torch.zeros(size, dtype=torch.int64)
    return Batch(frames.to(device), places, places, torch.ones(size, dtype=torch.bool))
