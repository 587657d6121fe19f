"""Videos as views: which frames and which part of them, in batches of bounded memory, and probes of their order."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from trainer.config import Config, DataConfig
from trainer.data.annotations import Sample
from trainer.data.cache import Cache
from trainer.data.clips import ClipSet, Decoded, begin_worker, explained_workers, shared, worker_count
from trainer.data.loaders import Batch
from trainer.errors import ConfigError
from trainer.evaluation.asked import Views

WAITING_BYTES = 1 << 30
"""Decoded videos that wait for the model take about this at the most; one for each process always may."""


@dataclass(frozen=True)
class ViewBatch:
    """Views of one or several videos."""

    batch: Batch
    """The clips, cut to the size that the model sees."""
    views_B: Tensor  # noqa: N815
    """int64, which view of its video each is."""


def corners(views: Views, data: DataConfig) -> list[tuple[int, int]]:
    """Return (top, left) of each crop, pixels: the centre, or both ends and the centre of the longer side.

    A square frame is cut along its width. Raises ConfigError where three crops would be the same one.
    """
    (height, width), side = data.resize, data.crop
    top, left = (height - side) // 2, (width - side) // 2
    if views.crops == 1:
        return [(top, left)]
    if side == max(height, width):
        what = f"three crops of {side} pixels are one and the same in frames of {height} x {width}"
        raise ConfigError(what, where="--views", cure=f"ask for {views.clips}x1")
    if height > width:
        return [(0, left), (top, left), (height - side, left)]
    return [(top, 0), (top, left), (top, width - side)]


def temporal_clips(frames_MHWC: Tensor, views: Views) -> Tensor:
    """Return (clips, T, H, W, 3) of the clips * T uniform frames of a video.

    Each of T equal segments of the video has `clips` equal parts; clip j has the frame in the centre of the j-th part
    of each. One clip is the clip that training evaluates.
    """
    count = len(frames_MHWC) // views.clips
    return frames_MHWC.reshape(count, views.clips, *frames_MHWC.shape[1:]).transpose(0, 1)


def read_videos(
    samples: Sequence[Sample], share: Sequence[int], *, config: Config, views: Views, cache: Cache | None
) -> Iterator[Decoded]:
    """Yield the frames of the samples at the places `share`, in order: all frames of a video in one pass over it.

    The training cache holds the frames of one clip, so it serves where one is asked for. Raises TrainerError where a
    loader process dies.
    """
    if cache is not None and views.clips == 1:
        for place in share:
            sample = samples[place]
            frames = torch.from_numpy(np.array(cache.frames_NTHWC[cache.rows[sample.id]]))
            yield Decoded(place, frames, cache.unreadable.get(sample.id))
        return
    data = config.data
    frames_each = data.frames * views.clips
    workers = min(worker_count(data.workers), len(share))
    bytes_each = frames_each * data.resize[0] * data.resize[1] * 3
    loader = DataLoader(
        ClipSet(samples, frames=frames_each, resize=data.resize),
        batch_size=None,
        sampler=list(share),
        collate_fn=_shared,  # type: ignore[arg-type]  # of one video, where there is no batch
        num_workers=workers,
        prefetch_factor=(2 if 2 * workers * bytes_each <= WAITING_BYTES else 1) if workers else None,
        worker_init_fn=begin_worker,
    )
    with explained_workers():
        yield from loader


def view_batches(
    videos: Iterable[Decoded], samples: Sequence[Sample], *, config: Config, views: Views, size: int
) -> Iterator[ViewBatch]:
    """Yield the views of videos, `size` at a time; views of several videos share a batch. Zeros for an unreadable one.

    No more than `size` views and one video are held. With 1x1 the batches are those of training's own evaluation.
    """
    places = corners(views, config.data)
    held: list[tuple[Tensor, Decoded, int]] = []
    for video in videos:
        clips = temporal_clips(video.frames_THWC, views)
        for number in range(views.count):
            top, left = places[number % views.crops]
            side = config.data.crop
            cut_THWC = clips[number // views.crops, :, top : top + side, left : left + side]
            held.append((cut_THWC, video, number))
            if len(held) == size:
                yield _stacked(held, samples)
                held = []
    if held:
        yield _stacked(held, samples)


def probed(batch: Batch, probe: str | None, samples: Sequence[Sample]) -> Batch:
    """Return the batch with the frames of each clip in another order; as it is where `probe` is None."""
    if probe is None:
        return batch
    frames = batch.frames_BTHWC
    count = frames.shape[1]
    orders = [frame_order(probe, count, id=samples[place].id) for place in batch.indices_B.tolist()]
    changed = torch.stack([clip[order] for clip, order in zip(frames, orders, strict=True)])
    return Batch(changed, batch.targets_B, batch.indices_B, batch.readable_B)


def frame_order(probe: str, count: int, *, id: str) -> list[int]:
    """Return which of `count` frames comes where: `reversed`, `still` (the middle one), or `shuffled`.

    The shuffle is drawn from the sample's id: the same each time, on every machine, and never the order itself.
    """
    order = list(range(count))
    if probe == "reversed":
        return order[::-1]
    if probe == "still":
        return [count // 2] * count
    draws = (sorted(order, key=functools.partial(_lot, id, draw)) for draw in itertools.count())
    return next(drawn for drawn in draws if drawn != order or count == 1)


def _lot(id: str, draw: int, place: int) -> bytes:
    return hashlib.sha256(f"{draw} {place} {id}".encode(errors="replace")).digest()


def _stacked(held: list[tuple[Tensor, Decoded, int]], samples: Sequence[Sample]) -> ViewBatch:
    places = [video.index for _, video, _ in held]
    batch = Batch(
        torch.stack([cut for cut, _, _ in held]),
        torch.tensor([samples[place].target for place in places]),
        torch.tensor(places),
        torch.tensor([video.why is None for _, video, _ in held]),
    )
    return ViewBatch(batch, torch.tensor([number for _, _, number in held]))


def _shared(video: Decoded) -> Decoded:
    return shared([video])[0]
