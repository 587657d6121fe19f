"""The keys that work here, from the tables that bind them: those of what has the focus first, then the view's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from arctl.tui import palette
from arctl.tui.keys import Key
from arctl.tui.widgets.text_page import wrapped

Groups = Sequence[tuple[str, tuple[Key, ...]]]
"""Title and keys of each section."""

TWO_COLUMNS = 120
"""Width of the screen from which on the sections stand in two columns."""

_NARROW, _WIDE = 76, 148


class HelpScreen(ModalScreen[None]):
    """The keys; closed by esc, q or `?`, searched with `/`."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen #keys {
        width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; background: $surface;
        border: round $primary; border-title-color: $primary; border-subtitle-color: $muted;
    }
    HelpScreen.-two #keys { width: 148; }
    HelpScreen #find { dock: top; height: 1; background: $panel; display: none; }
    HelpScreen #find:focus { background: $panel; }
    HelpScreen Horizontal, HelpScreen Static { height: auto; }
    HelpScreen Static { width: 1fr; }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "close", show=False),
        Binding("q,question_mark,enter,f1", "close", "close", show=False),
        Binding("slash", "find", "find", show=False),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("ctrl+d,space,pagedown", "scroll(10)", "half down", show=False),
        Binding("ctrl+u,pageup", "scroll(-10)", "half up", show=False),
        Binding("g,home", "scroll(-10000)", "top", show=False),
        Binding("G,end", "scroll(10000)", "bottom", show=False),
    ]

    def __init__(self, groups: Groups) -> None:
        super().__init__()
        self._groups = _merged(groups)
        self._left, self._right = Static(markup=False), Static(markup=False)
        self._input = Input(placeholder="find a key or what it does", id="find", compact=True)

    def compose(self) -> ComposeResult:
        """One page that scrolls where it is longer than the screen."""
        box = VerticalScroll(id="keys", can_focus=False)
        box.border_title = "keys"
        box.border_subtitle = "j k scroll, / finds, esc closes"
        with box:
            yield self._input
            with Horizontal():
                yield self._left
                yield self._right
            yield Static(
                Text("Hold shift (or option) to select text with the mouse.", style=palette.MUTED), markup=False
            )

    def on_mount(self) -> None:
        """Fill the page."""
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Use one column or two."""
        self._draw()

    def _draw(self) -> None:
        two = self.app.size.width >= TWO_COLUMNS
        self.set_class(two, "-two")
        self._right.display = two
        width = max(30, (min(_WIDE, self.app.size.width) // 2 if two else min(_NARROW, self.app.size.width)) - 5)
        lines = help_lines(found(self._groups, self._input.value), width)
        cut = -(-len(lines) // 2) if two and len(lines) > self.app.size.height - 4 else len(lines)
        self._left.update(Text("\n").join(lines[:cut]) if lines else Text("no key does that: esc shows all"))
        self._right.update(Text("\n").join(lines[cut:]))

    def action_find(self) -> None:
        """Type what is looked for."""
        self._input.display = True
        self._input.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._draw()

    @on(Input.Submitted)
    def _typed_out(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_focus(None)

    def action_leave(self) -> None:
        """Drop the search, then close."""
        if self._input.display:
            self._input.value, self._input.display = "", False
            self.set_focus(None)
        else:
            self.dismiss(None)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll some lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def help_lines(groups: Groups, width: int) -> list[Text]:
    """Return keys with their meanings, by section, in lines of a width."""
    lines: list[Text] = []
    for title, group in groups:
        lines.append(Text(title, style=f"bold {palette.SECOND}"))
        for key in group:
            label = "  " + key.shown + " " * max(2, 11 - cell_len(key.shown))
            lines += wrapped(Text.assemble((label, f"bold {palette.ACCENT}"), (key.meaning, palette.TEXT)), width)
        lines.append(Text())
    return lines


def found(groups: Groups, word: str) -> list[tuple[str, tuple[Key, ...]]]:
    """Return the keys that are meant by a word, or by all of several."""
    words = word.casefold().split()
    chosen = [
        (title, tuple(key for key in group if all(part in _said(title, key) for part in words)))
        for title, group in groups
    ]
    return [(title, group) for title, group in chosen if group]


def _said(title: str, key: Key) -> str:
    return f"{title} {key.shown} {key.id} {key.word} {key.meaning}".casefold()


def _merged(groups: Groups) -> list[tuple[str, tuple[Key, ...]]]:
    """Return sections with each key once, in the section that comes first: there it works."""
    taken: set[str] = set()
    merged: list[tuple[str, tuple[Key, ...]]] = []
    for title, group in groups:
        left = tuple(key for key in group if not set(key.keys.split(",")) <= taken)
        taken |= {name for key in left for name in key.keys.split(",")}
        if left:
            merged.append((title, left))
    return merged
