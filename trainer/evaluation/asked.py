"""What is asked of an evaluation, read from the command line. Without torch, so that a wrong word costs no second."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.config import Config
from trainer.errors import ConfigError

SPLITS = ("val", "test", "train")
"""What `--split` takes."""
PROBES = ("shuffled", "reversed", "still")
"""What `--probe` takes: the frames of a clip in a random order, backwards, or one of them repeated."""
PRECISIONS = ("fp32", "fp16", "bf16")
"""What `--precision` takes."""
MOST_CLIPS = 100
"""Temporal clips beyond which `--views` is taken for a slip."""

_VIEWS = re.compile(r"([1-9]\d{0,5})x([13])")


@dataclass(frozen=True)
class Views:
    """From where in time and space a video is seen. View v is crop `v % crops` of clip `v // crops`."""

    clips: int = 1
    """Temporal clips."""
    crops: int = 1
    """Spatial crops of each: 1 at the centre, or 3 along the longer side."""

    @property
    def count(self) -> int:
        """Views of each video."""
        return self.clips * self.crops

    def __str__(self) -> str:
        """`10x3`."""
        return f"{self.clips}x{self.crops}"


@dataclass(frozen=True)
class Asked:
    """An evaluation as it was asked for."""

    run_dir: Path
    """The run that is evaluated: its configuration, its checkpoints, its predictions. Absolute."""
    out: Path | None
    """Where attempt, events and env.json go; None: nowhere. Absolute."""
    checkpoint: str
    """`best`, `last`, or the path of a file."""
    split: str
    """One of SPLITS."""
    views: str
    """`10x3`, not yet checked."""
    probes: tuple[str, ...]
    """Of PROBES, beside the evaluation itself."""
    speed: bool
    """Whether to measure how fast the model is."""
    batch_size: int | None
    """Clips in one forward pass; None: as configured."""
    workers: int | None
    """Processes that decode; None: as configured."""
    precision: str | None
    """One of PRECISIONS; None: as configured."""
    device: str | None
    """`auto`, `cpu` or `cuda`; None: as configured."""

    def config(self, trained: Config) -> Config:
        """Return a run's configuration with what was asked otherwise."""
        data = {"eval_batch_size": self.batch_size, "workers": self.workers}
        train = {"precision": self.precision, "device": self.device}
        return dataclasses.replace(
            trained,
            data=dataclasses.replace(trained.data, **{k: v for k, v in data.items() if v is not None}),  # type: ignore[arg-type]
            train=dataclasses.replace(trained.train, **{k: v for k, v in train.items() if v is not None}),  # type: ignore[arg-type]
        )


def parse_views(text: str) -> Views:
    """Read `CLIPSxCROPS`. Raises ConfigError."""
    match = _VIEWS.fullmatch(text)
    if match is None:
        cure = "write clips x crops, as 10x3, 5x3 or 1x1; crops are 1 (centre) or 3 (along the longer side)"
        raise ConfigError(f"{text[:40]!r} are no views", where="--views", cure=cure)
    views = Views(int(match[1]), int(match[2]))
    if views.clips > MOST_CLIPS:
        raise ConfigError(f"{views.clips} clips of each video", where="--views", cure=f"{MOST_CLIPS} at the most")
    return views


def read_asked(words: Sequence[str], *, env: Mapping[str, str]) -> Asked:
    """Read the words after `python -m trainer eval`. Ends the process with status 2 where they make no sense.

    Without `--out` the directory is that of `ARCTL_RUN_DIR`, unless it is the run that is evaluated: an evaluation
    never claims an attempt of that one. Raises ConfigError where `--out` names it.
    """
    found = _parser().parse_args(words)
    run_dir, around = found.run_dir.absolute(), env.get("ARCTL_RUN_DIR")
    out = found.out or (Path(around) if around else None)
    if out is not None and _same(out, run_dir):
        if found.out is not None:
            cure = "name another directory, or leave it out: the predictions go to the run by themselves"
            raise ConfigError("is the run that is evaluated", where=f"--out {out}", cure=cure)
        out = None
    return Asked(
        run_dir=run_dir,
        out=out.absolute() if out else None,
        checkpoint=found.checkpoint,
        split=found.split,
        views=found.views,
        probes=tuple(dict.fromkeys(found.probe)),
        speed=found.speed,
        batch_size=found.batch_size,
        workers=found.workers,
        precision=found.precision,
        device=found.device,
    )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()


def _whole(low: int, high: int) -> type:
    """Return a reader of whole numbers for argparse."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
        return int(text)

    return read  # type: ignore[return-value]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer eval",
        description="Evaluates a checkpoint of a run from many views, and writes the scores into its predictions/.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--run-dir", type=Path, required=True, metavar="DIR", help="the run: its config.yaml and its checkpoints")
    add("--checkpoint", default="best", metavar="best|last|PATH", help="which weights [best]")
    add("--split", choices=SPLITS, default="val", help="which videos [val]")
    add("--views", default="1x1", metavar="CLIPSxCROPS", help="10x3: ten clips in time, three crops of each [1x1]")
    add(
        "--probe", action="append", choices=PROBES, default=[], help="also with the frames in another order; repeatable"
    )
    add("--speed", action="store_true", help="measure ms per clip first, one clip at a time and batched")
    add("--out", type=Path, metavar="DIR", help="where attempt and events go [ARCTL_RUN_DIR where that is another run]")
    add("--batch-size", type=_whole(1, 65536), metavar="N", help="clips in one forward pass [as configured]")
    add("--workers", type=_whole(0, 256), metavar="N", help="processes that decode [as configured]")
    add("--precision", choices=PRECISIONS, help="of the forward pass [as configured]")
    add("--device", choices=("auto", "cpu", "cuda"), help="where to compute [as configured]")
    return parser
