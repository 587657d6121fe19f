"""What a person sees while a run goes on: a bar that redraws itself on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TextIO

BAR = 24
"""Width of the bar, columns."""
REDRAW_SECONDS = 0.2
LINE_SECONDS = 30.0
"""Without a terminal: time between two lines inside an epoch."""


class Screen:
    """Narrates on stderr; the figures themselves are in the events."""

    def __init__(self, stream: TextIO | None = None, *, silent: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._silent = silent
        self._terminal = self._stream.isatty()
        self._drawn = 0
        self._next = time.monotonic() + (0.0 if self._terminal else LINE_SECONDS)

    def say(self, text: str) -> None:
        """Print a line, below whatever the bar shows."""
        if not self._silent:
            self._clear()
            print(text, file=self._stream, flush=True)

    def step(self, *, epoch: int, epochs: int, done: int, steps: int, metrics: Mapping[str, float]) -> None:
        """Show how far an epoch is; at most five times a second, or a line each half minute without a terminal."""
        now = time.monotonic()
        if self._silent or now < self._next:
            return
        self._next = now + (REDRAW_SECONDS if self._terminal else LINE_SECONDS)
        figures = (
            f"loss {metrics['step/loss']:.4f}  {metrics['perf/clips_per_s']:.1f} clips/s  "
            f"waits {metrics['perf/data_wait']:.0%}"
            if metrics
            else ""
        )
        if not self._terminal:
            self.say(f"epoch {epoch}/{epochs}  step {done}/{steps}  {figures}".rstrip())
            return
        filled = BAR * done // max(1, steps)
        text = f"epoch {epoch}/{epochs} [{'#' * filled}{'.' * (BAR - filled)}] {done}/{steps}  {figures}"
        self._stream.write(f"\r{text:<{self._drawn}}")
        self._stream.flush()
        self._drawn = len(text)

    def epoch(self, *, epoch: int, epochs: int, metrics: Mapping[str, float], seconds: float) -> None:
        """Print the line of a finished epoch."""
        parts = [
            f"{split} loss {metrics[f'{split}/loss']:.4f} top-1 {metrics[f'{split}/top1']:.1%}"
            for split in ("train", "val")
            if f"{split}/loss" in metrics
        ]
        self.say(f"epoch {epoch}/{epochs}  {'  '.join(parts)}  {seconds:.1f} s")

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._drawn = 0
