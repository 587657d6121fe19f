"""One line of text that is typed into: the text and the place of the cursor. Pure: each key gives another one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from arctl.text import safe_part

LONGEST = 20_000
"""Most characters of a line."""

_WORD_BEFORE = re.compile(r"\S*\s*$")
_WORD_AFTER = re.compile(r"\s*\S*")


@dataclass(frozen=True)
class Line:
    """A line and its cursor."""

    text: str = ""
    """What is typed."""
    cursor: int = 0
    """Before which character the next one comes."""

    @property
    def before(self) -> str:
        """What stands before the cursor."""
        return self.text[: self.cursor]

    @property
    def after(self) -> str:
        """What stands behind it."""
        return self.text[self.cursor :]

    def insert(self, text: str) -> Line:
        """Put a text in, without what a terminal obeys; lines become one."""
        clean = safe_part(text.replace("\r\n", "\n").replace("\r", "\n"))
        clean = clean[: max(0, LONGEST - len(self.text))]
        return Line(self.before + clean + self.after, self.cursor + len(clean))

    def replace_before(self, text: str) -> Line:
        """Put another text before the cursor."""
        return Line(text + self.after, len(text))

    def press(self, key: str) -> Line | None:
        """Return the line after an editing key, as Textual names it; None for any other key."""
        moves = {"left": self.cursor - 1, "right": self.cursor + 1, "home": 0, "end": len(self.text)}
        moves |= {"ctrl+a": 0, "ctrl+left": self._word_before(), "ctrl+right": self._word_after()}
        if key in moves:
            return Line(self.text, max(0, min(moves[key], len(self.text))))
        cuts = {
            "backspace": (max(0, self.cursor - 1), self.cursor),
            "ctrl+h": (max(0, self.cursor - 1), self.cursor),
            "delete": (self.cursor, self.cursor + 1),
            "ctrl+d": (self.cursor, self.cursor + 1),
            "ctrl+w": (self._word_before(), self.cursor),
            "ctrl+u": (0, self.cursor),
            "ctrl+k": (self.cursor, len(self.text)),
        }
        if key not in cuts:
            return None
        start, end = cuts[key]
        return Line(self.text[:start] + self.text[end:], start)

    def window(self, cells: int) -> tuple[str, str, str]:
        """Return what is seen of a line in so many cells: before the cursor, under it, behind it."""
        under, rest = (self.after[:1] or " "), self.after[1:]
        room = max(1, cells - cell_len(under))
        start = self.before
        if cell_len(start) > room:
            start = start[-room:]
            while cell_len(start) > room:
                start = start[1:]
        left = room - cell_len(start)
        return start, under, (chop_cells(rest[: left + 1], left)[0] if rest and left > 0 else "")

    def _word_before(self) -> int:
        found = _WORD_BEFORE.search(self.before[-LONGEST:])
        return self.cursor - len(found[0]) if found else 0

    def _word_after(self) -> int:
        found = _WORD_AFTER.match(self.after)
        return self.cursor + len(found[0]) if found else len(self.text)
