"""Real video files for the tests: every frame carries its number as a picture that survives the codec and a resize."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

BITS = 8
CELL = 32
HEIGHT, WIDTH = 96, CELL * BITS
NAMES = ("Jump", "Run")


def numbered_frames(count: int) -> Iterator[np.ndarray]:
    """Yield RGB frames: the number in binary as bright and dark columns, over a moving texture below."""
    ramp = np.arange(WIDTH)[None, :] + np.arange(32)[:, None]
    for number in range(count):
        frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for bit in range(BITS):
            frame[:64, bit * CELL : (bit + 1) * CELL] = 220 if number >> bit & 1 else 30
        frame[64:] = ((ramp * 3 + number * 7) % 200 + 20)[:, :, None]
        yield frame


def read_number(frame: np.ndarray) -> int:
    """Return the number that a frame of any size carries."""
    height, width = frame.shape[:2]
    row = frame[: height // 2].mean(axis=(0, 2))
    centres = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    return int(sum(1 << bit for bit, centre in enumerate(centres) if row[centre] > 125))


def write_video(path: Path, count: int, *, codec: str = "mpeg4", b_frames: int = 0, faststart: bool = False) -> Path:
    """Write numbered frames; the container follows the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.gop_size = 30
        stream.codec_context.bit_rate = 2_000_000
        stream.codec_context.thread_count = 1
        if path.suffix == ".avi":
            stream.codec_context.codec_tag = "XVID"
        for number, picture in enumerate(numbered_frames(count)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_ucf(root: Path, *, groups: int = 4, frames: int = 12, videos: str = ".", lists: str = ".") -> Path:
    """Write a small data set in the layout of UCF101; group 1 is the test of split 1."""
    (root / lists).mkdir(parents=True, exist_ok=True)
    train, test = [], []
    for label, name in enumerate(NAMES, start=1):
        for group in range(1, groups + 1):
            id = f"{name}/v_{name}_g{group:02d}_c01.avi"
            write_video(root / videos / id, frames + group)
            if group == 1:
                test.append(id)
            else:
                train.append(f"{id} {label}")
    (root / lists / "classInd.txt").write_text("".join(f"{label} {name}\n" for label, name in enumerate(NAMES, 1)))
    (root / lists / "trainlist01.txt").write_text("\n".join(train) + "\n")
    (root / lists / "testlist01.txt").write_text("\n".join(test) + "\n")
    return root
