"""Trains the three big models for some AMP steps on a GPU, resumes each halfway, and prints a table of what that took.

    python -m benchmarks.gpu_steps [--device cuda] [--steps 50] [--models r3d18,i3d_r50,videomae_b]

Clips are random and already on the device, so this measures the network alone: forward, backward, clipping, AdamW.
Needs torch and the model's library, nothing else of the project's dependencies. Ends with status 1 when a loss is not
finite or a resumed state differs from the saved one.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

CLASSES = 101
BATCHES = 4
WARMUP = 5
"""Steps after a start that are not timed: kernels are chosen and memory is allocated in them."""
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Case:
    """One model and the clips that it eats."""

    name: str
    """Its name in the catalog."""
    frames: int
    """Frames of a clip."""
    size: int
    """Side of a frame, pixels."""
    batch: int
    """Clips in a step."""
    channels_last: bool = True
    """Whether its convolutions run with channels innermost."""


CASES = (
    Case("r3d18", frames=16, size=112, batch=32),
    Case("i3d_r50", frames=8, size=224, batch=16),
    Case("videomae_b", frames=16, size=224, batch=16, channels_last=False),
)
SMALL = (
    Case("r3d18", frames=2, size=16, batch=2),
    Case("i3d_r50", frames=2, size=16, batch=2),
    Case("videomae_b", frames=4, size=32, batch=2, channels_last=False),
)
"""The same networks on clips that a CPU can take; VideoMAE in a narrow, shallow form."""


@dataclass(frozen=True)
class Result:
    """What one model did in one precision."""

    clips_per_s: float
    """Clips of a step by the median time of a step."""
    step_ms: float
    """Median time of a step, milliseconds."""
    memory_gib: float | None
    """Most memory that tensors took on the GPU; None without one."""
    losses: tuple[float, ...]
    """Of every step, in order."""
    skipped: int
    """Steps that the loss scaler left out."""
    faults: tuple[str, ...]
    """What was wrong; empty when all went well."""


class Trainee:
    """A model with its optimizer and scaler, which can be saved and made anew from what was saved."""

    def __init__(self, case: Case, *, precision: str, device: torch.device, small: bool) -> None:
        self.case, self.dtype, self.device = case, DTYPES[precision], device
        model = _model(case, small=small).to(device)
        if case.channels_last:
            model = model.to(memory_format=torch.channels_last_3d)
        self.model = model.train()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=device.type == "cuda")
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")

    def step(self, clips_BCTHW: Tensor, targets_B: Tensor) -> tuple[float, bool]:
        """One optimizer step; its loss, and whether the scaler skipped it."""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, dtype=self.dtype):
            loss = nn.functional.cross_entropy(self.model(clips_BCTHW), targets_B)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.item(), self.scaler.get_scale() < scale

    def state(self) -> dict[str, Any]:
        """Everything that a resume needs."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])


def measure(case: Case, *, precision: str, device: torch.device, steps: int, small: bool) -> Result:
    """Train `case` for `steps` steps, with a save and a resume into fresh objects after half of them."""
    torch.manual_seed(0)
    _reset_memory(device)
    shape = (case.batch, 3, case.frames, case.size, case.size)
    batches = [torch.randn(shape, device=device) for _ in range(BATCHES)]
    if case.channels_last:
        batches = [clips.contiguous(memory_format=torch.channels_last_3d) for clips in batches]
    targets = [torch.randint(0, CLASSES, (case.batch,), device=device) for _ in range(BATCHES)]

    def fresh() -> Trainee:
        return Trainee(case, precision=precision, device=device, small=small)

    trainee = fresh()
    losses, times, skipped, faults = [], [], 0, []
    half = steps // 2
    for step in range(steps):
        if step == half:
            trainee, differing = _resumed(trainee, fresh)
            faults += [f"{key} differs after the resume" for key in differing[:3]]
        started = time.perf_counter()
        loss, left_out = trainee.step(batches[step % BATCHES], targets[step % BATCHES])
        _wait(device)
        losses.append(loss)
        skipped += left_out
        if step % half >= min(WARMUP, half - 1):
            times.append(time.perf_counter() - started)
    if not all(torch.isfinite(torch.tensor(losses))):
        faults.append("a loss is not finite")
    median = statistics.median(times)
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    return Result(case.batch / median, median * 1000, memory, tuple(losses), skipped, tuple(faults))


def _resumed(trainee: Trainee, fresh: Callable[[], Trainee]) -> tuple[Trainee, list[str]]:
    """A new trainee with the old one's state, by way of a file's bytes, and which entries came out different."""
    file = io.BytesIO()
    torch.save(trainee.state(), file)
    file.seek(0)
    saved = torch.load(file, map_location="cpu", weights_only=True)
    again = fresh()
    again.load(saved)
    now = again.state()
    return again, [name for name in saved for name in _differences(saved[name], now[name], at=name)]


def _differences(left: Any, right: Any, *, at: str) -> list[str]:
    """Names of the leaves that differ between two nested states."""
    if isinstance(left, dict):
        if left.keys() != right.keys():
            return [at]
        return [name for key in left for name in _differences(left[key], right[key], at=f"{at}.{key}")]
    if isinstance(left, Tensor):
        return [] if torch.equal(left.cpu(), right.cpu()) else [at]
    return [] if left == right else [at]


def _model(case: Case, *, small: bool) -> nn.Module:
    from trainer.config import ModelConfig
    from trainer.models import untrained

    if small and case.name == "videomae_b":
        from trainer.models.videomae import VideoMAE

        sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
        return VideoMAE(classes=CLASSES, dropout=0.0, image_size=case.size, num_frames=case.frames, **sizes)
    return untrained(ModelConfig(name=case.name), classes=CLASSES)


def _reset_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _heading(device: torch.device) -> str:
    cuda = device.type == "cuda"
    hardware = torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine()
    parts = [hardware, f"torch {torch.__version__}", f"Python {platform.python_version()}"]
    if cuda:
        parts += [f"CUDA {torch.version.cuda}", f"cuDNN {torch.backends.cudnn.version()}"]
    return ", ".join(parts)


def _row(case: Case, precision: str, result: Result) -> str:
    memory = "-" if result.memory_gib is None else f"{result.memory_gib:.1f} GiB"
    cells = [
        case.name,
        f"{case.frames}x{case.size}x{case.size}",
        str(case.batch),
        precision,
        f"{result.clips_per_s:.1f}",
        f"{result.step_ms:.1f}",
        memory,
        f"{result.losses[0]:.3f} to {result.losses[-1]:.3f}",
        str(result.skipped),
        "; ".join(result.faults) or "equal, loss finite",
    ]
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> int:
    """Run the cases that the command line asks for; the exit status tells whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=50, help="optimizer steps, at least 2")
    parser.add_argument("--batch", type=int, help="clips in a step, instead of each model's own number")
    parser.add_argument("--models", default=",".join(case.name for case in CASES), help="names with commas")
    parser.add_argument("--precisions", default=",".join(DTYPES), help="bf16, fp16 or both with a comma")
    parser.add_argument("--small", action="store_true", help="small clips, for a machine without a GPU")
    options = parser.parse_args(arguments)
    if options.steps < 2:
        parser.error("--steps must be at least 2: the resume stands between two steps")
    device = torch.device(options.device)
    print(f"{_heading(device)}; {options.steps} steps each, resumed after {options.steps // 2}\n")
    print("| model | clips | batch | precision | clips/s | ms/step | peak memory | loss | skipped | resume |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    good = True
    for case in SMALL if options.small else CASES:
        if case.name not in options.models.split(","):
            continue
        if options.batch:
            case = Case(case.name, case.frames, case.size, options.batch, case.channels_last)
        for precision in options.precisions.split(","):
            result = measure(case, precision=precision, device=device, steps=options.steps, small=options.small)
            print(_row(case, precision, result), flush=True)
            good = good and not result.faults
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
