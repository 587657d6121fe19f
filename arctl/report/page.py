"""What a report holds, whatever it is written as: sections of sentences, tables, figures and code.

Texts are as they came: who writes them down (`html`, `markdown`) takes out what must not reach a reader's screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """One paragraph."""

    text: str
    """The sentence."""
    kind: str = ""
    """`answer` for what a reader came for, `warning`, `note` for doubts, `small` for how numbers came about."""


@dataclass(frozen=True)
class Cell:
    """A value in a table."""

    text: str
    """As people read it."""
    tone: str = ""
    """`best`, `better`, `worse`, or `weak` for what is too little to tell anything."""


@dataclass(frozen=True)
class Head:
    """A column of a table."""

    title: str
    """What stands above it."""
    right: bool = False
    """True for numbers."""


Row = Sequence[str | Cell]


@dataclass(frozen=True)
class Table:
    """Rows whose first cell names them."""

    caption: str
    """What the table is of."""
    heads: tuple[Head, ...]
    """Its columns."""
    rows: tuple[Row, ...]
    """As many cells in each as there are columns."""
    protocol: tuple[str, ...] = ()
    """How its numbers came about, one line each."""


@dataclass(frozen=True)
class Drawing:
    """A figure, drawn when it is asked for: not everybody wants one."""

    draw: Callable[[], str]
    """Gives an `<svg>` element."""
    alt: str
    """What it shows, for those who do not see it."""
    caption: str
    """What stands below it."""
    protocol: tuple[str, ...] = ()
    """How its numbers came about, one line each."""


@dataclass(frozen=True)
class Code:
    """Lines as they are."""

    caption: str
    """What they are."""
    lines: tuple[str, ...]
    """Without line ends."""


Block = Text | Table | Drawing | Code


@dataclass(frozen=True)
class Section:
    """One part of a report."""

    title: str
    """Its heading."""
    blocks: tuple[Block, ...]
    """In the order of reading."""


@dataclass(frozen=True)
class Report:
    """All of it."""

    title: str
    """`run12 against run15`."""
    subtitle: str
    """When and from what it was made."""
    warning: str
    """In what runs were evaluated differently, `unlike views`; empty where they were not."""
    sections: tuple[Section, ...]
    """In the order of reading; those without a block are left out."""

    @property
    def banner(self) -> str:
        """The warning as a sentence; empty without one."""
        said = "these runs were evaluated in unlike ways, and their numbers say little of each other"
        return f"{self.warning}: {said}" if self.warning else ""

    def warned(self, text: str) -> str:
        """Return a sentence or a caption with the warning before it, where there is one."""
        return f"[{self.warning}] {text}" if self.warning else text
