"""One optimizer step and one forward pass under autocast: the same code for fp32, fp16 and bf16."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.config import Config
from trainer.data.augment import eval_clips, train_clips
from trainer.distributed import World, bare
from trainer.errors import TrainerError
from trainer.metrics import EpochSums
from trainer.models import untrained

if TYPE_CHECKING:
    from trainer.data.loaders import Batch

MAX_SKIPPED_IN_A_ROW = 40
"""fp16 halves its scale at each skipped step; after so many the loss itself is not finite."""
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class StepResult:
    """What one step gave; the tensors are on the device, unread."""

    loss: Tensor
    """This process's part of the mean loss over all clips of the step: the sum over the processes is the mean."""
    grad_norm: Tensor
    """L2 norm of the whole gradient before clipping."""
    scale: float | None
    """Loss scale of the step; None but under fp16."""
    skipped: bool
    """Whether fp16 left the weights as they were."""


class Engine:
    """A model, its optimizer and its gradient scaler on one device."""

    def __init__(self, config: Config, *, classes: int, world: World) -> None:
        """Build everything; the random state of torch decides the weights."""
        self.config = config
        self.world = world
        self.model = world.wrap(_build_model(config, classes=classes, world=world))
        self.optimizer = _build_optimizer(config, self.model, fused=world.device.type == "cuda")
        fp16 = config.train.precision == "fp16"
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=fp16)
        self._skipped_in_a_row = 0

    def autocast(self) -> torch.autocast:
        """Return the context of a forward pass in the run's precision."""
        precision = self.config.train.precision
        return torch.autocast(self.world.device.type, dtype=DTYPES[precision], enabled=precision != "fp32")

    def step(self, group: Sequence[Batch], *, epoch: int, lr: float, count: float, sums: EpochSums) -> StepResult:
        """Change the weights once, by the mean gradient over the `count` clips of the group in all processes.

        Each clip weighs the same, however the group is cut into batches. Clips that could not be read do not count.
        """
        for options in self.optimizer.param_groups:
            options["lr"] = lr
        loss = torch.zeros((), device=self.world.device)
        for position, batch in enumerate(group):
            with self._synchronised(last=position == len(group) - 1):
                loss += self._backward(batch, epoch=epoch, count=count, sums=sums)
        self.scaler.unscale_(self.optimizer)
        grad_norm = self._clip()
        scale, skipped = self._update()
        self.optimizer.zero_grad(set_to_none=True)
        return StepResult(loss=loss, grad_norm=grad_norm, scale=scale, skipped=skipped)

    def logits(self, batch: Batch) -> Tensor:
        """Return the scores (B, K) of an evaluation batch, float32; NaN for a clip that could not be read."""
        clips_BCTHW = self._ordered(eval_clips(batch, self.config, device=self.world.device))
        with torch.inference_mode(), self.autocast():
            logits_BK: Tensor = bare(self.model)(clips_BCTHW).float()
            return logits_BK.masked_fill(~batch.readable_B.to(logits_BK.device)[:, None], float("nan"))

    def state(self) -> dict[str, Any]:
        """Return what a resume needs of the model, the optimizer and the scaler."""
        return {
            "model": bare(self.model).state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a saved state. Raises KeyError, ValueError or RuntimeError where it belongs to another model."""
        bare(self.model).load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])

    def _backward(self, batch: Batch, *, epoch: int, count: float, sums: EpochSums) -> Tensor:
        batch = readable_part(batch)
        clips_BCTHW = self._ordered(train_clips(batch, self.config, epoch=epoch, device=self.world.device))
        targets_B = batch.targets_B.to(self.world.device, non_blocking=True)
        weights_B = batch.readable_B.to(self.world.device, torch.float32, non_blocking=True)
        with self.autocast():
            logits_BK = self.model(clips_BCTHW)
        losses_B = functional.cross_entropy(
            logits_BK.float(), targets_B, reduction="none", label_smoothing=self.config.optim.label_smoothing
        )
        loss = (losses_B * weights_B).sum() / count
        self.scaler.scale(loss * self.world.size).backward()  # type: ignore[no-untyped-call]
        sums.add(logits_BK, targets_B, weights_B)
        return loss.detach()

    def _synchronised(self, *, last: bool) -> Any:
        return self.model.no_sync() if self.world.size > 1 and not last else contextlib.nullcontext()  # type: ignore[operator]

    def _ordered(self, clips_BCTHW: Tensor) -> Tensor:
        if self.config.train.channels_last and self.world.device.type == "cuda":
            return clips_BCTHW.contiguous(memory_format=torch.channels_last_3d)
        return clips_BCTHW

    def _clip(self) -> Tensor:
        with_gradient = [p for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in with_gradient if p.grad is not None])
        if self.config.optim.clip_grad is not None:
            torch.nn.utils.clip_grads_with_norm_(with_gradient, self.config.optim.clip_grad, norm)
        return norm

    def _update(self) -> tuple[float | None, bool]:
        if not self.scaler.is_enabled():
            self.optimizer.step()
            return None, False
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        skipped = self.scaler.get_scale() < scale
        self._skipped_in_a_row = self._skipped_in_a_row + 1 if skipped else 0
        if self._skipped_in_a_row > MAX_SKIPPED_IN_A_ROW:
            raise TrainerError(
                f"{self._skipped_in_a_row} steps in a row gave no finite gradient under fp16",
                where="loss",
                cure="lower optim.lr, set optim.clip_grad=1.0, or train.precision=bf16",
            )
        return scale, skipped


def readable_part(batch: Batch) -> Batch:
    """Return the clips of a batch that could be read; the whole batch, to be weighted 0, where none could."""
    if bool(batch.readable_B.all()) or not bool(batch.readable_B.any()):
        return batch
    return dataclasses.replace(
        batch,
        frames_BTHWC=batch.frames_BTHWC[batch.readable_B],
        targets_B=batch.targets_B[batch.readable_B],
        indices_B=batch.indices_B[batch.readable_B],
        readable_B=batch.readable_B[batch.readable_B],
    )


def _build_model(config: Config, *, classes: int, world: World) -> nn.Module:
    model = untrained(config.model, classes=classes).to(world.device)
    if config.train.channels_last and world.device.type == "cuda":
        orders = {4: torch.channels_last, 5: torch.channels_last_3d}
        for weight in model.parameters():
            if weight.dim() in orders:
                weight.data = weight.data.contiguous(memory_format=orders[weight.dim()])
    return model


def _build_optimizer(config: Config, model: nn.Module, *, fused: bool) -> torch.optim.Optimizer:
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in trained if weight.dim() > 1], "weight_decay": config.optim.weight_decay},
        {"params": [weight for weight in trained if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    optim = config.optim
    if optim.name == "sgd":
        return torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum, nesterov=optim.momentum > 0, fused=fused)
    return torch.optim.AdamW(groups, lr=optim.lr, betas=(optim.momentum, 0.999), fused=fused)
