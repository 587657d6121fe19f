"""Accuracies and losses: running sums on the device while training, exact figures from all scores in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

TOP = 5
"""The k of top-k beside 1; with fewer classes it is their number."""
CHUNK = 1 << 24
"""Chances that are computed at once: 128 MiB of float64."""


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
    """Return the figures of logits; NaN scores mark a view that could not be read.

    Views are averaged after softmax, without those that could not be read; a sample without any is unreadable. Of equal
    scores the lower class number comes first, as in NumPy's argmax. For the figures of single views hand over each as a
    sample: `flatten(0, 1)[:, None]`.
    """
    count, views, classes = scores_NVK.shape
    step = max(1, CHUNK // max(1, views * classes))
    parts = []
    for start in range(0, count, step):
        chances_MK = scores_NVK[start : start + step].double().softmax(dim=2).nanmean(dim=1)
        parts.append(_ranked(chances_MK, targets_N[start : start + step]))
    return scored_of(parts, classes=classes)


def score_top(top_NVT: Tensor, scores_NVT: Tensor, lse_NV: Tensor, own_NV: Tensor, targets_N: Tensor) -> Scored:
    """Return the same figures of the highest logits alone, with the log-sum-exp of all and the target's own logit.

    The loss is exact. A class has no chance in a view that did not keep it, the target as any other: so the ranks of
    one view are exact too, and those of several as near as the highest tell.
    """
    count, views, kept = top_NVT.shape
    classes = int(max(top_NVT.max() if top_NVT.numel() else 0, targets_N.max() if count else 0)) + 1
    step = max(1, CHUNK // max(1, views * classes))
    parts = []
    for start in range(0, count, step):
        rows = slice(start, start + step)
        lse_MV = lse_NV[rows].double()
        chances_MVK = torch.zeros(len(lse_MV), views, classes, dtype=torch.float64)
        chances_MVK.scatter_(2, top_NVT[rows].long(), (scores_NVT[rows].double() - lse_MV[:, :, None]).exp())
        chances_MVK.masked_fill_(lse_MV.isnan()[:, :, None], float("nan"))
        found_M, rank_M = _ranked(chances_MVK.nanmean(dim=1), targets_N[rows])
        own_M = (own_NV[rows].double() - lse_MV).exp().nanmean(dim=1)
        parts.append((own_M, rank_M.masked_fill(found_M.eq(0), classes)))
    return scored_of(parts, classes=max(classes, kept))


def scored_of(parts: Sequence[tuple[Tensor, Tensor]], *, classes: int) -> Scored:
    """Return the figures of samples, from their (chances of the target, ranks of it); NaN is an unreadable sample."""
    own_N = torch.cat([own for own, _ in parts]) if parts else torch.empty(0, dtype=torch.float64)
    rank_N = torch.cat([rank for _, rank in parts]) if parts else torch.empty(0, dtype=torch.int64)
    count, readable_N = len(own_N), ~own_N.isnan()
    losses_N = -own_N.clamp_min(1e-30).log()
    return Scored(
        loss=float(losses_N[readable_N].mean()) if bool(readable_N.any()) else float("nan"),
        top1=float((readable_N & (rank_N < 1)).sum()) / max(1, count),
        top5=float((readable_N & (rank_N < min(TOP, classes))).sum()) / max(1, count),
        unreadable=count - int(readable_N.sum()),
    )


def _ranked(chances_NK: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return each target's chance and rank, from 0."""
    own_N1 = chances_NK.gather(1, targets_N[:, None])
    earlier_NK = torch.arange(chances_NK.shape[1])[None, :] < targets_N[:, None]
    return own_N1[:, 0], ((chances_NK > own_N1) | (chances_NK.eq(own_N1) & earlier_NK)).sum(dim=1)
