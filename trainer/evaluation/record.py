"""What an evaluation holds, and how it tells and writes what it found."""

from __future__ import annotations

import os
import resource
import socket
from dataclasses import dataclass, field
from pathlib import Path

import torch

from trainer.config import Config
from trainer.data.annotations import Annotations, Sample
from trainer.distributed import World
from trainer.engine import Engine
from trainer.errors import DataError, Interrupted
from trainer.evaluation.asked import Asked, Views
from trainer.evaluation.chosen import Chosen
from trainer.evaluation.speed import Pace, speed_meta
from trainer.evaluation.store import clip_figures, video_figures
from trainer.metrics import Scored
from trainer.predictions import About, HeadScores, hardware_name, write_or_explain
from trainer.progress import Screen
from trainer.start import Start

PROBED = {"shuffled": "frames shuffled", "reversed": "frames reversed", "still": "one frame repeated"}
"""What a person reads of a probe."""


@dataclass
class Evaluation:
    """What the functions of this page share."""

    start: Start
    """What the outside gave it; its configuration is that of the run with what was asked otherwise."""
    asked: Asked
    """What is wanted."""
    views: Views
    """From where a video is seen."""
    world: World
    """This process among those of the job."""
    annotations: Annotations
    """The data set."""
    samples: tuple[Sample, ...]
    """The videos of the split."""
    engine: Engine
    """The model, fed with clips that are cut already."""
    chosen: Chosen
    """The weights in it."""
    screen: Screen
    """What a person sees."""
    unreadable: dict[int, str] = field(default_factory=dict)
    """Why videos of this process's share could not be read, by their places."""

    @property
    def config(self) -> Config:
        """The configuration as it is evaluated."""
        return self.start.config

    @property
    def share(self) -> range:
        """The places of the samples that this process evaluates."""
        return range(self.world.rank, len(self.samples), self.world.size)


def announce(run: Evaluation) -> None:
    """Write the start event, and say what is evaluated."""
    start, device = run.start, run.world.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    start.log.write(
        "start",
        contract=1,
        attempt=start.claim.name if start.claim else None,
        host=socket.gethostname(),
        pid=os.getpid(),
        epochs=0,
        steps_per_epoch=0,
        resumed_step=None,
        device=name if run.world.size == 1 else f"{run.world.size} x {name}",
    )
    run.screen.say(
        f"{run.config.model.name} of {start.run_dir.name} on {name}, {run.config.train.precision}: "
        f"{len(run.samples)} videos of {run.asked.split}, {run.views} views, {origin(run)}"
    )
    for note in run.chosen.notes:
        run.screen.say(note)
    for warning in run.annotations.warnings:
        run.screen.say(f"data: warning: {warning}")


def tell_unreadable(run: Evaluation) -> None:
    """Name each video that could not be read. Raises DataError where none could."""
    found = {place: why for part in run.world.gather(run.unreadable) for place, why in part.items()}
    for place, why in sorted(found.items()):
        sample = run.samples[place]
        if len(found) == len(run.samples):
            what = f"none of the {len(found)} videos of {run.asked.split} can be read: {why}"
            raise DataError(what, where=str(sample.path), cure="check data.root, and the videos")
        message = f"{sample.path}: {why}; it counts as wrong"
        belongs = {"sample": sample.id, "path": str(sample.path)}
        run.start.log.write("warning", t=None, code="unreadable_video", message=message, **belongs)
        run.screen.say(f"trainer: warning: {message}")


def write(run: Evaluation, probe: str | None, head: HeadScores, paces: tuple[Pace, Pace] | None) -> Path | None:
    """Write a predictions file and its eval event, and say the figures; None in the processes that do not write."""
    if not run.world.main:
        return None
    about = about_of(run, probe, paces)
    video, clip = video_figures(head), clip_figures(head)
    if run.start.claim is not None:
        run.start.claim.check()
    path = write_or_explain(run.start.run_dir, {"": head}, samples=run.samples, about=about)
    run.start.log.write(
        "eval",
        split=f"{about.split}@{about.variant}",
        epoch=about.epoch,
        step=about.step,
        metrics=metrics_of(about, video, clip, paces),
        predictions=str(path.relative_to(run.start.run_dir)),
        of=run.start.run_dir.name,
        unreadable=video.unreadable,
    )
    frames = f", {PROBED[probe]}" if probe else ""
    run.screen.say(
        f"{about.split}, {about.views} views{frames}, {origin(run)}: "
        f"video top-1 {video.top1:.1%} top-5 {video.top5:.1%}; clip top-1 {clip.top1:.1%} top-5 {clip.top5:.1%}; "
        f"{video.unreadable} unreadable"
    )
    return path


def metrics_of(about: About, video: Scored, clip: Scored, paces: tuple[Pace, Pace] | None) -> dict[str, float]:
    """Return the metrics of an eval event: `val@10x3/top1` of videos, `val@10x3/clip_top1` of single views."""
    family = f"{about.split}@{about.variant}"
    metrics = video.named(family) | {f"{family}/clip_top1": clip.top1, f"{family}/clip_top5": clip.top5}
    for name, pace in zip(("batch1", "batched"), paces or (), strict=False):
        metrics |= {f"speed/{name}_ms_per_clip": pace.ms_per_clip, f"speed/{name}_clips_per_s": pace.clips_per_s}
    return metrics


def tell_speed(run: Evaluation, paces: tuple[Pace, Pace] | None) -> None:
    """Say how fast the model was."""
    if paces is not None:
        each = (f"batch {p.batch}: {p.ms_per_clip:.3g} ms per clip, {p.clips_per_s:.4g} clips/s" for p in paces)
        hardware = hardware_name(run.world.device)
        run.screen.say(f"speed on {hardware}, {run.config.train.precision}: {'; '.join(each)}")


def about_of(run: Evaluation, probe: str | None, paces: tuple[Pace, Pace] | None) -> About:
    """Return what a predictions file says of itself."""
    return About(
        split=run.asked.split,
        epoch=run.chosen.position.reached,
        step=run.chosen.position.step,
        data=run.config.data.name,
        config=run.config,
        hardware=hardware_name(run.world.device),
        clips=run.views.clips,
        crops=run.views.crops,
        probe=probe,
        weights=run.chosen.sha256,
        weights_file=run.chosen.file,
        speed=speed_meta(paces) if paces else None,
    )


def batch_size(run: Evaluation) -> int:
    """Return how many clips go through the model at once."""
    return run.config.data.eval_batch_size or run.config.data.batch_size


def origin(run: Evaluation) -> str:
    """Return where the weights are from, for people."""
    return f"{run.chosen.file} ({f'epoch {run.chosen.position.reached}' if run.chosen.own else 'not of this run'})"


def stopped(run: Evaluation) -> Interrupted:
    """Return what an evaluation ends with that a signal stopped."""
    reason = run.start.stop.reason or "a signal to another process"
    return Interrupted(f"stopped by {reason}; nothing was written", cure="evaluate again")


def system_metrics(run: Evaluation) -> dict[str, float]:
    """Return the peaks of memory, bytes."""
    metrics = {"sys/rss": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024}
    if run.world.device.type == "cuda":
        metrics["sys/gpu_mem"] = float(torch.cuda.max_memory_allocated(run.world.device))
    return metrics
