"""The page: what happens in a run, in the order in which it happens.

Epoch after epoch: train, evaluate, save, tell. Between any two steps the run may be asked to stop; it saves and goes on
from there when it is started again.
"""

from __future__ import annotations

import itertools
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from os import getpid
from typing import TYPE_CHECKING

import torch

from trainer import checkpoint, predictions
from trainer.data.loaders import Loaders, open_loaders
from trainer.distributed import World, open_world
from trainer.engine import Engine
from trainer.errors import Superseded, TrainerError
from trainer.evaluate import evaluate
from trainer.metrics import EpochSums, Scored, score
from trainer.progress import Screen
from trainer.recorder import StepRecorder
from trainer.resume import restore, seed_everything, seed_step
from trainer.run import (
    Run,
    check_weights,
    interrupt,
    keep_predictions,
    load_weights,
    save_state,
    system_metrics,
    tell_unreadable,
    warn,
)
from trainer.schedule import schedule_of
from trainer.signals import StopFlag, were_stopped
from trainer.start import Start

if TYPE_CHECKING:
    from trainer.data.loaders import Batch


def train(start: Start, *, env: Mapping[str, str]) -> str:
    """Train until the epochs, the steps or the patience are used up; return why it ended, one sentence.

    Raises Interrupted with the state saved, Superseded, and any other TrainerError.
    """
    config = start.config
    with open_world(config.train, env=env) as world:
        seed_everything(config)
        check_weights(start)
        loaders = open_loaders(config, rank=world.rank, world=world.size)
        try:
            run = prepare(start, world, loaders, env=env)
            resumed = take_up(run)
            announce(run, resumed)
            while (why := finished(run)) is None:
                begun = time.monotonic()
                if not start.position.trained:
                    train_epoch(run)
                scored = evaluate_epoch(run)
                close_epoch(run, scored, seconds=time.monotonic() - begun)
            return why
        finally:
            loaders.close()


def prepare(start: Start, world: World, loaders: Loaders, *, env: Mapping[str, str]) -> Run:
    """Build the model and what belongs to it. Every process starts with the same weights."""
    config = start.config
    engine = Engine(config, classes=len(loaders.classes), world=world)
    steps = -(-loaders.batches_per_epoch // config.optim.accumulate)
    return Run(
        start=start,
        env=env,
        world=world,
        loaders=loaders,
        engine=engine,
        schedule=schedule_of(config, steps_per_epoch=steps),
        steps_per_epoch=steps,
        sums=EpochSums(world.device),
        screen=Screen(silent=not world.main),
    )


def take_up(run: Run) -> int | None:
    """Go on from the newest whole checkpoint; return its step, None where there is none to go on from."""
    directory = run.start.run_dir / "checkpoints"
    found = checkpoint.find(directory)
    if found is None:
        load_weights(run)
        return None
    where = str(directory / found.name)
    position = run.start.position
    notes = list(found.complaints)
    if checkpoint.half_saved(directory):
        notes.append("the last save was cut short: what came after the one before it is done again")
    lost = restore(found.state, run.engine, position, run.sums, classes=run.loaders.classes, where=where)
    for note in [*notes, *([lost] if lost else [])]:
        warn(run, "resume", note, path=where)
    run.screen.say(f"resumed from {found.name}: step {position.step}, epoch {position.epoch}")
    return position.step


def announce(run: Run, resumed: int | None) -> None:
    """Write the start event."""
    start = run.start
    device = run.world.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    start.log.write(
        "start",
        contract=1,
        attempt=start.claim.name if start.claim else None,
        host=socket.gethostname(),
        pid=getpid(),
        epochs=start.config.train.epochs,
        steps_per_epoch=run.steps_per_epoch,
        resumed_step=resumed,
        device=name if run.world.size == 1 else f"{run.world.size} x {name}",
    )
    counts = f"{len(run.loaders.train_samples)} training, {len(run.loaders.val_samples)} validation videos"
    precision = start.config.train.precision
    run.screen.say(f"{start.config.model.name} on {name}, {precision}: {counts}")
    if device.type == "cpu" and precision != "fp32":
        run.screen.say(f"trainer: warning: {precision} can be many times slower on a CPU: set train.precision=fp32")


def finished(run: Run) -> str | None:
    """Return why the run is at its end, None where it goes on."""
    config, position = run.start.config.train, run.start.position
    if position.epoch > config.epochs:
        return f"{config.epochs} epochs done"
    if config.patience is not None and position.since_best >= config.patience and not position.step_in_epoch:
        return f"stopped early: {position.since_best} evaluations without a better val/top1"
    if config.max_steps is not None and position.step >= config.max_steps and not position.trained:
        return f"{position.step} steps done"
    return None


def train_epoch(run: Run) -> None:
    """Train the rest of an epoch, from wherever it stands."""
    config, position = run.start.config, run.start.position
    recorder = StepRecorder(run.start.log, world=run.world, every=config.train.log_every)
    if position.step_in_epoch == 0:
        run.sums.sums_4.zero_()
    run.engine.model.train()
    batches = run.loaders.train(position.epoch, skip=position.step_in_epoch * config.optim.accumulate)
    recorder.begin()
    for group, waited in step_groups(batches, config.optim.accumulate, stop=run.start.stop):
        clips = agree(run, group, recorder)
        position.step += 1
        position.step_in_epoch += 1
        epochs_done = position.epoch - 1 + position.step_in_epoch / run.steps_per_epoch
        if clips:
            rate = run.schedule.at(epochs_done)
            seed_step(config, step=position.step, rank=run.world.rank)
            result = run.engine.step(group, epoch=position.epoch, lr=rate, count=clips, sums=run.sums)
            position.skipped += result.skipped
            recorder.add(result, position, epoch=epochs_done, lr=rate, clips=clips, waited=waited)
            show_step(run, recorder)
        if config.train.max_steps is not None and position.step >= config.train.max_steps:
            break
    recorder.flush()
    position.trained = True


def step_groups(batches: Iterator[Batch], size: int, *, stop: StopFlag) -> Iterator[tuple[list[Batch], float]]:
    """Yield (the batches of one step, seconds waited for them); an empty group where a signal has ended the workers."""
    while True:
        begun = time.perf_counter()
        try:
            group = list(itertools.islice(batches, size))
        except (RuntimeError, EOFError, OSError, TrainerError):
            if not were_stopped(stop):
                raise
            yield [], 0.0
            return
        if not group:
            return
        yield group, time.perf_counter() - begun


def agree(run: Run, group: list[Batch], recorder: StepRecorder) -> float:
    """Return how many clips of this step can be read, over all processes; save or stop where any of them wants to."""
    minutes = run.start.config.train.checkpoint_minutes
    due = run.world.main and minutes is not None and time.monotonic() - run.saved_at > 60 * minutes
    readable = sum(int(batch.readable_B.sum()) for batch in group)
    wishes = [readable, bool(run.start.stop), due, run.start.superseded(), run.world.main and recorder.late()]
    clips, stop, save, superseded, late = run.world.total([float(wish) for wish in wishes])
    recorder.read_next = bool(late)
    if superseded:
        raise Superseded("a newer attempt has taken over", where=str(run.start.run_dir), cure="nothing to do")
    if stop:
        recorder.flush()
        interrupt(run)
    if save:
        recorder.flush()
        save_state(run, best=False, needed=False)
        recorder.begin()
    return clips


def show_step(run: Run, recorder: StepRecorder) -> None:
    """Move the bar."""
    position = run.start.position
    run.screen.step(
        epoch=position.epoch,
        epochs=run.start.config.train.epochs,
        done=position.step_in_epoch,
        steps=run.steps_per_epoch,
        metrics=recorder.latest,
    )


def evaluate_epoch(run: Run) -> Scored | None:
    """Evaluate where it is due; write the predictions and the eval event. None where it is not due."""
    config, position = run.start.config, run.start.position
    last = position.epoch >= config.train.epochs or position.step >= (config.train.max_steps or sys.maxsize)
    if position.epoch % config.train.eval_every and not last:
        return None
    scores_NVK = evaluate(run.engine, run.loaders, world=run.world, stop=run.start.stop)
    if scores_NVK is None:
        interrupt(run)
    scored = score(scores_NVK, torch.tensor([sample.target for sample in run.loaders.val_samples], dtype=torch.int64))
    run.start.log.write(
        "eval",
        split="val",
        epoch=position.epoch,
        step=position.step,
        metrics=scored.named("val"),
        predictions=keep_predictions(run, scores_NVK),
        unreadable=scored.unreadable,
    )
    return scored


def close_epoch(run: Run, scored: Scored | None, *, seconds: float) -> None:
    """Judge the epoch, save the state, and tell."""
    position, log = run.start.position, run.start.log
    best = position.judge(scored.top1) if scored is not None else False
    epoch = position.epoch
    figures = run.sums.means(run.world.total(run.sums.sums_4.tolist()))
    if scored is not None:
        gaps = {"gap/top1": figures["train/top1"] - scored.top1, "gap/loss": scored.loss - figures["train/loss"]}
        figures |= gaps
    position.close_epoch()
    log.write("epoch", epoch=epoch, step=position.step, metrics=figures, seconds=seconds)
    log.write("system", metrics=system_metrics(run))
    tell_unreadable(run)
    save_state(run, best=best, needed=finished(run) is not None, epoch=epoch)
    if run.world.main:
        kept = {epoch, position.best_epoch or epoch}
        predictions.prune_predictions(run.start.run_dir, split="val", keep=kept)
    shown = figures | (scored.named("val") if scored else {})
    run.screen.epoch(epoch=epoch, epochs=run.start.config.train.epochs, metrics=shown, seconds=seconds)
