"""Decoded frames of a data set in one file that is mapped into memory, shared by all runs that want the same frames.

`KEY/frames.u8` holds (N, T, H, W, 3) bytes, `KEY/manifest.json` what they are; KEY names the decoder, the frames, their
size, and every video with its length and time of change, so that a cache never needs to be told that it is out of date.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from trainer.data.annotations import Sample
from trainer.data.clips import ClipSet, begin_worker, worker_count
from trainer.data.decode import DECODER
from trainer.data.lock import held
from trainer.errors import DataError, TrainerError

SPARE_BYTES = 1 << 30
"""Room that a cache leaves on its disk."""
SPOT_CHECKS = 8
"""Videos whose bytes are compared with their checksums whenever a cache is opened."""
Report = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Which cache is wanted."""

    samples: tuple[Sample, ...]
    """Every video, by id; a row each."""
    frames: int
    """Uniform frames of each."""
    resize: tuple[int, int]
    """Height and width."""
    key: str
    """Name of the cache."""

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Return (N, T, H, W, 3)."""
        return (len(self.samples), self.frames, *self.resize, 3)

    @property
    def row_bytes(self) -> int:
        """Return the bytes of one video."""
        return self.frames * self.resize[0] * self.resize[1] * 3

    @property
    def bytes(self) -> int:
        """Return the size of the file."""
        return len(self.samples) * self.row_bytes


@dataclass(frozen=True)
class Cache:
    """A complete cache, open for reading."""

    frames_NTHWC: NDArray[np.uint8]  # noqa: N815
    """Mapped from disk."""
    rows: Mapping[str, int]
    """Sample id -> row."""
    unreadable: Mapping[str, str]
    """Sample id -> why it could not be read; its row is zeros."""
    directory: Path
    """Where it is."""


def plan(samples: Sequence[Sample], *, frames: int, resize: tuple[int, int]) -> Plan:
    """Say which cache these videos need."""
    ordered = tuple(sorted({sample.id: sample for sample in samples}.values(), key=lambda sample: sample.id))
    digest = hashlib.sha256(json.dumps([DECODER, frames, list(resize)]).encode())
    for sample in ordered:
        try:
            status = sample.path.stat()
            size, changed = status.st_size, status.st_mtime_ns
        except OSError:
            size, changed = -1, 0
        digest.update(f"{sample.id}\0{size}\0{changed}\n".encode())
    return Plan(samples=ordered, frames=frames, resize=resize, key=digest.hexdigest()[:20])


def open_cache(
    wanted: Plan,
    *,
    places: Sequence[Path],
    mode: Literal["auto", "build"] = "auto",
    workers: int | None = None,
    report: Report = lambda line: None,
) -> Cache | None:
    """Open the cache in one of `places`, building it in the first that has room; None where none has (mode auto).

    A damaged one is built again. `build` builds in any case, and raises TrainerError where it cannot. Two runs that
    start at once share one build.
    """
    if mode == "auto":
        for place in places:
            cache = _open(place / wanted.key, wanted, report)
            if cache is not None:
                return cache
    refusals = []
    for place in places:
        why = _why_not(place, wanted)
        try:
            if why is None:
                return _build_shared(place, wanted, workers=workers, again=mode == "build", report=report)
        except OSError as error:
            why = error.strerror or str(error)
        refusals.append(f"{place}: {why}")
    if mode == "build":
        raise TrainerError(f"no room for a cache: {'; '.join(refusals)}", cure="set data.cache_dir, or data.cache=off")
    report(f"no cache, decoding as needed ({'; '.join(refusals)}; data.cache_dir names another place)")
    return None


def find_cache(wanted: Plan, *, places: Sequence[Path]) -> Cache | None:
    """Open the cache of these videos where one of `places` has it whole; build nothing."""
    found = (_open(place / wanted.key, wanted, lambda line: None) for place in places)
    return next((cache for cache in found if cache is not None), None)


def default_places(root: Path, cache_dir: str | None) -> tuple[Path, ...]:
    """Return where caches are looked for and built: `cache_dir`, else beside the data, else in the user's cache."""
    if cache_dir is not None:
        return (Path(cache_dir).expanduser(),)
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return (root / ".cache", Path(home).expanduser() / "arctl" / "clips")


def _why_not(place: Path, wanted: Plan) -> str | None:
    """Return why a cache cannot be built in this place; None where it can."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        probe = place / f".probe-{uuid.uuid4().hex}"
        probe.touch()
        probe.unlink()
        free = shutil.disk_usage(place).free
    except (OSError, RuntimeError) as error:
        return getattr(error, "strerror", None) or str(error)
    if wanted.bytes + SPARE_BYTES > free:
        return f"needs {_size(wanted.bytes)} and {_size(SPARE_BYTES)} to spare, {_size(free)} are free"
    return None


def _open(directory: Path, wanted: Plan, report: Report) -> Cache | None:
    """Open a cache after checking it; None where there is none or it is damaged."""
    try:
        manifest = json.loads((directory / "manifest.json").read_bytes())
        size = (directory / "frames.u8").stat().st_size
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (OSError, ValueError):
        manifest, size = {}, -1
    if not isinstance(manifest, dict) or manifest.get("key") != wanted.key or size != wanted.bytes:
        report(f"the cache in {directory} is damaged and is built again")
        return None
    frames = np.asarray(np.memmap(directory / "frames.u8", np.uint8, "r", shape=wanted.shape))
    for row in np.linspace(0, len(frames) - 1, min(SPOT_CHECKS, len(frames))).astype(int):
        if zlib.crc32(frames[row].tobytes()) != manifest["crc32"][row]:
            report(f"the cache in {directory} is damaged (video {wanted.samples[row].id}) and is built again")
            return None
    rows = {sample.id: row for row, sample in enumerate(wanted.samples)}
    return Cache(frames_NTHWC=frames, rows=rows, unreadable=manifest["unreadable"], directory=directory)


def _build_shared(place: Path, wanted: Plan, *, workers: int | None, again: bool, report: Report) -> Cache | None:
    directory, found = place / wanted.key, list[Cache]()

    def done() -> bool:
        cache = _open(directory, wanted, lambda line: None) if not again else None
        found.extend([cache] if cache else [])
        return bool(found)

    def waiting() -> None:
        report(f"another run is building the cache in {place}: waiting for it")

    with held(place / f"{wanted.key}.lock", done=done, waiting=waiting) as mine:
        if mine and not done():
            _build(place, directory, wanted, workers=workers, report=report)
    return found[0] if found else _open(directory, wanted, report)


def _build(place: Path, directory: Path, wanted: Plan, *, workers: int | None, report: Report) -> None:
    """Decode into a directory of this process's own, and rename it."""
    _sweep(place, wanted.key)
    count = worker_count(workers)
    report(
        f"decoding {len(wanted.samples)} videos into a cache of {_size(wanted.bytes)} in {directory}, {count} processes"
    )
    staging = place / f".{wanted.key}.{uuid.uuid4().hex}"
    staging.mkdir()
    began = time.monotonic()
    try:
        manifest, unreadable = _fill(staging / "frames.u8", wanted, workers=count, report=report)
        _write_whole(staging / "manifest.json", json.dumps(manifest).encode())
        if directory.exists():
            directory.rename(staging / "old")
        with suppress(OSError):  # another builder may have put its own there in this instant
            staging.rename(directory)
        shutil.rmtree(directory / "old", ignore_errors=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    report(f"cache complete in {time.monotonic() - began:.0f} s, {unreadable} videos unreadable")


def _fill(path: Path, wanted: Plan, *, workers: int, report: Report) -> tuple[dict[str, object], int]:
    clips = ClipSet(wanted.samples, frames=wanted.frames, resize=wanted.resize)
    loader = DataLoader(clips, batch_size=None, num_workers=workers, worker_init_fn=begin_worker)
    checks = [0] * len(wanted.samples)
    unreadable: dict[str, str] = {}
    told = time.monotonic()
    with path.open("wb") as file:
        _reserve(file.fileno(), wanted.bytes)
        try:
            for row, decoded in enumerate(loader):
                data = decoded.frames_THWC.numpy().tobytes()
                file.write(data)
                checks[row] = zlib.crc32(data)
                if decoded.why is not None:
                    unreadable[wanted.samples[row].id] = decoded.why
                if time.monotonic() - told > 5:
                    told = time.monotonic()
                    report(f"decoded {row + 1}/{len(wanted.samples)} videos")
        except RuntimeError as error:
            raise DataError(
                f"a decoding process ended: {error}", where=str(path), cure="data.cache=off goes on"
            ) from error
        file.flush()
        os.fsync(file.fileno())
    about = {"key": wanted.key, "decoder": DECODER, "shape": wanted.shape}
    return {**about, "unreadable": unreadable, "crc32": checks}, len(unreadable)


def _reserve(descriptor: int, size: int) -> None:
    """Find out now, not at the last video, that the disk is full; not every file system can say."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _write_whole(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sweep(place: Path, key: str) -> None:
    """Remove what dead builders left; a living one writes to its file all the time."""
    for leftover in place.glob(f".{key}.*"):
        try:
            newest = max(path.stat().st_mtime for path in (leftover, *leftover.iterdir()))
        except (OSError, ValueError):
            continue
        if time.time() - newest > 3600:
            shutil.rmtree(leftover, ignore_errors=True)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 100_000) / 1e6:.1f} MB"
