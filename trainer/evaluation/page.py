"""The page of an evaluation: what happens, in the order in which it happens.

Every video is decoded once, whatever is asked of it. The files are written at the end, each whole or not at all.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from trainer.data.annotations import read_ucf101
from trainer.data.cache import Cache, default_places, find_cache, plan
from trainer.data.clips import Decoded
from trainer.data.loaders import evenly
from trainer.distributed import World, bare, open_world
from trainer.engine import Engine
from trainer.errors import ConfigError, Superseded, TrainerError
from trainer.evaluation.asked import Asked, Views, parse_views
from trainer.evaluation.chosen import load_chosen
from trainer.evaluation.record import (
    Evaluation,
    announce,
    batch_size,
    stopped,
    system_metrics,
    tell_speed,
    tell_unreadable,
    write,
)
from trainer.evaluation.speed import Pace, measure
from trainer.evaluation.store import ScoreStore
from trainer.evaluation.views import ViewBatch, corners, probed, read_videos, view_batches
from trainer.progress import LINE_SECONDS, Screen
from trainer.resume import seed_everything
from trainer.signals import were_stopped
from trainer.start import Start


def evaluate_run(start: Start, asked: Asked, *, env: Mapping[str, str]) -> str:
    """Evaluate a checkpoint as it was asked for; return one sentence that says what was done.

    Raises Interrupted with nothing written, Superseded, and any other TrainerError.
    """
    start = dataclasses.replace(start, config=asked.config(start.config))
    views = parse_views(asked.views)
    corners(views, start.config.data)
    if asked.probes and start.config.data.frames == 1:
        raise ConfigError("a clip of one frame has no order", where="--probe", cure="leave it out")
    with open_world(start.config.train, env=env) as world:
        seed_everything(start.config)
        run = prepare(start, asked, views, world)
        announce(run)
        paces = measure_speed(run)
        stores = score_views(run)
        tell_unreadable(run)
        paths = [write(run, probe, store.gathered(world), paces) for probe, store in stores.items()]
        start.log.write("system", metrics=system_metrics(run))
        return f"{asked.split} evaluated from {views} views, {len(paths)} file{'s' if len(paths) > 1 else ''} written"


def prepare(start: Start, asked: Asked, views: Views, world: World) -> Evaluation:
    """Read the lists, build the model and load the weights."""
    config = start.config
    annotations = read_ucf101(Path(config.data.root), split=config.data.split)
    limit = {"train": config.data.limit_train, "val": config.data.limit_val}.get(asked.split)
    side = (config.data.crop, config.data.crop)
    cut = dataclasses.replace(config, data=dataclasses.replace(config.data, resize=side))
    samples = evenly(annotations.split(asked.split), limit)
    engine = Engine(cut, classes=len(annotations.classes), world=world)
    chosen = load_chosen(
        bare(engine.model), asked.checkpoint, run_dir=start.run_dir, config=config, classes=annotations.classes
    )
    vars(start.position).update(vars(chosen.position))
    screen = Screen(silent=not world.main)
    return Evaluation(start, asked, views, world, annotations, samples, engine, chosen, screen)


def measure_speed(run: Evaluation) -> tuple[Pace, Pace] | None:
    """Measure how fast the model is, where that was asked for; one process does, the others wait."""
    if not run.asked.speed:
        return None
    paces = measure(run.engine, batch=batch_size(run), stop=run.start.stop) if run.world.main else None
    if run.world.total([float(bool(run.start.stop))])[0]:
        raise stopped(run)
    tell_speed(run, paces)
    return paces


def score_views(run: Evaluation) -> dict[str | None, ScoreStore]:
    """Return the scores of all views, as they are (None) and under each probe. Raises Interrupted on a signal."""
    classes = run.annotations.classes
    stores: dict[str | None, ScoreStore] = {
        probe: ScoreStore(run.share, run.samples, views=run.views.count, classes=classes)
        for probe in (None, *run.asked.probes)
    }
    run.engine.model.eval()
    try:
        _fill(run, stores)
    except (RuntimeError, EOFError, OSError, TrainerError) as error:
        if isinstance(error, Superseded) or not were_stopped(run.start.stop):
            raise
    if run.world.total([float(bool(run.start.stop))])[0]:
        raise stopped(run)
    return stores


def _fill(run: Evaluation, stores: Mapping[str | None, ScoreStore]) -> None:
    told = time.monotonic()
    for part in _view_batches(run):
        if run.start.stop:
            return
        if run.start.superseded():
            raise Superseded("a newer attempt has taken over", where=str(run.asked.out), cure="nothing to do")
        for probe, store in stores.items():
            batch = probed(part.batch, probe, run.samples)
            logits_BK = run.engine.logits(batch)
            if not bool(logits_BK[batch.readable_B].isfinite().all()):
                cure = "evaluate with --precision fp32, or an earlier checkpoint"
                raise TrainerError("the model's scores are not finite", where=run.chosen.file, cure=cure)
            store.put(batch.indices_B, part.views_B, logits_BK)
        if time.monotonic() - told > LINE_SECONDS:
            told = time.monotonic()
            run.screen.say(f"evaluated {int(part.batch.indices_B[-1])} of {len(run.samples)} videos")


def _view_batches(run: Evaluation) -> Iterator[ViewBatch]:
    def noticed() -> Iterator[Decoded]:
        for video in read_videos(run.samples, run.share, config=run.config, views=run.views, cache=_cache(run)):
            if video.why is not None:
                run.unreadable[video.index] = video.why
            yield video

    return view_batches(noticed(), run.samples, config=run.config, views=run.views, size=batch_size(run))


def _cache(run: Evaluation) -> Cache | None:
    """Return the cache that training has built of these frames, where it has one and one clip is asked for."""
    data = run.config.data
    if data.cache == "off" or run.views.clips > 1 or run.asked.split == "test":
        return None
    trained = [*evenly(run.annotations.train, data.limit_train), *evenly(run.annotations.val, data.limit_val)]
    wanted = plan(trained, frames=data.frames, resize=data.resize)
    return find_cache(wanted, places=default_places(run.annotations.root, data.cache_dir))
