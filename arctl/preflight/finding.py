"""What a check has to say before something is done: an error that stops it, a warning, a note."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]
"""error: it would fail or never start; warning: it may not end as meant; note: good to know."""

_ORDER: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that a check found."""

    level: Level
    """How grave it is."""
    what: str
    """What is so, in one sentence."""
    where: str | None = None
    """The option, key or file that it is about."""
    cure: str | None = None
    """What to do about it."""

    def __str__(self) -> str:
        """One line: `where: what (cure)`."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} ({self.cure})" if self.cure else line

    def facts(self) -> dict[str, str | None]:
        """Return what `--json` prints."""
        return {"level": self.level, "what": self.what, "where": self.where, "cure": self.cure}


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings without repetitions: errors, then warnings, then notes, each in the order of finding."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: _ORDER.index(finding.level)))
