"""What the outside hands to a run. Without torch, so that a run can be refused before torch is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainer.attempt import Claim
from trainer.config import Config
from trainer.events import EventLog, NoEvents
from trainer.position import Position
from trainer.signals import StopFlag


@dataclass(frozen=True)
class Start:
    """What the outside gives a run: where it writes, and who may stop it."""

    run_dir: Path
    """The run directory."""
    config: Config
    """What to do."""
    claim: Claim | None
    """The attempt; None in the processes that do not write."""
    log: EventLog | NoEvents
    """Where the events go."""
    stop: StopFlag
    """Set by a signal."""
    superseded: Callable[[], bool]
    """Whether a newer attempt has taken the run directory over."""
    position: Position
    """Where the run is; it moves."""
