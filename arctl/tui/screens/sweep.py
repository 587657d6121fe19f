"""The view of a sweep: its runs ranked and live, which parameter mattered, and what can be done about it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from arctl.numerals import value_text
from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.keys import Key
from arctl.tui.look import Look
from arctl.tui.messages import OpenRun, Wanted
from arctl.tui.reading.sweep import SweepPanel, SweepsPanel, SweepsWanted, SweepWanted, counts
from arctl.tui.screens.sweep_steering import STEERING, Steering
from arctl.tui.snapshot import Snapshot
from arctl.tui.wants import EmptyPanel, Panel
from arctl.tui.widgets.pane_tabs import PaneTabs
from arctl.tui.widgets.quiet import Quiet
from arctl.tui.widgets.sheet import SORTING, SheetView
from arctl.tui.widgets.sweep_effects import EffectsView

if TYPE_CHECKING:
    from arctl.registry.rows import RunRow

TALL = 30
"""Lines from which on board and parameters stand one above the other."""

BROAD = 150
"""Columns from which on they stand side by side."""

RESTS = 5.0
"""Between two readings of a board there are so many times as many seconds as one takes."""

_NO_SWEEPS = "no sweeps yet: `arctl sweep FILE` submits one (docs/sweeps.md)"


class SweepScreen(Steering):
    """The list of sweeps, or one of them."""

    TITLE = "Sweep"
    KEYS = (
        Key("enter", "enter", "open", "open", "open the sweep; in a sweep, open the run"),
        Key("right_square_bracket", "]", "pane(1)", "parameters", "board or parameters", "next-tab"),
        Key("left_square_bracket", "[", "pane(-1)", "last pane", "parameters or board", "last-tab"),
        Key("p", "p", "parameter(1)", "plot next", "plot the next parameter", "next-parameter"),
        Key("P", "P", "parameter(-1)", "plot last", "plot the parameter before", "last-parameter"),
        Key("e", "e", "each", "means", "a line for each run, or for each configuration (mean over seeds)"),
        *STEERING,
        Key("y", "y", "copy", "copy", "copy what the line sets: optim.lr=0.001 model.dropout=0.2"),
        *SORTING,
    )
    FOOTER = ("open", "next-tab", "next-parameter", "cancel", "resubmit", "throttle")
    DEFAULT_CSS = """
    SweepScreen #sweep-head { height: auto; max-height: 3; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    SweepScreen #sweep-panes { height: 1fr; layout: vertical; }
    SweepScreen #sweeps { display: none; }
    SweepScreen.-list #sweeps { display: block; }
    SweepScreen.-list #sweep-panes, SweepScreen.-list PaneTabs { display: none; }
    SweepScreen PaneTabs { display: none; }
    SweepScreen.-tabs PaneTabs { display: block; }
    SweepScreen.-tabs EffectsView, SweepScreen.-tabs.-second #board { display: none; }
    SweepScreen.-tabs.-second EffectsView { display: block; }
    SweepScreen.-stack EffectsView { height: 45%; border-top: solid $edge; }
    SweepScreen.-side #sweep-panes { layout: horizontal; }
    SweepScreen.-side EffectsView { width: 42%; border-left: solid $edge; }
    """

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        self._name: str | None = None
        self._rows: tuple[RunRow, ...] | None = None
        self._asked = 0.0
        self._each = True
        self._went_back = False
        self._names: tuple[str, ...] = ()
        self._head = Quiet(id="sweep-head")
        self._tabs = PaneTabs(("Board", "Parameters"))
        self._list = SheetView(look, id="sweeps", nothing="reading ...")
        self._board = SheetView(look, id="board", nothing="reading ...")
        self._effects = EffectsView(look)

    def body(self) -> ComposeResult:
        """Head, list, board, parameters."""
        yield self._head
        yield self._tabs
        yield self._list
        yield Container(self._board, self._effects, id="sweep-panes")

    def on_mount(self) -> None:
        """Begin with the list, unless a sweep was chosen."""
        self._arrange()
        self._switch()

    def choose(self, name: str) -> None:
        """Show a sweep."""
        if name != self._name:
            self._name, self._rows, self.panel = name, None, None
            self._went_back = False
            if self.is_mounted:
                self._switch()
                self._ask()

    def show(self, snapshot: Snapshot) -> None:
        """Read again what a new snapshot has changed."""
        super().show(snapshot)
        self._ask()

    def _ask(self) -> None:
        """Ask for the list or the board, where runs of it read differently than when they were last asked for."""
        if self._name is None:
            rows = tuple(row for row in self.snapshot.runs if row.sweep is not None)
        else:
            rows = tuple(row for row in self.snapshot.runs if row.sweep == self._name)
        resting = self.panel is not None and time.monotonic() - self._asked < RESTS * self.panel.took_s
        if rows != self._rows and not (resting and self._rows is not None):
            self._rows, self._asked = rows, time.monotonic()
            want = SweepsWanted() if self._name is None else SweepWanted(self._name, self._each)
            self.post_message(Wanted(want, self))

    def take(self, panel: Panel) -> None:
        """Draw what was read; what looks the same is left alone."""
        if isinstance(panel, EmptyPanel):
            view = self._list if self._name is None else self._board
            if not view.length():
                view.show(view.table, panel.why)
            self._head.say(Text(safe_line(panel.why), palette.WAIT))
        elif isinstance(panel, SweepsPanel) and self._name is None:
            self._names = panel.names
            self._list.show(panel.table, _NO_SWEEPS)
            if len(panel.names) == 1 and not self._went_back:
                self.choose(panel.names[0])
            else:
                self._head.say(Text(f"{len(panel.names)} sweeps", palette.MUTED) if panel.names else Text())
        elif isinstance(panel, SweepPanel) and panel.board.name == self._name and panel != self.panel:
            self.panel = panel
            self._board.show(panel.table, "no elements")
            self._effects.show(panel)
            self._head.say(_head(panel))

    def _switch(self) -> None:
        """Show the list or the board."""
        self.set_class(self._name is None, "-list")
        if self._name is None:
            self._list.focus()
        else:
            self._head.say(Text(safe_line(self._name, limit=120), f"bold {palette.TEXT}"))
            self._effects.show(None)
            self._focus_pane()
        self.show_keys()

    def _focus_pane(self) -> None:
        if self.has_class("-tabs") and self.has_class("-second"):
            self.set_focus(None)
        else:
            self._board.focus()

    def on_resize(self) -> None:
        """Put board and parameters beside, above or behind one another."""
        self._arrange()

    def _arrange(self) -> None:
        width, height = self.app.size
        side, stack = width >= BROAD, width < BROAD and height >= TALL
        self.set_class(side, "-side")
        self.set_class(stack, "-stack")
        self.set_class(not side and not stack, "-tabs")

    @on(PaneTabs.Chosen)
    def _pane_chosen(self, event: PaneTabs.Chosen) -> None:
        self._show_pane(event.at)

    def action_pane(self, by: int) -> None:
        """Show the other pane."""
        self._show_pane((int(self.has_class("-second")) + by) % 2)

    def _show_pane(self, at: int) -> None:
        self.set_class(at == 1, "-second")
        self._tabs.show(at)
        if self._name is not None:
            self._focus_pane()

    def action_parameter(self, by: int) -> None:
        """Plot another parameter."""
        self._effects.step(by)

    def action_each(self) -> None:
        """List runs, or means over seeds."""
        if self._name is not None:
            self._each, self._rows = not self._each, None
            self._ask()

    def action_sort(self, by: int) -> None:
        """Sort by another column."""
        (self._list if self._name is None else self._board).sort(by)

    def action_reverse(self) -> None:
        """Turn the order round."""
        (self._list if self._name is None else self._board).reverse()

    @on(SheetView.Opened)
    def action_open(self) -> None:
        """Open the sweep, or the run."""
        row = (self._list if self._name is None else self._board).row
        if row is None:
            return
        if self._name is None:
            self.choose(row.key)
        elif row.run is not None:
            self.post_message(OpenRun(row.run))
        else:
            self.notify("no run of this element was ever queued: R sends it", markup=False)

    def action_back(self) -> None:
        """From a sweep to the list where there are several, else to the runs."""
        if self._name is None or len(self._names) == 1:
            super().action_back()
            return
        name, self._name, self._rows, self.panel = self._name, None, None, None
        self._went_back = True
        self._switch()
        self._list.choose(name)
        self._ask()

    def action_quit(self) -> None:
        """Leave the view."""
        super().action_back()

    def action_copy(self) -> None:
        """Copy what the line sets, through the terminal."""
        from arctl.sweeps.values import label

        row = self._board.row if self._name is not None else None
        if row is None or self.panel is None:
            return
        found = next((one for one in self.panel.board.entries if one.element.name == row.key), None)
        if found is not None:
            text = safe_line(label(found.element.params), limit=2000)
            self.app.copy_to_clipboard(text)
            self.notify(f"copied {text}", markup=False)


def _head(panel: SweepPanel) -> Text:
    board = panel.board
    first = Text.assemble((safe_line(board.name, limit=80), f"bold {palette.TEXT}"))
    first.append(f"  {len(board.entries)} elements: {counts(board)}", palette.MUTED)
    second = Text(f"{safe_line(board.metric, limit=40)}: ", palette.MUTED)
    second.append("no result yet" if board.best is None else "best ", palette.MUTED)
    if board.best is not None:
        second.append(value_text(board.metric, board.best.mean), f"bold {palette.GOOD}")
    if board.sweep is None:
        second.append("  its record is lost: shown are the elements that have a run", palette.WAIT)
    elif board.sweep.max_parallel and any(one.alive for one in board.entries):
        second.append(f"  at most {board.sweep.max_parallel} at a time", palette.MUTED)
    if board.sweep is not None and board.sweep.note:
        second.append(f"  {safe_line(board.sweep.note, limit=200)}", palette.MUTED)
    return Text("\n", no_wrap=True, overflow="ellipsis").join([first, second])
