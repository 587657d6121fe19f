"""Two runs side by side: what differs in their setup, their metrics, the classes that rose and fell, their curves."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from arctl.rundir import run_name
from arctl.tui import palette
from arctl.tui.screens.help import HelpScreen
from arctl.tui.snapshot import Versus
from arctl.tui.widgets import versus as blocks
from arctl.tui.widgets.canvas import CurvesView
from arctl.tui.widgets.status import KeyBar


class CompareScreen(Screen[None]):
    """Opened empty; filled when the watcher has compared the runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,c", "close", "back", show=False),
        Binding("question_mark,f1", "help", "help", show=False),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("ctrl+d,pagedown", "scroll(10)", "half down", show=False),
        Binding("ctrl+u,pageup", "scroll(-10)", "half up", show=False),
        Binding("g,home", "scroll(-10000)", "top", show=False),
        Binding("G,end", "scroll(10000)", "bottom", show=False),
    ]

    def __init__(self, a: int, b: int, *, ascii: bool = False) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
        self.pair = (a, b)
        self._ascii = ascii

    def compose(self) -> ComposeResult:
        """A page of blocks; two columns of them where there is room."""
        with VerticalScroll(id="page"):
            yield Static(Text("comparing ...", style=palette.MUTED), id="names", markup=False)
            with Container(id="columns"):
                with Vertical(classes="side"):
                    for title in ("setup", "metrics"):
                        yield _block(title)
                with Vertical(classes="side"):
                    for title in ("curves", "classes"):
                        yield _block(title, curves=title == "curves", ascii=self._ascii)
            yield Static(id="notes", markup=False)
        yield KeyBar(("line_down", "line_up", "back", "help"))

    def on_mount(self) -> None:
        """Hide the blocks until there is something in them."""
        self.query_one("#columns").display = False

    def show(self, versus: Versus) -> None:
        """Draw a comparison, or why there is none."""
        if (versus.a, versus.b) != self.pair:
            return
        names = self.query_one("#names", Static)
        if versus.comparison is None:
            names.update(
                Text.assemble(
                    (f"{run_name(versus.a)} and {run_name(versus.b)} cannot be compared.\n\n", f"bold {palette.WAIT}"),
                    versus.why,
                )
            )
            return
        names.update(blocks.names(versus.comparison))
        self.query_one("#columns").display = True
        for title, draw in (("setup", blocks.setup), ("metrics", blocks.metrics), ("classes", blocks.classes)):
            self.query_one(f"#{title} Static", Static).update(draw(versus.comparison))
        self.query_one("#notes", Static).update(blocks.notes(versus.comparison))
        self.query_one("#curves").display = bool(versus.charts)
        self.query_one(CurvesView).show(versus.charts)

    def action_close(self) -> None:
        """Back to the runs."""
        self.dismiss(None)

    def action_help(self) -> None:
        """Show all keys."""
        self.app.push_screen(HelpScreen())

    def action_scroll(self, by: int) -> None:
        """Scroll the page."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def _block(title: str, *, curves: bool = False, ascii: bool = False) -> Vertical:
    inside = CurvesView(ascii=ascii) if curves else Static(markup=False)
    block = Vertical(inside, classes="block", id=title)
    block.border_title = title
    return block
