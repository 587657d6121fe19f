"""A signal only sets a flag; the loop looks at it between two steps, where the state is whole and can be saved.

SIGUSR2 and not SIGUSR1, because NCCL catches SIGUSR1. A forked data worker that inherits the handlers ignores them: its
parent still needs it, and tells it when to end.
"""

from __future__ import annotations

import os
import signal
import time
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.errors import Interrupted


class StopFlag:
    """Says whether a signal has asked the process to save and stop."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Name of the signal that asked last; None where none has."""
        self.warned = False
        """Whether SIGUSR2 has come: the job's time is nearly up, or it is preempted."""
        self.told = False
        """Whether SIGTERM has come: SIGKILL will follow."""
        self.parting: Interrupted | None = None
        """What the process ends with, where its end record is written already."""
        self._pid = os.getpid()

    def install(self) -> None:
        """Listen to SIGUSR2, SIGTERM and SIGINT; a second SIGINT interrupts at once."""
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def done(self) -> None:
        """Take no more notice of SIGUSR2: Python's own end would fall back to dying of it."""
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    def __bool__(self) -> bool:
        """Say whether to stop."""
        return self.reason is not None

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            return
        if number == signal.SIGINT and self.reason is not None:
            raise KeyboardInterrupt
        self.reason = signal.Signals(number).name
        self.warned |= number == signal.SIGUSR2
        self.told |= number == signal.SIGTERM
        signal.signal(signal.SIGCHLD, _ignore)  # torch's handler raises between any two instructions


def were_stopped(stop: StopFlag) -> bool:
    """Say whether loader processes that failed just now were ended by the signal that `stop` has got or is to get."""
    time.sleep(0.2)
    return bool(stop)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Take no notice: a signal to the whole job ends the loader processes too."""
