"""A matrix of classes on the screen: whole, or the block around a class; a cursor names the class that it stands on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.widget import Widget

from arctl.tui import keys, palette
from arctl.tui.keys import Key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Order = NDArray[np.intp]

MAP = (
    Key("j,down", "j ↓", "step(1)", "down", "to the next class", "class-down"),
    Key("k,up", "k ↑", "step(-1)", "up", "to the class before", "class-up"),
    Key("ctrl+d,pagedown", "ctrl+d", "step(10)", "10 down", "ten classes on", "classes-down"),
    Key("ctrl+u,pageup", "ctrl+u", "step(-10)", "10 up", "ten classes back", "classes-up"),
    Key("g,home", "g", "edge(0)", "first", "to the first class", "first-class"),
    Key("G,end", "G", "edge(-1)", "last", "to the last class", "last-class"),
    Key("plus,equals_sign", "+", "zoom(1)", "zoom", "fewer classes, larger", "zoom-in"),
    Key("minus", "-", "zoom(-1)", "zoom out", "more classes, smaller", "zoom-out"),
    Key("enter", "enter", "open", "clips", "what the class is taken for, with the clips", "open-class"),
)
"""Moving on a matrix."""

Drawer = Callable[..., str]
"""Draws classes: `drawer(order=..., width=..., height=...)` gives lines with colours."""


class ClassMap(Widget, can_focus=True):
    """Draws the classes of a block of an order."""

    KEYS = MAP
    BINDINGS = keys.bindings(MAP)
    DEFAULT_CSS = "ClassMap { height: 1fr; background: $background; }"

    class Moved(Message):
        """The cursor stands on another class."""

        def __init__(self, map: ClassMap, one: int) -> None:
            super().__init__()
            self.map = map
            self.one = one

    class Opened(Message):
        """A class was chosen with enter."""

        def __init__(self, map: ClassMap, one: int) -> None:
            super().__init__()
            self.map = map
            self.one = one

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw: Drawer | None = None
        self._order: Order | None = None
        self._place = 0
        self._first, self._count = 0, 0
        self._made: tuple[tuple[int, ...], Text] | None = None

    def show(self, draw: Drawer, order: Order, *, fresh: bool) -> None:
        """Draw other cells. The class under the cursor and the zoom stay, unless it is `fresh`, another matrix."""
        before = self.one
        self._draw, self._order, self._made = draw, order, None
        if fresh or before is None or before >= len(order):
            self._place, self._first, self._count = 0, 0, len(order)
        else:
            self._place = order.tolist().index(before)
            self._look_at()
        self.refresh()
        self._tell()

    @property
    def one(self) -> int | None:
        """The class under the cursor."""
        return None if self._order is None or not len(self._order) else int(self._order[self._place])

    @property
    def shown(self) -> tuple[int, int]:
        """How many classes are drawn, and how many there are."""
        return self._count, 0 if self._order is None else len(self._order)

    def zoom_to(self, one: int, first: int, last: int) -> None:
        """Draw the places [first, last) of the order, the cursor on a class in it."""
        if self._order is not None:
            self._first, self._count = first, last - first
            self._place = self._order.tolist().index(one)
            self._changed()

    def whole(self) -> bool:
        """Draw all classes again; False where that is so already."""
        if self._order is None or self._count == len(self._order):
            return False
        self._first, self._count = 0, len(self._order)
        self._changed()
        return True

    def action_step(self, by: int) -> None:
        """Move the cursor; a block moves along."""
        if self._order is not None:
            self._place = max(0, min(len(self._order) - 1, self._place + by))
            self._look_at()
            self._changed()

    def action_edge(self, end: int) -> None:
        """Move the cursor to an end."""
        if self._order is not None:
            self.action_step(len(self._order) if end else -len(self._order))

    def action_zoom(self, way: int) -> None:
        """Show half as many classes around the cursor, or twice as many."""
        if self._order is not None:
            count = self._count // 2 if way > 0 else self._count * 2
            self._count = max(min(4, len(self._order)), min(len(self._order), count))
            self._first = self._place - self._count // 2
            self._look_at()
            self._changed()

    def action_open(self) -> None:
        """Open the class under the cursor."""
        if self.one is not None:
            self.post_message(self.Opened(self, self.one))

    def _look_at(self) -> None:
        total = 0 if self._order is None else len(self._order)
        self._count = min(self._count, total)
        self._first = min(max(self._first, self._place - self._count + 1), self._place)
        self._first = max(0, min(self._first, total - self._count))

    def _changed(self) -> None:
        self.refresh()
        self._tell()

    def _tell(self) -> None:
        if self.one is not None:
            self.post_message(self.Moved(self, self.one))

    def render(self) -> Text:
        """Draw the block at the present size; the label of the cursor's class is reversed."""
        if self._draw is None or self._order is None or min(self.size) < 1:
            return Text()
        key = (*self.size, self._first, self._count)
        if self._made is None or self._made[0] != key:
            block = self._order[self._first : self._first + self._count]
            ansi = self._draw(order=block, width=self.size.width, height=self.size.height)
            self._made = (key, Text.from_ansi(ansi, no_wrap=True))
        return self._pointed(self._made[1])

    def _pointed(self, drawn: Text) -> Text:
        lines = drawn.split("\n", allow_blank=True)
        label = re.compile(rf"\s*{(self.one or 0) + 1} ")
        for line in lines[1:]:
            if match := label.match(line.plain):
                name = re.compile(r"\S+(?: \S+)*").match(line.plain, match.end())
                line.stylize(f"bold reverse {palette.ACCENT}", 0, name.end() if name else match.end())
                break
        return Text("\n").join(lines)
