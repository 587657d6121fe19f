"""The saved filters: enter uses one, `s` saves what is typed, `d` forgets one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.deeds import SaveFilter
from arctl.tui.messages import Wanted
from arctl.tui.reading.filters import FiltersPanel, FiltersWant
from arctl.tui.wants import EmptyPanel, Panel

if TYPE_CHECKING:
    from arctl.tui.app import Dashboard


class SavedFilters(ModalScreen[str | None]):
    """Dismissed with the filter to use; None for none."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,F", "dismiss(None)", "leave", show=False),
        Binding("enter", "use", "use", show=False),
        Binding("j,down", "step(1)", "down", show=False),
        Binding("k,up", "step(-1)", "up", show=False),
        Binding("s", "save", "save", show=False),
        Binding("d", "forget", "forget", show=False),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text.strip()
        self._saved: list[tuple[str, str]] = []
        self._at = 0
        self._list = Static(Text("reading ...", style=palette.MUTED), markup=False)

    def compose(self) -> ComposeResult:
        """A box with the list."""
        box = Vertical(id="chooser")
        box.border_title = "saved filters"
        box.border_subtitle = "enter use  s save  d forget  esc leave"
        with box:
            yield VerticalScroll(self._list, can_focus=False)

    def on_mount(self) -> None:
        """Ask for them."""
        self.post_message(Wanted(FiltersWant(), self))

    def take(self, panel: Panel) -> None:
        """Draw them."""
        if isinstance(panel, FiltersPanel):
            self._saved = sorted(panel.saved.items())
            self._at = min(self._at, max(0, len(self._saved) - 1))
            self._draw()
        elif isinstance(panel, EmptyPanel):
            self._list.update(Text(panel.why, style=palette.WAIT))

    def _draw(self) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        for place, (name, kept) in enumerate(self._saved):
            here = place == self._at
            text.append("> " if here else "  ", palette.ACCENT)
            text.append(f"@{safe_line(name):<14} ", f"bold {palette.TEXT}" if here else palette.TEXT)
            text.append(f"{safe_line(kept, limit=200)}\n", palette.MUTED)
        if not self._saved:
            text.append("none yet: type a filter with /, then come back and press s\n", palette.MUTED)
        self._list.update(text)

    def action_step(self, by: int) -> None:
        """Go to another one."""
        self._at = max(0, min(len(self._saved) - 1, self._at + by))
        self._draw()

    def action_use(self) -> None:
        """Filter by it."""
        self.dismiss(self._saved[self._at][1] if self._saved else None)

    def action_save(self) -> None:
        """Keep what is typed under a name."""
        from arctl.tui.screens.prompt import Prompt

        if not self._text:
            self.notify("type a filter with / first", markup=False)
            return

        def named(name: str | None) -> None:
            if name and name.strip():
                self._do(SaveFilter(name.strip(), self._text))

        self.app.push_screen(Prompt("name of this filter", hint=self._text), named)

    def action_forget(self) -> None:
        """Forget the one under the cursor."""
        if self._saved:
            self._do(SaveFilter(self._saved[self._at][0], ""))

    def _do(self, deed: SaveFilter) -> None:
        cast("Dashboard", self.app).do(deed)
        self.set_timer(0.3, self.on_mount)
