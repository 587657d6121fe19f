"""Videos as a torch data set, for processes that decode.

An unreadable one yields zeros and the reason, never another video.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from trainer.data.annotations import Sample
from trainer.data.decode import Unreadable, read_clip
from trainer.errors import TrainerError


@dataclass(frozen=True)
class Decoded:
    """What came of one video."""

    index: int
    """Of the sample, in its list."""
    frames_THWC: Tensor  # noqa: N815
    """uint8; zeros where it is unreadable."""
    why: str | None
    """Why it is unreadable; None where it was read."""


class ClipSet(Dataset[Decoded]):
    """The uniform frames of each sample, decoded when they are asked for."""

    def __init__(self, samples: Sequence[Sample], *, frames: int, resize: tuple[int, int]) -> None:
        self._samples = samples
        self._frames = frames
        self._resize = resize

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __getitem__(self, index: int) -> Decoded:
        """Decode one sample; never raises for what is wrong with a video."""
        try:
            clip = read_clip(self._samples[index].path, frames=self._frames, resize=self._resize)
        except Unreadable as error:
            return Decoded(index, torch.zeros((self._frames, *self._resize, 3), dtype=torch.uint8), str(error))
        return Decoded(index, torch.from_numpy(clip.frames_THWC), None)


def shared(clips: list[Decoded]) -> list[Decoded]:
    """Put a batch into shared memory while an error still reaches the trainer.

    torch does so later, in a thread whose errors nobody hears: with /dev/shm full it would wait for the batch for ever.
    """
    if get_worker_info() is not None:
        for clip in clips:
            clip.frames_THWC.share_memory_()  # type: ignore[no-untyped-call]
    return clips


@contextmanager
def explained_workers() -> Iterator[None]:
    """Turn what torch raises where a loader process dies into a TrainerError with a cure."""
    try:
        yield
    except RuntimeError as error:
        if "shared memory" in str(error):
            cure = "lower data.workers or data.batch_size, or raise the limit on /dev/shm"
            raise TrainerError("shared memory (/dev/shm) is full", cure=cure) from error
        if "DataLoader worker" not in str(error):
            raise
        raise _ended(error) from error
    except (ConnectionError, EOFError, FileNotFoundError) as error:
        # It may be met first while a batch is handed over, through a socket of the process that has ended.
        if isinstance(error, FileNotFoundError) and error.filename is not None:
            raise
        raise _ended(error) from error


def _ended(error: Exception) -> TrainerError:
    said = (str(error) or type(error).__name__).splitlines()[0]
    return TrainerError(f"a loader process ended: {said}", cure="more memory, or fewer data.workers")


def worker_count(asked: int | None = None) -> int:
    """Return how many processes decode: as many as asked for, but no more than this process has cores."""
    cores = min(len(os.sched_getaffinity(0)), 32)
    return cores if asked is None else min(asked, cores)


def begin_worker(worker: int) -> None:
    """Leave signals to the trainer: it is the one that saves, and it ends its loader processes itself."""
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # how torch ends a loader process that waits for work
