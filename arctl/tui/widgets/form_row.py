"""One field of the submission form as lines of text: its label, what is typed, what is wrong, what may be meant."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.widgets.form_completion import Candidate, Known, candidates, completed, hint
from arctl.tui.widgets.form_fields import FormField
from arctl.tui.widgets.form_line import Line

LABEL = 13
"""Cells before what is typed."""

_PROBLEM_LINES = 4


@dataclass(eq=False)
class Row:
    """A field, or one of the lines of overrides."""

    field: FormField
    """Which."""
    index: int = 0
    """Which of its lines."""
    line: Line = dataclasses.field(default_factory=Line)
    """What is typed."""
    usual: str = ""
    """What it stands for while it is empty."""
    problem: str = ""
    """What is wrong, safe to show."""
    gap: str = ""
    """What is missing yet."""
    locked: bool = False
    """Whether nobody may change it."""
    hidden: bool = False
    """Whether the form has no such field now."""
    found: list[Candidate] = dataclasses.field(default_factory=list)
    """What may be meant, while it is typed into."""
    at: int | None = None
    """Which of them enter takes."""

    @property
    def open(self) -> bool:
        """Whether it can be typed into."""
        return not (self.locked or self.hidden)

    @property
    def empty(self) -> bool:
        """Whether nothing is typed."""
        return not self.line.text.strip()

    def look(self, known: Known) -> None:
        """Look for what may be meant; what begins as the word does is marked."""
        before = self.line.before
        word = before.split(" ")[-1] if self.field.words else before
        self.found = candidates(self.field, before, known)
        starts = [place for place, one in enumerate(self.found) if word and one.word.startswith(word)]
        exact = any(one.word == word for one in self.found)
        self.at = starts[0] if starts and not exact else None

    def leave(self) -> None:
        """Offer nothing any more."""
        self.found, self.at = [], None

    def choose(self, by: int) -> None:
        """Mark the next candidate."""
        if self.found:
            self.at = 0 if self.at is None else (self.at + by) % len(self.found)

    def accept(self) -> bool:
        """Take the marked candidate; False where none is marked."""
        if self.at is None or not self.found:
            return False
        self.line = self.line.replace_before(completed(self.field, self.line.before, self.found[self.at].word))
        return True

    def head(self) -> Iterator[Text]:
        """Yield the heading of the section that begins here."""
        if self.field.section and not self.index:
            if self.field.name != "model":
                yield Text()
            yield Text(f" {self.field.section}", style=f"bold {palette.ACCENT}")

    def typed(self, width: int, *, here: bool) -> Text:
        """Return label and text; `here` with the cursor in it."""
        label = "" if self.index else self.field.label
        style = palette.FAINT if self.locked else palette.MUTED
        text = Text.assemble((f" {label}".ljust(LABEL), f"bold {palette.ACCENT}" if here else style))
        room = max(4, width - LABEL - 1)
        if here:
            before, under, after = self.line.window(room)
            text.append(before, palette.TEXT)
            text.append(under, f"reverse {palette.TEXT}")
            text.append(after, palette.TEXT)
            if not self.line.text and self.usual:
                text.append(f"({safe_line(self.usual, limit=200)})", palette.FAINT)
        elif self.line.text:
            text.append(self.line.text[:room], palette.MUTED if self.locked else palette.TEXT)
        elif self.usual:
            text.append(f"({safe_line(self.usual, limit=200)})", palette.FAINT)
        text.truncate(width)
        return text

    def below(self, width: int, known: Known, *, here: bool) -> Iterator[Text]:
        """Yield what is wrong or missing, and while it is typed into what it takes and what may be meant."""
        room = max(10, width - LABEL - 1)
        yield from (Text.assemble(" " * LABEL, line) for line in self._problem(room))
        if here:
            for line in self._offered(known):
                line.truncate(room, overflow="ellipsis")
                yield Text.assemble(" " * LABEL, line)

    def _problem(self, room: int) -> list[Text]:
        if self.problem:
            said, style = f"! {self.problem}", palette.BAD
        elif self.gap and self.empty:
            said, style = f"- {self.gap}", palette.WAIT
        else:
            return []
        return [Text(part, style=style) for part in _wrapped(said, room)[:_PROBLEM_LINES]]

    def _offered(self, known: Known) -> Iterator[Text]:
        yield Text(safe_line(hint(self.field, self.line.before, known)), style=palette.MUTED)
        wide = max((cell_len(one.word) for one in self.found), default=0)
        for place, one in enumerate(self.found):
            here = place == self.at
            word = safe_line(one.word)
            yield Text.assemble(
                (f"{'>' if here else ' '} {word}", f"bold {palette.ACCENT}" if here else palette.TEXT),
                " " * (wide - cell_len(word) + 2),
                (safe_line(one.meaning), palette.MUTED),
            )


def _wrapped(text: str, room: int) -> list[str]:
    """Break a text at blanks into lines of at most so many characters."""
    lines = [""]
    for word in text.split(" "):
        while len(word) > room:
            lines += [word[:room]] if lines[-1] else []
            lines[-1] = lines[-1] or word[:room]
            word = word[room:]
        if not lines[-1] or len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] = f"{lines[-1]} {word}".strip()
        else:
            lines.append(word)
    return lines
