"""What `arctl why` answers: a sentence, what it rests on, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from arctl.autopsy.diagnosis import Evidence, Remedy
from arctl.states import State


@dataclass(frozen=True)
class Answer:
    """Why a run is as it is."""

    run: str
    """`run12`."""
    state: State
    """Headline state."""
    cause: str
    """The kind of it, one word: a `Cause` of an ended run, a `Kind` of a waiting one, or `fine`, `late`, ..."""
    sentence: str
    """In plain words, no full stop."""
    evidence: tuple[Evidence, ...] = ()
    """What it rests on, the most telling first."""
    remedies: tuple[Remedy, ...] = ()
    """What to do, the best first; none where nothing is wrong."""
    notes: tuple[str, ...] = ()
    """What else is known, a line each."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """The same for scripts: place, expected start, seconds left."""

    def payload(self) -> Mapping[str, object]:
        """Return what `--json` prints."""
        return {
            "run": self.run,
            "state": str(self.state),
            "cause": str(self.cause),
            "sentence": self.sentence,
            "evidence": [{"source": one.source, "line": one.line, "text": one.text} for one in self.evidence],
            "remedies": [{"command": one.command, "why": one.why} for one in self.remedies],
            "notes": list(self.notes),
            "facts": dict(self.facts),
        }
