"""How busy the GPU is, as the driver counts it: asked seldom, and never a reason for a run to fail."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

SECONDS = 10.0
"""The driver is asked at most so often."""


class GpuUse:
    """Asks the driver for the share of the last moments in which a GPU computed; of a CPU, nothing."""

    def __init__(
        self, device: torch.device, *, seconds: float = SECONDS, ask: Callable[[torch.device], float] | None = None
    ) -> None:
        """`ask` returns percent; by default torch does, which needs the package nvidia-ml-py."""
        self._device, self._seconds = device, seconds
        self._ask = ask or torch.cuda.utilization
        self._next = time.monotonic() if ask or device.type == "cuda" else float("inf")

    def metrics(self) -> dict[str, float]:
        """Return `perf/gpu_util`, 0 to 1, where it is time to ask and the driver answers."""
        now = time.monotonic()
        if now < self._next:
            return {}
        self._next = now + self._seconds
        try:
            return {"perf/gpu_util": min(1.0, max(0.0, self._ask(self._device) / 100))}
        except Exception:
            # No package, no right, a driver that cannot say: whatever it is, it will be so the next time as well.
            self._next = float("inf")
            return {}
