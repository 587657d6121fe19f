"""Where a run is, in plain numbers: what a checkpoint stores beside the tensors, and what the end event tells."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass
class Position:
    """How far a run has come; it moves between two steps."""

    epoch: int = 1
    """The epoch under way, from 1; one beyond the last when all is done."""
    step_in_epoch: int = 0
    """Steps done in it."""
    step: int = 0
    """Steps done in all."""
    trained: bool = False
    """Whether its training is done, and only the evaluation is left."""
    best: float | None = None
    """Best val/top1 so far."""
    best_epoch: int | None = None
    """The epoch that had it."""
    since_best: int = 0
    """Evaluations since then."""
    skipped: int = 0
    """Steps that fp16 skipped because the scaled gradients overflowed."""

    @property
    def reached(self) -> int:
        """The epoch that has begun last; 0 before any training."""
        return self.epoch if self.step_in_epoch or self.trained else self.epoch - 1

    def close_epoch(self) -> None:
        """Go to the start of the next epoch."""
        self.epoch += 1
        self.step_in_epoch = 0
        self.trained = False

    def judge(self, top1: float) -> bool:
        """Take in an evaluation; return whether it is the best so far."""
        better = self.best is None or top1 > self.best
        if better:
            self.best, self.best_epoch, self.since_best = top1, self.epoch, 0
        else:
            self.since_best += 1
        return better

    def as_dict(self) -> dict[str, int | float | bool | None]:
        """Return the numbers by name."""
        return dataclasses.asdict(self)

    def restore(self, values: dict[str, int | float | bool | None]) -> None:
        """Take over the numbers of `as_dict`; names that are not known are ignored."""
        for item in dataclasses.fields(self):
            if item.name in values:
                setattr(self, item.name, values[item.name])
