"""Small real videos in the UCF101 layout, and runs of the trainer on them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from trainer import attempt, config
from trainer.events import EventLog
from trainer.position import Position
from trainer.signals import StopFlag
from trainer.start import Start
from trainer.yaml_file import write_yaml

CLASSES = ("Red", "Blue", "Grey")
HEIGHT, WIDTH, FRAMES = 48, 64, 8


def make_set(root: Path, *, train: int = 5, val: int = 2) -> Path:
    """Write `train` + `val` videos for each class: noise that flickers in the colours of its class."""
    root.mkdir(parents=True)
    (root / "classInd.txt").write_text("".join(f"{n} {name}\n" for n, name in enumerate(CLASSES, 1)))
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for number, name in enumerate(CLASSES, 1):
        (root / name).mkdir()
        for group in range(1, train + val + 1):
            relative = f"{name}/v_{name}_g{group:02d}_c01.avi"
            write_video(root / relative, colour=number - 1, seed=100 * number + group)
            lists["test" if group <= val else "train"].append(relative + ("" if group <= val else f" {number}"))
    for split, lines in lists.items():
        (root / f"{split}list01.txt").write_text("".join(f"{line}\n" for line in lines))
    return root


def write_video(path: Path, *, colour: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    flickers = np.array([[1, 0, 0], [0, 0, 1], [1, 1, 1]])[colour]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for _ in range(FRAMES):
            noise = random.integers(-90, 90, (HEIGHT // 8, WIDTH // 8, 1)).repeat(8, 0).repeat(8, 1)
            frame = av.VideoFrame.from_ndarray((120 + noise * flickers).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def make_run(run_dir: Path, root: Path, *overrides: str) -> Path:
    """Make a run directory with a config.yaml of the smallest model on `root`."""
    small = ["data.frames=4", "data.resize=[24, 32]", "data.crop=24", "data.batch_size=4", "data.cache=off"]
    quick = ["train.epochs=2", "optim.lr=0.01", "optim.warmup_epochs=0.5", "train.device=cpu"]
    card = {"name": "noise", "root": str(root), "flip_keeps_labels": True}
    made = config.resolve(model="r3d_tiny", data=card, overrides=[*small, *quick, *overrides])
    run_dir.mkdir(parents=True, exist_ok=True)
    write_yaml(run_dir / "config.yaml", config.to_dict(made))
    return run_dir


def run_here(
    run_dir: Path,
    *,
    job: str,
    stop_after: int | None = None,
    stop_in: int | None = None,
    hook: Callable[[], bool] | None = None,
) -> Position:
    """Train in this process as attempt `<job>.0`.

    A signal seems to come before the step after `stop_after` steps, or while step `stop_in` is under way. `hook` is
    asked between steps whether the run has been superseded.
    """
    from trainer.train import train

    claim = attempt.claim(run_dir, env={"ARCTL_JOB_ID": job})
    stop, position = StopFlag(), Position()
    steps = 0

    def between_steps() -> bool:
        nonlocal steps
        steps += 1
        if steps == stop_in:
            stop.reason = "SIGUSR2"
        return hook() if hook else False

    if stop_after == 0:
        stop.reason = "SIGUSR2"
    elif stop_after is not None:
        stop_in = stop_after
    log = EventLog(claim.path / "events.jsonl")
    try:
        made = config.load(run_dir / "config.yaml")
        train(Start(run_dir, made, claim, log, stop, between_steps, position), env={})
    finally:
        log.close()
    return position


def events(run_dir: Path, attempt_name: str | None = None) -> list[dict[str, Any]]:
    """Every event of a run, or of one attempt; attempts in the order of their claims."""
    claims = [json.loads(path.read_text()) for path in (run_dir / "attempts").glob("*/claim.json")]
    names = [claim["attempt"] for claim in sorted(claims, key=lambda claim: claim["time"])]
    chosen = names if attempt_name is None else [attempt_name]
    lines = [
        line for name in chosen for line in (run_dir / "attempts" / name / "events.jsonl").read_bytes().split(b"\n")
    ]
    return [json.loads(line) for line in lines if line]


def of_kind(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in found if event["kind"] == kind]


def environment(**more: str) -> dict[str, str]:
    """The environment of a trainer in a process of its own: one thread, outside any job."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "ARCTL_"))}
    root = str(Path(config.__file__).parent.parent)
    return kept | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": root, **more}
