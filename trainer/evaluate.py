"""One pass over the validation videos: every sample once, over all processes, those that cannot be read included."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.data.loaders import Loaders
from trainer.distributed import World, gather_rows
from trainer.engine import Engine
from trainer.errors import TrainerError
from trainer.predictions import FLOAT16_MAX
from trainer.signals import StopFlag, were_stopped


def evaluate(engine: Engine, loaders: Loaders, *, world: World, stop: StopFlag) -> Tensor | None:
    """Return the scores (N, V=1, K) of the validation samples in order, NaN for those that could not be read.

    They are rounded to float16, as they are stored, so that figures made from the file are the figures made here. None
    where a signal asked to stop. All processes get all scores. Raises TrainerError where a score is not finite.
    """
    indices: list[Tensor] = []
    logits: list[Tensor] = []
    readable: list[Tensor] = []
    engine.model.eval()
    try:
        for batch in loaders.val():
            if stop:
                break
            indices.append(batch.indices_B)
            readable.append(batch.readable_B)
            logits.append(engine.logits(batch))
    except (RuntimeError, EOFError, OSError, TrainerError):
        if not were_stopped(stop):
            raise
    if world.total([float(bool(stop))])[0]:
        return None
    classes = len(loaders.classes)
    own_MK = torch.cat(logits).cpu() if logits else torch.empty(0, classes)
    own_M = torch.cat(indices) if indices else torch.empty(0, dtype=torch.int64)
    if not bool(own_MK[torch.cat(readable)].isfinite().all() if readable else True):
        raise TrainerError("the model's scores are not finite", where="evaluation", cure="lower optim.lr, or use bf16")
    scores_NK = torch.full((len(loaders.val_samples), classes), float("nan"))
    for rows_MK, places_M in zip(gather_rows(world, own_MK), gather_rows(world, own_M), strict=True):
        scores_NK[places_M] = rows_MK
    return scores_NK.clamp(-FLOAT16_MAX, FLOAT16_MAX).half().float()[:, None, :]
