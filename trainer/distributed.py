"""The processes of one run: who this one is, and the few things that they tell each other.

torchrun says who is who (RANK, WORLD_SIZE, LOCAL_RANK). Tensors on a GPU go over NCCL, the small agreements over Gloo,
so that agreeing on a signal never waits for a GPU.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainer.config import TrainConfig
from trainer.errors import ConfigError

TIMEOUT = datetime.timedelta(minutes=60)
"""How long a process waits for the others."""


@dataclass(frozen=True)
class World:
    """This process among those of the run."""

    rank: int
    """0 is the one that writes."""
    size: int
    """Number of processes."""
    device: torch.device
    """Where this process computes."""

    @property
    def main(self) -> bool:
        """Whether this process writes the run directory."""
        return self.rank == 0

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the element-wise sum of `values` over all processes."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return [float(value) for value in sums.tolist()]

    def gather(self, value: Any) -> list[Any]:
        """Return every process's `value` (any picklable one), in the order of their ranks, to every process."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the model, its gradients averaged over the processes where there are several."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, device_ids=[self.device] if self.device.type == "cuda" else None)


@contextlib.contextmanager
def open_world(config: TrainConfig, *, env: Mapping[str, str]) -> Iterator[World]:
    """Join the other processes of the run, as torchrun's environment names them; alone without one.

    Raises ConfigError where the device is not there.
    """
    rank, size = int(env.get("RANK", 0)), int(env.get("WORLD_SIZE", 1))
    device = choose_device(config, local_rank=int(env.get("LOCAL_RANK", 0)))
    if size == 1:
        yield World(rank=0, size=1, device=device)
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield World(rank=rank, size=size, device=device)
    finally:
        dist.destroy_process_group()


def choose_device(config: TrainConfig, *, local_rank: int) -> torch.device:
    """Return the device of a process. Raises ConfigError where `train.device` or the precision cannot be had."""
    wanted = config.device
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise ConfigError(
            f"train.device is cuda, but this is process {local_rank + 1} on a machine with {count} usable GPUs",
            where=os.uname().nodename,
            cure="ask for a GPU for each process (--gpus), or set train.device=cpu",
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    if config.precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        name = torch.cuda.get_device_name(device)
        raise ConfigError("train.precision is bf16, which it cannot do", where=name, cure="set train.precision=fp16")
    return device


def bare(model: nn.Module) -> nn.Module:
    """Return the model inside a wrapped one."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def gather_rows(world: World, rows: Tensor) -> list[Tensor]:
    """Return every process's rows (N_rank, ...) on the CPU, to every process; N differs between them."""
    if world.size == 1:
        return [rows]
    counts = [int(count) for count in world.gather(len(rows))]
    padded = rows.new_zeros((max(counts), *rows.shape[1:]))
    padded[: len(rows)] = rows
    found = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(found, padded)
    return [part[:count] for part, count in zip(found, counts, strict=True)]
