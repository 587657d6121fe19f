"""Accuracies and losses: running sums on the device while training, exact figures from all scores in evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

TOP = 5
"""The k of top-k beside 1; with fewer classes it is their number."""


class EpochSums:
    """Sums of an epoch's training, kept on the device so that adding waits for nothing."""

    def __init__(self, device: torch.device) -> None:
        self.sums_4 = torch.zeros(4, dtype=torch.float64, device=device)
        """Sum of losses, right at top-1, right at top-5, number of clips."""

    def add(self, logits_BK: Tensor, targets_B: Tensor, weights_B: Tensor) -> None:
        """Count a batch; a clip of weight 0 does not count. The loss is without label smoothing, as in evaluation."""
        with torch.no_grad():
            logits_BK = logits_BK.float()
            losses_B = functional.cross_entropy(logits_BK, targets_B, reduction="none")
            top_BT = logits_BK.topk(min(TOP, logits_BK.shape[1]), dim=1).indices
            hits_BT = top_BT.eq(targets_B[:, None])
            parts_4B = torch.stack([losses_B, hits_BT[:, 0].float(), hits_BT.any(1).float(), torch.ones_like(losses_B)])
            self.sums_4 += (parts_4B * weights_B).sum(1, dtype=torch.float64)

    def means(self, totals: list[float]) -> dict[str, float]:
        """Return `train/loss`, `train/top1`, `train/top5` from the sums of all processes; NaN where no clip counted."""
        loss, top1, top5, count = totals
        names = ("train/loss", "train/top1", "train/top5")
        return {
            name: part / count if count else float("nan") for name, part in zip(names, (loss, top1, top5), strict=True)
        }


@dataclass(frozen=True)
class Scored:
    """An evaluation in figures."""

    loss: float
    """Mean negative log likelihood of the samples that could be read, nats; NaN without one."""
    top1: float
    """Share of all samples that are right; one that could not be read is wrong."""
    top5: float
    """Share of all samples whose class is among the five likeliest."""
    unreadable: int
    """Samples that could not be read."""

    def named(self, split: str) -> dict[str, float]:
        """Return the figures under their names: `val/loss`, `val/top1`, `val/top5`."""
        return {f"{split}/loss": self.loss, f"{split}/top1": self.top1, f"{split}/top5": self.top5}


def score(scores_NVK: Tensor, targets_N: Tensor) -> Scored:
    """Return the figures of logits; NaN scores mark a sample that could not be read.

    Views are averaged after softmax. Of equal scores the lower class number comes first, as in NumPy's argmax.
    """
    count, _, classes = scores_NVK.shape
    chances_NK = scores_NVK.double().softmax(dim=2).mean(dim=1)
    readable_N = ~chances_NK.isnan().any(dim=1)
    own_N1 = chances_NK.gather(1, targets_N[:, None])
    earlier_NK = torch.arange(classes)[None, :] < targets_N[:, None]
    rank_N = ((chances_NK > own_N1) | (chances_NK.eq(own_N1) & earlier_NK)).sum(dim=1)
    losses_N = -own_N1[:, 0].clamp_min(1e-30).log()
    return Scored(
        loss=float(losses_N[readable_N].mean()) if bool(readable_N.any()) else float("nan"),
        top1=float((readable_N & (rank_N < 1)).sum()) / max(1, count),
        top5=float((readable_N & (rank_N < min(TOP, classes))).sum()) / max(1, count),
        unreadable=count - int(readable_N.sum()),
    )
