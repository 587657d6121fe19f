"""A list of names of which some are chosen: columns, metrics. Space chooses, J and K move, enter applies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from arctl.text import safe_line
from arctl.tui import palette


class Choose(ModalScreen[list[str] | None]):
    """Dismissed with the chosen names in order; None where nothing is to change."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "leave", show=False),
        Binding("enter", "apply", "apply", show=False),
        Binding("space", "pick", "choose", show=False),
        Binding("j,down", "step(1)", "down", show=False),
        Binding("k,up", "step(-1)", "up", show=False),
        Binding("J,shift+down", "move(1)", "move down", show=False),
        Binding("K,shift+up", "move(-1)", "move up", show=False),
        Binding("a,plus", "add", "add", show=False),
    ]

    def __init__(
        self,
        title: str,
        names: Sequence[str],
        chosen: Sequence[str],
        *,
        more: str = "",
        known: Callable[[str], bool] = lambda name: True,
    ) -> None:
        super().__init__()
        self._title = title
        self._names = [*chosen, *(name for name in names if name not in chosen)]
        self._chosen = set(chosen)
        self._at = 0
        self._more = more
        self._known = known
        self._list = Static(markup=False)
        self._input = Input(placeholder=more, compact=True)
        self._said = Static(markup=False)

    def compose(self) -> ComposeResult:
        """A box with the list, and a line for further names."""
        box = Vertical(id="chooser")
        box.border_title = Text(self._title)
        box.border_subtitle = Text("space choose  J K move  enter apply  esc leave" + ("  a add" if self._more else ""))
        with box:
            yield VerticalScroll(self._list, can_focus=False)
            yield self._input
            yield self._said

    def on_mount(self) -> None:
        """Begin in the list."""
        self._input.display = False
        self._draw()

    def _draw(self) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        for place, name in enumerate(self._names):
            here, chosen = place == self._at, name in self._chosen
            text.append("> " if here else "  ", palette.ACCENT)
            text.append("[x] " if chosen else "[ ] ", palette.GOOD if chosen else palette.FAINT)
            text.append(f"{safe_line(name, limit=80)}\n", f"bold {palette.TEXT}" if here else palette.TEXT)
        self._list.update(text)
        view = self._list.parent
        if isinstance(view, VerticalScroll) and view.size.height:
            top = round(view.scroll_y)
            if not top <= self._at < top + view.size.height:
                view.scroll_to(y=max(0, self._at - view.size.height // 2), animate=False)

    def action_step(self, by: int) -> None:
        """Go to another name."""
        self._at = max(0, min(len(self._names) - 1, self._at + by))
        self._draw()

    def action_pick(self) -> None:
        """Choose the name, or not."""
        self._chosen ^= {self._names[self._at]}
        self._draw()

    def action_move(self, by: int) -> None:
        """Move the name in the order."""
        place = max(0, min(len(self._names) - 1, self._at + by))
        self._names.insert(place, self._names.pop(self._at))
        self._at = place
        self._draw()

    def action_add(self) -> None:
        """Type a further name."""
        if self._more:
            self._input.display = True
            self._input.focus()

    @on(Input.Submitted)
    def _added(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        if name and not self._known(name):
            self._said.update(Text(f"nothing is called {safe_line(name, limit=60)!r}", style=palette.WAIT))
            return
        if name:
            self._names.insert(self._at + 1, name)
            self._chosen.add(name)
        self._input.value, self._input.display = "", False
        self.set_focus(None)
        self._said.update("")
        self._draw()

    def action_apply(self) -> None:
        """Close with what is chosen."""
        self.dismiss([name for name in self._names if name in self._chosen])

    def action_leave(self) -> None:
        """Close and change nothing."""
        if self.focused is self._input:
            self._input.display = False
            self.set_focus(None)
        else:
            self.dismiss(None)
