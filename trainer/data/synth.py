"""Write the synthetic data set: real video files in the layout of UCF101, whose classes only the order of frames tells.

For each motion there is its reverse, and a clip has the number of its twin: `v_MoveLeft_g03_c02` and
`v_MoveRight_g03_c02` hold the same frames in opposite order. Whoever averages over frames cannot beat one in two.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from trainer.data.sprites import HEIGHT, MOTIONS, RATE, TWINS, WIDTH, draw_look, draw_scene, render
from trainer.errors import DataError, TrainerError

VERSION = 1
"""Of the pictures: a new one makes other files from the same seed."""
GROUPS_IN_TEST = 7
"""Split k tests on groups 7k-6 ... 7k, as UCF101 does."""
MARK = "arctl synthetic motion"
"""Stands in the card of every set that this module wrote, so that nothing else is ever replaced."""


@dataclass(frozen=True)
class Recipe:
    """What decides every byte of a set."""

    per_group: int = 6
    """Clips of a class in a group."""
    groups: int = 25
    """Groups of clips that share a background and a family of sprites."""
    seed: int = 0
    """Where the randomness comes from."""
    version: int = VERSION
    """Of the pictures."""

    @property
    def videos(self) -> int:
        """Number of files."""
        return len(MOTIONS) * self.groups * self.per_group


def write_set(
    directory: Path,
    *,
    recipe: Recipe,
    workers: int | None = None,
    force: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> bool:
    """Write the set, whole or not at all; return False where the same one is already there.

    It grows in a directory beside `directory`, which is renamed at the end. Raises DataError where something else is
    in the way, TrainerError where the disk is full or may not be written.
    """
    directory = directory.absolute()
    try:
        if _already_there(directory, recipe, force=force):
            return False
        directory.parent.mkdir(parents=True, exist_ok=True)
        _sweep(directory)
        staging = directory.parent / f".{directory.name}.synth-{socket.gethostname()}-{os.getpid()}"
        shutil.rmtree(staging, ignore_errors=True)
        try:
            staging.mkdir()
            _write_lists(staging, recipe)
            _write_videos(staging, recipe, workers=workers or min(os.cpu_count() or 1, 16), report=report)
            _write_card(staging, directory.name, recipe)
            _put_in_place(staging, directory)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise _explain(error, directory) from error
    return True


def video_name(motion: str, group: int, clip: int) -> str:
    """Return the path of a clip within the set: `MoveLeft/v_MoveLeft_g03_c02.avi`."""
    return f"{motion}/v_{motion}_g{group:02d}_c{clip:02d}.avi"


def encode(path: Path, frames: Iterable[Any], *, b_frames: int = 0) -> None:
    """Write video frames as MPEG-4 (XVID) of a fixed quality in an AVI file, of the same bytes each time."""
    import av

    with av.open(str(path), "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        codec = stream.codec_context
        codec.codec_tag, codec.thread_count, codec.gop_size, codec.max_b_frames = "XVID", 1, 25, b_frames
        codec.qmin = codec.qmax = 5
        codec.options = {"flags": "+bitexact"}
        for index, frame in enumerate(frames):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_group(staging: Path, recipe: Recipe, group: int) -> int:
    from av import VideoFrame

    look = draw_look(np.random.default_rng([recipe.seed, recipe.version, group]))
    for motion, (axis, way) in MOTIONS.items():
        for clip in range(1, recipe.per_group + 1) if way > 0 else ():
            rng = np.random.default_rng([recipe.seed, recipe.version, group, axis, clip])
            planes = render(draw_scene(motion, look=look, rng=rng))
            frames = [VideoFrame.from_ndarray(plane, format="yuv420p") for plane in planes]
            encode(staging / video_name(motion, group, clip), frames)
            encode(staging / video_name(TWINS[motion], group, clip), reversed(frames))
    return len(MOTIONS) * recipe.per_group


def _write_videos(staging: Path, recipe: Recipe, *, workers: int, report: Callable[[str], None]) -> None:
    for motion in MOTIONS:
        (staging / motion).mkdir()
    done, began = 0, time.monotonic()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, recipe.groups), mp_context=context, initializer=_end_with_parent)
    try:
        jobs = [pool.submit(_write_group, staging, recipe, group) for group in range(1, recipe.groups + 1)]
        for job in as_completed(jobs):
            done += job.result()
            report(f"{done}/{recipe.videos} videos, {time.monotonic() - began:.0f} s")
    except BrokenProcessPool:
        raise TrainerError(
            "a worker was killed", where=str(staging.parent), cure="fewer --workers, or more memory"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Leave when the parent is gone: a killed parent cannot say so. On Ctrl-C, leave without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _write_lists(staging: Path, recipe: Recipe) -> None:
    labels = {motion: label for label, motion in enumerate(MOTIONS, start=1)}
    (staging / "classInd.txt").write_text("".join(f"{label} {motion}\n" for motion, label in labels.items()))
    for split in (1, 2, 3):
        held_out = range(GROUPS_IN_TEST * (split - 1) + 1, GROUPS_IN_TEST * split + 1)
        train, test = [], []
        for motion, label in labels.items():
            for group in range(1, recipe.groups + 1):
                names = [video_name(motion, group, clip) for clip in range(1, recipe.per_group + 1)]
                if group in held_out:
                    test += names
                else:
                    train += [f"{name} {label}" for name in names]
        (staging / f"trainlist{split:02d}.txt").write_text("".join(f"{line}\n" for line in train))
        (staging / f"testlist{split:02d}.txt").write_text("".join(f"{line}\n" for line in test))


def _write_card(staging: Path, name: str, recipe: Recipe) -> None:
    card = {
        "name": name,
        "format": "ucf101",
        "description": "eight motions in four pairs, each the reverse of the other; made, not filmed",
        "flip_keeps_labels": False,
        "groups_span_classes": True,
        "made_by": MARK,
        "recipe": asdict(recipe),
    }
    (staging / "dataset.yaml").write_text(yaml.safe_dump(card, sort_keys=False))


def _already_there(directory: Path, recipe: Recipe, *, force: bool) -> bool:
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    try:
        card = yaml.safe_load((directory / "dataset.yaml").read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        card = None
    if not isinstance(card, dict) or card.get("made_by") != MARK:
        raise DataError("holds something else already", where=str(directory), cure="name an empty or a new directory")
    if force:
        return False
    if card.get("recipe") == asdict(recipe):
        return True
    raise DataError(
        f"holds a set of another recipe: {card.get('recipe')}",
        where=str(directory),
        cure="--force makes it anew; or name another directory",
    )


def _put_in_place(staging: Path, directory: Path) -> None:
    old = staging.with_name(staging.name + "-old")
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    staging.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


def _sweep(directory: Path) -> None:
    """Remove what killed runs of this machine left beside `directory`."""
    prefix = f".{directory.name}.synth-{socket.gethostname()}-"
    for leftover in directory.parent.glob(f"{prefix}*"):
        owner = leftover.name.removeprefix(prefix).removesuffix("-old")
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(leftover, ignore_errors=True)


def _explain(error: OSError, directory: Path) -> TrainerError:
    cures = {
        errno.ENOSPC: "make room, or name a directory on another disk",
        errno.EDQUOT: "make room in your quota",
        errno.EACCES: "name a directory that you may write to",
        errno.EPERM: "name a directory that you may write to",
        errno.EROFS: "name a directory that you may write to",
    }
    what = f"cannot write the data set: {error.strerror or error}"
    return TrainerError(what, where=str(directory), cure=cures.get(error.errno or 0, "name another directory"))


def narrate(line: str) -> None:
    """Print a line of progress on stderr."""
    print(line, file=sys.stderr, flush=True)
