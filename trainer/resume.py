"""What a checkpoint of a run holds, and how a run takes it up again, in the middle of an epoch too.

The order of the clips and their augmentation are functions of (seed, epoch, index), so the place in the epoch is all
that has to be remembered of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch

from trainer.config import SECTIONS, Config, to_dict
from trainer.distributed import World
from trainer.engine import Engine
from trainer.errors import DataError
from trainer.metrics import EpochSums
from trainer.position import Position
from trainer.schedule import Schedule

MAY_CHANGE = frozenset(
    [
        "model.weights",
        "data.name",
        "data.root",
        "data.workers",
        "data.eval_batch_size",
        "data.cache",
        "data.cache_dir",
        "data.limit_val",
        "train.epochs",
        "train.max_steps",
        "train.patience",
        "train.device",
        "train.deterministic",
        "train.log_every",
        "train.eval_every",
        "train.channels_last",
        "train.checkpoint_minutes",
    ]
)
"""Settings that a resumed run may have changed."""
RESTART_EPOCH = frozenset(("data.batch_size", "data.limit_train", "optim.accumulate"))
"""Settings whose change sends a resumed run back to the start of its epoch."""


def snapshot(
    engine: Engine, position: Position, sums: EpochSums, *, schedule: Schedule, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the state of the run as tensors and plain types. All processes must call it together."""
    world = engine.world
    return {
        "contract": 1,
        **engine.state(),
        "schedule": {
            "lr": schedule.lr,
            "min_lr": schedule.min_lr,
            "warmup": schedule.warmup,
            "epochs": schedule.epochs,
        },
        "random": world.gather(_random_states(world)),
        "position": position.as_dict(),
        "epoch_sums": world.total(sums.sums_4.tolist()),
        "world": world.size,
        "classes": list(classes),
        "config": to_dict(engine.config),
    }


def restore(
    state: dict[str, Any], engine: Engine, position: Position, sums: EpochSums, *, classes: Sequence[str], where: str
) -> str | None:
    """Take a saved state up; return what could not be kept exactly, None where all could.

    Raises DataError where it belongs to another model, data set or recipe; the message names the keys that differ.
    """
    changed = _changed_keys(state.get("config", {}), to_dict(engine.config))
    fixed = sorted(changed - MAY_CHANGE - RESTART_EPOCH)
    if fixed:
        raise _mismatch(f"was made with another {', '.join(fixed)}", where)
    if state.get("classes") != list(classes):
        raise _mismatch(f"was made with other classes ({len(state.get('classes', []))}, now {len(classes)})", where)
    world = engine.world
    try:
        engine.restore(state)
        position.restore(state["position"])
        same_world = state["world"] == world.size
        if same_world:
            _set_random_states(state["random"][world.rank], world)
        if world.main:
            sums.sums_4.copy_(torch.tensor(state["epoch_sums"], dtype=torch.float64))
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise _mismatch(f"does not fit: {str(error).splitlines()[0]}", where) from None
    reasons = sorted(changed & RESTART_EPOCH) + ([] if same_world else ["number of processes"])
    if not reasons or not position.step_in_epoch or position.trained:
        return None
    position.step_in_epoch = 0
    sums.sums_4.zero_()
    return f"{', '.join(reasons)} changed: epoch {position.epoch} starts again from its first clip"


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """Return `section.key` -> value."""
    return {f"{name}.{key}": value for name in SECTIONS for key, value in config.get(name, {}).items()}


def seed_everything(config: Config) -> None:
    """Make the random states those of `train.seed`; on a GPU, ask for operations that repeat where it has them."""
    random.seed(config.train.seed)
    torch.manual_seed(config.train.seed)
    if config.train.deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
    else:
        torch.backends.cudnn.benchmark = True


def seed_step(config: Config, *, step: int, rank: int) -> None:
    """Make what a step draws (dropout) a function of seed, step and rank, whatever drew before it: loaders do."""
    torch.manual_seed(((config.train.seed * 1_000_003 + step) * 8191 + rank) % 2**63)


def _changed_keys(before: dict[str, Any], now: dict[str, Any]) -> set[str]:
    old, new = flat(before), flat(now)
    return {key for key in new if key in old and old[key] != new[key]}


def _mismatch(what: str, where: str) -> DataError:
    return DataError(
        f"the checkpoint {what}", where=where, cure="restore config.yaml, or remove checkpoints/ to begin anew"
    )


def _random_states(world: World) -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state(world.device) if world.device.type == "cuda" else None
    return {"torch": torch.get_rng_state(), "cuda": cuda, "python": random.getstate()}


def _set_random_states(states: dict[str, Any], world: World) -> None:
    torch.set_rng_state(states["torch"])
    random.setstate(states["python"])
    if states["cuda"] is not None and world.device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], world.device)
