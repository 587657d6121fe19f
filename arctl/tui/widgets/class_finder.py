"""The line in which a class is looked for by name or number; what comes into question stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from arctl.text import safe_line
from arctl.tui import palette

_SHOWN = 12


class ClassFinder(Horizontal):
    """Hidden until it is opened; enter takes the class that is marked, up and down mark another, esc leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", show=False),
        Binding("down,ctrl+n,tab", "choose(1)", "next", show=False, priority=True),
        Binding("up", "choose(-1)", "previous", show=False),
    ]
    DEFAULT_CSS = """
    ClassFinder { display: none; height: 1; background: $panel; }
    ClassFinder Input { width: 24; height: 1; background: $panel; }
    ClassFinder Static { width: 1fr; height: 1; }
    """

    class Found(Message):
        """A class was chosen."""

        def __init__(self, one: int) -> None:
            super().__init__()
            self.one = one

    class Left(Message):
        """The user went back."""

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self._hits: list[int] = []
        self._place = 0
        self._input = Input(placeholder="class: name or number", compact=True)
        self._input.can_focus = False  # nobody tabs into a line that is hidden
        self._near = Static(markup=False)

    def compose(self) -> ComposeResult:
        """What is typed, and what it may mean."""
        yield self._input
        yield self._near

    def open(self, classes: Sequence[str]) -> None:
        """Show it and type into it."""
        self._names = classes
        self.display = self._input.can_focus = True
        self._input.value = ""
        self._look("")
        self._input.focus()

    def action_leave(self) -> None:
        """Go back."""
        self._close()
        self.post_message(self.Left())

    def action_choose(self, by: int) -> None:
        """Mark another candidate."""
        if self._hits:
            self._place = (self._place + by) % len(self._hits)
            self._draw()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._look(event.value)

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        event.stop()
        if self._hits:
            self._close()
            self.post_message(self.Found(self._hits[self._place]))

    def _close(self) -> None:
        self.display = self._input.can_focus = False

    def _look(self, word: str) -> None:
        self._hits, self._place = matches(self._names, word), 0
        self._draw()

    def _draw(self) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        first = max(0, self._place - 2)
        for place, one in enumerate(self._hits[first : first + _SHOWN], start=first):
            style = f"bold reverse {palette.ACCENT}" if place == self._place else palette.MUTED
            text.append(f" {one + 1} {safe_line(self._names[one], limit=40)} ", style)
        if not self._hits:
            text.append(f" no such class among {len(self._names)}", palette.WAIT)
        elif len(self._hits) > first + _SHOWN:
            text.append(f" +{len(self._hits) - first - _SHOWN}", palette.MUTED)
        self._near.update(text)


def matches(classes: Sequence[str], word: str) -> list[int]:
    """Return the classes that a word may mean: of that number or name first, then what begins with it or holds it."""
    low = word.strip().casefold()
    if not low:
        return list(range(len(classes)))
    ranks: list[tuple[int, int]] = []
    number = int(low) - 1 if low.isascii() and low.isdigit() and len(low) < 10 else -1
    for one, name in enumerate(classes):
        folded = name.casefold()
        if folded == low or one == number:
            ranks.append((0, one))
        elif low in folded:
            ranks.append((1 if folded.startswith(low) else 2, one))
    return [one for _, one in sorted(ranks)]
