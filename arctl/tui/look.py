"""How this terminal is drawn to: decided once at the start, given to every view and widget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """What the terminal can show and what the user may do."""

    ascii: bool = False
    """Draw with ASCII only: the locale does not speak UTF-8."""
    colour: bool = True
    """False where NO_COLOR is set."""
    readonly: bool = False
    """Refuse everything that changes runs, jobs or settings."""
