"""Exact frames of a video: decoded in order from the first to the last, never by seeking.

AVI stores no presentation times, so with B-frames a seek lands on a neighbour; in order, the n-th frame out of the
decoder is the n-th frame of the film. Nothing here trusts a header: packets are counted, and then frames.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

DECODER = "pyav in order, bilinear without antialias, 1"
"""Names what `read_clip` does; stands in the key of every cache, so that a change of it makes new ones."""
FORMATS = "avi,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpeg,mpegts,mpegvideo,m4v,flv,asf,ogg,h264,hevc,ivf"
"""Container formats that are opened: none of them names other files or fetches anything."""
MAX_PIXELS = 8192 * 8192
"""A frame larger than this is taken for damage."""

Frames = NDArray[np.uint8]


class Unreadable(Exception):
    """This video cannot be read in full; the text says why, in a few words."""


@dataclass(frozen=True)
class Clip:
    """Frames of one video."""

    frames_THWC: Frames  # noqa: N815
    """(T, H, W, 3) uint8 RGB."""
    count: int
    """Frames in the whole video."""


def uniform_indices(count: int, frames: int) -> NDArray[np.int64]:
    """Return `frames` indices into a video of `count`: the centre of each of `frames` equal segments, rounded down.

    `(2i + 1) * count // (2 * frames)`; a video of fewer frames repeats some of them.
    """
    return (2 * np.arange(frames, dtype=np.int64) + 1) * count // (2 * frames)


def read_clip(path: Path, *, frames: int, resize: tuple[int, int]) -> Clip:
    """Decode `frames` uniform frames, each resized to `resize` (height, width).

    Bilinear without antialiasing: the published weights were trained so. Stored rotation is not applied.
    Raises Unreadable where the file is no regular file, no video, is cut, or fails to decode.
    """
    count = _count_packets(path)
    for _ in range(2):
        picked, decoded = _decode(path, uniform_indices(count, frames), resize=resize)
        if decoded == count:
            return Clip(frames_THWC=picked, count=count)
        _check_complete(decoded, count, "packets")
        count = decoded
    raise Unreadable(f"decodes to another number of frames each time, {decoded} at last")


def count_frames(path: Path) -> int:
    """Return the number of frames that decode. Raises Unreadable."""
    declared = _count_packets(path)
    with _opened(path) as (container, stream):
        decoded = sum(1 for _ in _frames(container, stream))
    _check_complete(decoded, declared, "packets")
    return decoded


def _decode(path: Path, indices: Sequence[int] | NDArray[np.int64], *, resize: tuple[int, int]) -> tuple[Frames, int]:
    from av.video.reformatter import VideoReformatter

    wanted = {int(index): np.flatnonzero(np.asarray(indices) == index) for index in indices}
    picked = np.zeros((len(indices), *resize, 3), np.uint8)
    convert = VideoReformatter()
    decoded = 0
    with _opened(path) as (container, stream):
        for frame in _frames(container, stream):
            places = wanted.get(decoded)
            if places is not None:
                picked[places] = _resized(convert.reformat(frame, format="rgb24"), resize)
            decoded += 1
    return picked, decoded


def _resized(frame: Any, resize: tuple[int, int]) -> Frames:
    frame_HWC: Frames = frame.to_ndarray()
    if frame_HWC.shape[:2] == resize:
        return frame_HWC
    frame_1CHW = torch.from_numpy(frame_HWC).permute(2, 0, 1).unsqueeze(0)
    small = torch.nn.functional.interpolate(frame_1CHW, size=resize, mode="bilinear", align_corners=False)
    return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())


def _count_packets(path: Path) -> int:
    with _opened(path) as (container, stream):
        declared = int(stream.frames)
        with _explained("cannot be demuxed"):
            count = sum(1 for packet in container.demux(stream) if packet.size)
    if count == 0:
        raise Unreadable("holds no frame")
    _check_complete(count, declared, "frames in its header")
    return count


def _check_complete(found: int, declared: int, unit: str) -> None:
    """A cut file has fewer frames than it says. A codec may swallow one or two at the ends, or a header count them."""
    if found == 0 or declared - found > max(2, declared // 50):
        raise Unreadable(f"cut or damaged: {found} frames, but {declared} {unit}")


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    with _explained("fails to decode"):
        yield from container.decode(stream)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    import av

    _check_regular(path)
    av.logging.set_level(av.logging.PANIC)
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    with _explained("is no video"):
        container = av.open(f"file:{path.absolute()}", options=options, metadata_errors="replace")
    with closing(container):
        if not container.streams.video:
            raise Unreadable("has no video stream")
        stream = container.streams.video[0]
        codec = stream.codec_context
        if codec is None or not 0 < codec.width * codec.height <= MAX_PIXELS:
            raise Unreadable("has no picture size, or no known codec")
        codec.thread_count = 1
        yield container, stream


def _check_regular(path: Path) -> None:
    """Look before opening: to open a pipe waits for ever, and a device may do anything."""
    try:
        status = path.stat()
    except OSError as error:
        raise Unreadable(f"cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("is no regular file")
    if status.st_size == 0:
        raise Unreadable("is empty (0 bytes)")


@contextmanager
def _explained(what: str) -> Iterator[None]:
    import av

    try:
        yield
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unreadable(f"{what}: {reason}") from None
