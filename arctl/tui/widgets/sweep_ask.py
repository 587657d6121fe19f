"""The question before a sweep is steered: how many, which runs, the command that does the same. The answer is No."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from arctl.text import safe_line, safe_part
from arctl.tui import palette
from arctl.tui.wants import Deed

MOST_LINES = 12
"""Runs that are named one by one."""


@dataclass(frozen=True)
class Proposal:
    """What would be done."""

    question: str
    """`cancel the 3 worst of 8 under way?`"""
    lines: tuple[str, ...]
    """The runs, a line each."""
    deed: Deed
    """What is done after a yes."""
    yes: str
    """What the yes stands for: `cancel them`."""


@dataclass(frozen=True)
class Range:
    """How many there can be."""

    least: int
    """At least."""
    most: int
    """At most."""
    half: int | None = None
    """What `h` asks for; None where that means nothing."""


class SteerAsk(ModalScreen[Deed | None]):
    """Asks; dismissed with a deed only by `y`."""

    DEFAULT_CSS = """
    SteerAsk { align: center middle; background: $background 60%; }
    SteerAsk #box { width: 76; max-width: 96%; height: auto; max-height: 100%; padding: 1 2; background: $surface;
        border: round $error; }
    SteerAsk Static { height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "yes", show=False),
        Binding("n,q,escape,enter,space,x", "no", "no", show=False),
        Binding("plus,equals_sign,up,k", "change(1)", "one more", show=False),
        Binding("minus,down,j", "change(-1)", "one fewer", show=False),
        Binding("h", "half", "half of them", show=False),
    ]

    def __init__(self, propose: Callable[[int], Proposal], count: int = 0, among: Range | None = None) -> None:
        super().__init__()
        self._propose = propose
        self._count = count
        self._range = among
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        """A box in the middle."""
        with Vertical(id="box"):
            yield self._text

    def on_mount(self) -> None:
        """Ask."""
        self._draw()

    def on_resize(self) -> None:
        """Name as many runs as there is room for."""
        self._draw()

    def _draw(self) -> None:
        one = self._propose(self._count)
        room = max(1, min(MOST_LINES, self.app.size.height - 12))
        shown = one.lines if len(one.lines) <= room else one.lines[: room - 1]
        text = Text.assemble((safe_line(one.question), f"bold {palette.TEXT}"), "\n")
        for line in shown:
            text.append(f"\n{safe_part(line)[:200]}", palette.TEXT)
        if len(shown) < len(one.lines):
            text.append(f"\nand {len(one.lines) - len(shown)} more", palette.MUTED)
        text.append("\n\nsame as ", palette.MUTED)
        text.append(safe_line(one.deed.command(), limit=400), palette.SECOND)
        if self._range is not None and self._range.least < self._range.most:
            text.append("\n + ", f"bold {palette.ACCENT}").append("one more  ", palette.MUTED)
            text.append(" - ", f"bold {palette.ACCENT}").append("one fewer", palette.MUTED)
            if self._range.half is not None:
                text.append("   h ", f"bold {palette.ACCENT}").append("half of them", palette.MUTED)
        text.append("\n\n")
        text.append(" No ", f"bold reverse {palette.ACCENT}").append("  enter, n or esc        ", palette.MUTED)
        text.append(" y ", f"bold {palette.BAD}").append(f"yes, {one.yes}", palette.MUTED)
        self._text.update(text)

    def action_change(self, by: int) -> None:
        """One more or one fewer."""
        if self._range is not None:
            self._count = max(self._range.least, min(self._range.most, self._count + by))
            self._draw()

    def action_half(self) -> None:
        """Half of them."""
        if self._range is not None and self._range.half is not None:
            self._count = max(self._range.least, self._range.half)
            self._draw()

    def action_yes(self) -> None:
        """Do it."""
        self.dismiss(self._propose(self._count).deed)

    def action_no(self) -> None:
        """Do nothing."""
        self.dismiss(None)
