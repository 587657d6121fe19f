"""The learning rate as a pure function of how far the run is, so that a resume has no schedule to restore."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainer.config import Config


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up, then half a cosine down to `min_lr`."""

    lr: float
    """The rate at the end of the warm-up."""
    min_lr: float
    """The rate at the end."""
    warmup: float
    """Length of the warm-up, epochs."""
    epochs: float
    """Length of all, epochs."""

    def at(self, epochs_done: float) -> float:
        """Return the rate of the step that ends after `epochs_done` epochs; fractions count."""
        if epochs_done < self.warmup:
            return self.lr * epochs_done / self.warmup
        share = min(1.0, (epochs_done - self.warmup) / max(1e-12, self.epochs - self.warmup))
        return self.min_lr + (self.lr - self.min_lr) * 0.5 * (1.0 + math.cos(math.pi * share))


def schedule_of(config: Config, *, steps_per_epoch: int) -> Schedule:
    """Return the schedule of a run; with `train.max_steps` it ends there."""
    epochs = float(config.train.epochs)
    if config.train.max_steps is not None:
        epochs = min(epochs, config.train.max_steps / steps_per_epoch)
    warmup = min(config.optim.warmup_epochs, epochs / 2)
    return Schedule(lr=config.optim.lr, min_lr=config.optim.min_lr, warmup=warmup, epochs=epochs)
