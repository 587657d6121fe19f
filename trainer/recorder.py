"""Turns steps into step events without making the device wait: losses stay on the device for `log_every` steps.

Every step has its event; slow steps are read sooner. The rate and the share of waiting are those of the stretch of
steps that were read together.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from trainer.distributed import World
from trainer.engine import StepResult
from trainer.errors import TrainerError
from trainer.events import EventLog, NoEvents
from trainer.gpu_use import GpuUse
from trainer.position import Position

READ_SECONDS = 5.0
"""Steps so slow are read before `log_every` of them are done."""


@dataclass(frozen=True)
class _Row:
    t: float
    step: int
    epoch: float
    lr: float
    skipped: int
    result: StepResult


class StepRecorder:
    """Collects steps and writes their events, `every` steps at a time."""

    def __init__(self, log: EventLog | NoEvents, *, world: World, every: int, seconds: float = READ_SECONDS) -> None:
        self._log, self._world, self._every, self._seconds = log, world, every, seconds
        self._gpu = GpuUse(world.device)
        self._rows: list[_Row] = []
        self._begun, self._waited, self._clips = time.perf_counter(), 0.0, 0.0
        self.latest: dict[str, float] = {}
        """Metrics of the step read last."""
        self.read_next = False
        """Read at the next step; all processes must say the same."""

    def late(self) -> bool:
        """Say whether the steps taken in have waited long; processes may differ in it."""
        return time.perf_counter() - self._begun > self._seconds

    def begin(self) -> None:
        """Start the clock of a stretch: what lies before (an evaluation, a checkpoint) is no part of it."""
        self._begun, self._waited, self._clips = time.perf_counter(), 0.0, 0.0

    def add(
        self, result: StepResult, position: Position, *, epoch: float, lr: float, clips: float, waited: float
    ) -> bool:
        """Take in a step; return whether events were written. `waited` is the time for data, s; `clips` of all ranks.

        Raises TrainerError where a loss is not finite.
        """
        self._rows.append(_Row(time.time(), position.step, epoch, lr, position.skipped, result))
        self._waited += waited
        self._clips += clips
        if len(self._rows) < self._every and not self.read_next:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Write the events of the steps taken in. All processes must call it at the same step."""
        if not self._rows:
            return
        rows, self._rows = self._rows, []
        losses = self._world.total(torch.stack([row.result.loss for row in rows]).tolist())
        norms = torch.stack([row.result.grad_norm for row in rows]).tolist()
        seconds = max(1e-9, time.perf_counter() - self._begun)
        rates = {"perf/clips_per_s": self._clips / seconds, "perf/data_wait": min(1.0, self._waited / seconds)}
        busy = self._gpu.metrics()
        for row, loss, norm in zip(rows, losses, norms, strict=True):
            metrics = {"step/loss": loss, "optim/lr": row.lr, "optim/grad_norm": norm, **rates}
            if row.result.scale is not None:
                metrics |= {"optim/loss_scale": row.result.scale, "optim/skipped": float(row.skipped)}
            if row is rows[-1]:
                metrics |= busy
            self._log.write("step", t=row.t, step=row.step, epoch=row.epoch, metrics=metrics)
            self.latest = metrics
        for row, loss, norm in zip(rows, losses, norms, strict=True):
            check_finite(row, loss, norm)
        self.begin()


def check_finite(row: _Row, loss: float, grad_norm: float) -> None:
    """Raise TrainerError where a step has spoilt the weights. A step that fp16 skipped has not."""
    if row.result.skipped or (math.isfinite(loss) and math.isfinite(grad_norm)):
        return
    what = f"loss is {loss}" if not math.isfinite(loss) else f"gradient norm is {grad_norm} (loss {loss:.4g})"
    raise TrainerError(
        f"the {what} at step {row.step}",
        where=f"epoch {math.ceil(row.epoch)}",
        cure=f"lower optim.lr (now {row.lr:.3g}), raise optim.warmup_epochs, or set optim.clip_grad=1.0",
    )
