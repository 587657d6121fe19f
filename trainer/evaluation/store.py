"""The scores of an evaluation as they come in, kept as they will be stored: a tenth of what float32 would take."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.data.annotations import Sample
from trainer.distributed import World, gather_rows
from trainer.metrics import Scored, score, score_top
from trainer.predictions import FLOAT16_MAX, HIGHEST, WHOLE_CLASSES, HeadScores, highest_scores


class ScoreStore:
    """Scores of one process's share of the samples, in V views."""

    def __init__(self, share: Sequence[int], samples: Sequence[Sample], *, views: int, classes: Sequence[str]) -> None:
        self._samples, self._classes = samples, tuple(classes)
        self._share_M = torch.tensor(list(share), dtype=torch.int64)
        self._row_N = torch.full((len(samples),), -1, dtype=torch.int64)
        self._row_N[self._share_M] = torch.arange(len(self._share_M))
        self._targets_N = torch.tensor([sample.target for sample in samples], dtype=torch.int64)
        shape, self._whole = (len(self._share_M), views), len(classes) <= WHOLE_CLASSES
        kept = len(classes) if self._whole else HIGHEST
        self._parts = [torch.full((*shape, kept), float("nan"), dtype=torch.float16)]
        if not self._whole:
            top = torch.arange(kept, dtype=torch.int32).expand(*shape, kept).clone()
            lse = torch.full(shape, float("nan"))
            self._parts += [top, lse, lse.half()]

    def put(self, places_B: Tensor, views_B: Tensor, logits_BK: Tensor) -> None:
        """Take in logits of views by the samples' places; NaN for those that could not be read."""
        scores_BK = logits_BK.clamp(-FLOAT16_MAX, FLOAT16_MAX).half()
        rows_B = self._row_N[places_B]
        if self._whole:
            self._parts[0][rows_B, views_B] = scores_BK.cpu()
            return
        top, highest, lse, own = highest_scores(scores_BK, self._targets_N[places_B])
        for part, found in zip(self._parts, (highest, top, lse, own), strict=True):
            part[rows_B, views_B] = found.cpu()

    def gathered(self, world: World) -> HeadScores:
        """Return the scores of all samples in order, from all processes. All must call it together."""
        whole = self._parts if world.size == 1 else [self._gather(part, world) for part in self._parts]
        return HeadScores(self._targets_N.numpy(), self._classes, *whole)

    def _gather(self, part_MV: Tensor, world: World) -> Tensor:
        full = part_MV.new_zeros((len(self._samples), *part_MV.shape[1:]))
        for rows, places in zip(gather_rows(world, part_MV), gather_rows(world, self._share_M), strict=True):
            full[places] = rows
        return full


def video_figures(head: HeadScores) -> Scored:
    """Return the figures of videos: the softmax of its views averaged for each."""
    return _figures(head, torch.from_numpy(head.targets_N))


def clip_figures(head: HeadScores) -> Scored:
    """Return the figures of views, each a sample of its own."""
    views = head.scores_NVT.shape[1]
    parts = (head.scores_NVT, head.top_NVT, head.lse_NV, head.own_NV)
    single = [None if part is None else part.flatten(0, 1)[:, None] for part in parts]
    targets = torch.from_numpy(head.targets_N)
    return _figures(HeadScores(head.targets_N, head.classes, *single), targets.repeat_interleave(views))  # type: ignore[arg-type]


def _figures(head: HeadScores, targets_N: Tensor) -> Scored:
    if head.top_NVT is None or head.lse_NV is None or head.own_NV is None:
        return score(head.scores_NVT, targets_N)
    return score_top(head.top_NVT, head.scores_NVT, head.lse_NV, head.own_NV, targets_N)
