"""The palette: everything that can be done here, by name, and commands with arguments as people type them.

Textual's own answers in the background, so that enter may meet the list of an earlier letter; here a letter and what
it offers are one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from arctl.errors import ArctlError, nearest
from arctl.text import safe_line
from arctl.tui import palette, verbs
from arctl.tui.commands import Command, Offer, offers
from arctl.tui.messages import Wanted
from arctl.tui.reading.filters import FiltersPanel, FiltersWant
from arctl.tui.wants import Panel

if TYPE_CHECKING:
    from arctl.tui.screens.view import View


class CommandPalette(ModalScreen[None]):
    """Runs what is chosen, once it has closed."""

    DEFAULT_CSS = """
    CommandPalette { align: center top; background: $background 60%; }
    CommandPalette #box {
        width: 100; max-width: 100%; height: auto; max-height: 90%; margin: 1 0 0 0; background: $surface;
        border: round $primary; border-title-color: $primary; border-subtitle-color: $muted;
    }
    CommandPalette Input { height: 1; background: $panel; padding: 0 1; }
    CommandPalette Input:focus { background: $panel; }
    CommandPalette OptionList {
        height: auto; max-height: 18; background: $surface; border: none; padding: 0; overflow-x: hidden;
    }
    CommandPalette OptionList > .option-list--option-highlighted { background: $primary 25%; text-style: none; }
    CommandPalette Static { height: auto; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+p", "dismiss(None)", "close", show=False),
        Binding("down,ctrl+n,ctrl+j", "step('cursor_down')", "down", show=False, priority=True),
        Binding("up,ctrl+k", "step('cursor_up')", "up", show=False, priority=True),
        Binding("pagedown", "step('page_down')", "page down", show=False, priority=True),
        Binding("pageup", "step('page_up')", "page up", show=False, priority=True),
        Binding("tab", "fill", "complete", show=False, priority=True),
    ]

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view
        self._commands = verbs.commands(view)
        self._verbs = verbs.verbs(view)
        self._filters: Mapping[str, str] = {}
        self._offers: list[Offer] = []
        self._input = Input(
            placeholder="an action, run12, tag WORD, filter state:running, theme NAME, ...", compact=True
        )
        self._list = OptionList(markup=False)
        self._list.can_focus = False
        self._said = Static(markup=False)

    def compose(self) -> ComposeResult:
        """A line to type in, and what it may mean."""
        box = Vertical(id="box")
        box.border_title = "commands"
        box.border_subtitle = "enter runs it, tab completes it, esc leaves"
        with box:
            yield self._input
            yield self._list
            yield self._said

    def on_mount(self) -> None:
        """Offer all there is; ask for the saved filters."""
        self._input.focus()
        self.app.post_message(Wanted(FiltersWant(), self))

    def take(self, panel: Panel) -> None:
        """Take the saved filters; without them the palette does all the rest."""
        if isinstance(panel, FiltersPanel):
            self._filters = panel.saved
            self._offer()

    def on_resize(self) -> None:
        """Fit the lines to another width."""
        self.call_after_refresh(self._draw)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._offer()

    def _offer(self) -> None:
        dashboard = self._view.dashboard
        self._offers = offers(
            self._input.value,
            commands=self._commands,
            verbs=self._verbs,
            runs=dashboard.snapshot.runs,
            open_run=lambda number: verbs.open_run(self._view, number),
            filters=self._filters,
            use_filter=lambda text: verbs.use_filter(self._view, text),
        )
        self._draw()

    def _draw(self) -> None:
        if not self._offers and not self._input.value:
            self._offer()
            return
        width = max(20, self._list.size.width or self.app.size.width - 4)
        name = min(max([12, *(cell_len(offer.name) for offer in self._offers)]), width // 2)
        self._list.clear_options()
        self._list.add_options([Option(_line(offer, name, width)) for offer in self._offers])
        self._list.highlighted = 0 if self._offers else None
        text = self._input.value.strip().lstrip(":").split(" ")[0]
        missing = text and not self._offers
        known = [*(one.name for one in self._commands), *(verb.name for verb in self._verbs)]
        said = f"nothing is called {safe_line(text, limit=60)!r} ({nearest(text, known)})" if missing else ""
        self._said.update(Text(said, style=palette.WAIT))
        self._said.display = bool(said)

    def action_step(self, action: str) -> None:
        """Go to another offer."""
        getattr(self._list, f"action_{action}")()

    def action_fill(self) -> None:
        """Complete what is typed."""
        if (at := self._list.highlighted) is not None:
            self._input.value = self._offers[at].fill
            self._input.cursor_position = len(self._input.value)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._run(self._offers[event.option_index])

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if (at := self._list.highlighted) is not None:
            self._run(self._offers[at])

    def _run(self, offer: Offer) -> None:
        if offer.do is None:
            self.action_fill()
            return
        self.dismiss(None)
        self.app.call_later(self._do, offer)

    async def _do(self, offer: Offer) -> None:
        try:
            if not isinstance(offer.do, Command):
                assert offer.do is not None
                offer.do()
            elif isinstance(offer.do.action, str):
                await self.app.run_action(offer.do.action, default_namespace=offer.do.target or self._view)
            else:
                offer.do.action()
        except ArctlError as error:
            self.app.notify(safe_line(str(error)), severity="error", timeout=12, markup=False)


def _line(offer: Offer, name: int, width: int) -> Text:
    """Return a line: name, meaning, and at its right end the key."""
    text = Text(offer.name, style=f"bold {palette.TEXT}", no_wrap=True, overflow="ellipsis")
    text.truncate(name, overflow="ellipsis", pad=True)
    meaning = Text(f"  {offer.meaning}", style=palette.MUTED, no_wrap=True, overflow="ellipsis")
    meaning.truncate(max(0, width - name - cell_len(offer.key) - 3), overflow="ellipsis", pad=True)
    return Text.assemble(text, meaning, " ", (offer.key, palette.ACCENT))
