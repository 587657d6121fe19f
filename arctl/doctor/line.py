"""What a check says: one line, with its cure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How something stands."""

    OK = "ok"
    """As it should be."""
    WARN = "warn"
    """It works, and will hurt some day."""
    FAIL = "fail"
    """It does not work."""
    UNKNOWN = "unknown"
    """Nobody answered, or nobody can know from here."""


@dataclass(frozen=True)
class Line:
    """One finding of one check."""

    check: str
    """The check that it belongs to: `storage`."""
    status: Status
    """How it stands."""
    name: str
    """What was looked at: `locks`."""
    said: str
    """What was found, one sentence."""
    cure: str | None = None
    """What to do about it; None where there is nothing to do."""
