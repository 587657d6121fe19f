"""Batches of raw clips, in an order that seed and epoch decide, each rank its share, cached or decoded as needed.

Batches carry bytes; what is done to them (crop, flip, scale) happens in `augment`, on the device.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from trainer.config import Config
from trainer.data.annotations import Annotations, Sample, read_ucf101
from trainer.data.cache import Cache, default_places, open_cache, plan
from trainer.data.clips import ClipSet, Decoded, begin_worker, explained_workers, shared, worker_count
from trainer.errors import TrainerError

AHEAD = 3
"""Batches that are made ready while the model works on one."""


@dataclass(frozen=True)
class Batch:
    """Raw clips."""

    frames_BTHWC: Tensor  # noqa: N815
    """uint8 RGB; zeros for an unreadable video."""
    targets_B: Tensor  # noqa: N815
    """int64 classes."""
    indices_B: Tensor  # noqa: N815
    """int64 positions in the split's samples."""
    readable_B: Tensor  # noqa: N815
    """bool."""

    def pinned(self) -> Batch:
        """Return the batch in memory that a GPU can fetch from while the CPU goes on."""
        return Batch(*(tensor.pin_memory() for tensor in self.tensors()))

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the four, in order."""
        return self.frames_BTHWC, self.targets_B, self.indices_B, self.readable_B


class Loaders:
    """The two splits of a data set as batches."""

    def __init__(
        self, annotations: Annotations, *, config: Config, cache: Cache | None, rank: int = 0, world: int = 1
    ) -> None:
        data = config.data
        self.classes = annotations.classes
        self.train_samples = evenly(annotations.train, data.limit_train)
        self.val_samples = evenly(annotations.val, data.limit_val)
        self.warnings = annotations.warnings
        self._seed, self._rank, self._world = config.train.seed, rank, world
        self._batch_size = data.batch_size
        self._eval_batch_size = data.eval_batch_size or data.batch_size
        pin = torch.cuda.is_available() and config.train.device != "cpu"
        self._train = _source(self.train_samples, config, cache, pin=pin, keep_workers=True)
        self._val = _source(self.val_samples, config, cache, pin=pin, keep_workers=False)

    @property
    def batches_per_epoch(self) -> int:
        """Batches of one rank in one epoch; the last may be smaller."""
        share = -(-len(self.train_samples) // self._world)
        return -(-share // self._batch_size)

    def train(self, epoch: int, *, skip: int = 0) -> Iterator[Batch]:
        """Yield this rank's training batches of an epoch, without the first `skip`, which are not decoded.

        Every rank has equally many samples: where the world does not divide them, the first of the order come twice.
        """
        order = np.random.default_rng([self._seed, 1, epoch]).permutation(len(self.train_samples))
        padded = np.resize(order, -(-len(order) // self._world) * self._world)
        return self._train.batches(_split(padded[self._rank :: self._world], self._batch_size)[skip:])

    def val(self) -> Iterator[Batch]:
        """Yield this rank's validation batches: the ranks' shares together hold every sample once."""
        share = np.arange(len(self.val_samples))[self._rank :: self._world]
        return self._val.batches(_split(share, self._eval_batch_size))

    def unreadable(self) -> tuple[tuple[str, Path, str], ...]:
        """Return (sample id, path, why) of unreadable videos: with a cache of all, else of those met so far."""
        known = {}
        for source in (self._train, self._val):
            known.update(source.unreadable())
        return tuple((id, path, why) for (id, path), why in sorted(known.items()))

    def close(self) -> None:
        """End the loader processes."""
        self._train.close()
        self._val.close()


def open_loaders(
    config: Config, *, rank: int = 0, world: int = 1, report: Callable[[str], None] | None = None
) -> Loaders:
    """Read the annotations, open or build the cache, and return the loaders of one rank.

    `report` gets lines of narration (stderr of rank 0 by default). Raises DataError for lists that are wrong,
    TrainerError where `data.cache=build` finds no room.
    """
    tell = report or (_narrate if rank == 0 else _silent)
    data = config.data
    annotations = read_ucf101(Path(data.root), split=data.split)
    for warning in annotations.warnings:
        tell(f"warning: {warning}")
    cache = None
    if data.cache != "off":
        train, val = evenly(annotations.train, data.limit_train), evenly(annotations.val, data.limit_val)
        wanted = plan([*train, *val], frames=data.frames, resize=data.resize)
        mode = data.cache if rank == 0 else "auto"
        cache = open_cache(wanted, places=default_places(annotations.root, data.cache_dir), mode=mode, report=tell)
    return Loaders(annotations, config=config, cache=cache, rank=rank, world=world)


class _Mapped:
    """Batches from a cache, made ready by one thread: copying out of a memory map needs no process."""

    def __init__(self, samples: Sequence[Sample], cache: Cache, *, pin: bool) -> None:
        self._samples, self._cache, self._pin = samples, cache, pin
        self._rows = np.array([cache.rows[sample.id] for sample in samples], np.int64)
        self._targets = torch.tensor([sample.target for sample in samples])
        self._readable = torch.tensor([sample.id not in cache.unreadable for sample in samples])

    def batches(self, order: Sequence[list[int]]) -> Iterator[Batch]:
        """Yield a batch for each list of indices."""
        return _ahead(self._batch(indices) for indices in order)

    def unreadable(self) -> dict[tuple[str, Path], str]:
        """Return all that the cache knows of these samples."""
        why = self._cache.unreadable
        return {(sample.id, sample.path): why[sample.id] for sample in self._samples if sample.id in why}

    def close(self) -> None:
        """Nothing to end: the thread ends with its iterator."""

    def _batch(self, indices: list[int]) -> Batch:
        chosen = torch.tensor(indices)
        frames = torch.from_numpy(np.take(self._cache.frames_NTHWC, self._rows[indices], axis=0))
        batch = Batch(frames, self._targets[chosen], chosen, self._readable[chosen])
        return batch.pinned() if self._pin else batch


class _Decoding:
    """Batches decoded by processes, or by the trainer itself where there are none."""

    def __init__(self, samples: Sequence[Sample], config: Config, *, pin: bool, keep_workers: bool) -> None:
        self._samples, self._pin = samples, pin
        self._why: dict[int, str] = {}
        self._order: list[list[int]] = []
        workers = worker_count(config.data.workers)
        self._loader: DataLoader[list[Decoded]] | None = DataLoader(
            ClipSet(samples, frames=config.data.frames, resize=config.data.resize),  # type: ignore[arg-type]
            batch_sampler=self._order,
            collate_fn=shared,
            num_workers=workers,
            worker_init_fn=begin_worker,
            persistent_workers=keep_workers and workers > 0,
        )

    def batches(self, order: Sequence[list[int]]) -> Iterator[Batch]:
        """Yield a batch for each list of indices. Raises TrainerError where a loader process dies."""
        self._order[:] = order
        if self._loader is None:
            raise TrainerError("the loaders are closed")
        with explained_workers():
            for clips in self._loader:
                yield self._batch(clips)

    def unreadable(self) -> dict[tuple[str, Path], str]:
        """Return those met so far."""
        return {(self._samples[index].id, self._samples[index].path): why for index, why in self._why.items()}

    def close(self) -> None:
        """Let go of the loader; its processes end with it."""
        self._loader = None

    def _batch(self, clips: list[Decoded]) -> Batch:
        self._why.update({clip.index: clip.why for clip in clips if clip.why is not None})
        indices = [clip.index for clip in clips]
        batch = Batch(
            torch.stack([clip.frames_THWC for clip in clips]),
            torch.tensor([self._samples[index].target for index in indices]),
            torch.tensor(indices),
            torch.tensor([clip.why is None for clip in clips]),
        )
        return batch.pinned() if self._pin else batch


def _source(
    samples: Sequence[Sample], config: Config, cache: Cache | None, *, pin: bool, keep_workers: bool
) -> _Mapped | _Decoding:
    if cache is not None:
        return _Mapped(samples, cache, pin=pin)
    return _Decoding(samples, config, pin=pin, keep_workers=keep_workers)


def evenly(samples: Sequence[Sample], limit: int | None) -> tuple[Sample, ...]:
    """Return `limit` samples spread over the list, and so over its classes."""
    count = len(samples)
    if limit is None or limit >= count:
        return tuple(samples)
    return tuple(samples[(2 * place + 1) * count // (2 * limit)] for place in range(limit))


def _split(indices: np.ndarray, size: int) -> list[list[int]]:
    flat = indices.tolist()
    return [flat[start : start + size] for start in range(0, len(flat), size)]


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield what a thread makes ready in advance; an abandoned iterator ends its thread."""
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(AHEAD)
    stop = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for batch in batches:
                put(batch)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def _narrate(line: str) -> None:
    print(f"data: {line}", file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    """Other ranks say nothing."""
