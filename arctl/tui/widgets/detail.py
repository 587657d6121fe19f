"""The detail pane: one run in four tabs. It asks for what it shows with `Wanted` and draws what comes back."""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui import palette
from arctl.tui.snapshot import (
    ConfigPanel,
    ConfusionPanel,
    CurvesPanel,
    EmptyPanel,
    LogPanel,
    Panel,
    Tab,
    Want,
)
from arctl.tui.widgets import styles
from arctl.tui.widgets.canvas import ConfusionView, CurvesView
from arctl.tui.widgets.heading import Facts, TabStrip
from arctl.tui.widgets.line_view import LineView

_PATIENCE = 0.25
"""Seconds after which a tab that has not come says that it is being read."""


class DetailPane(Vertical):
    """Shows the run that it was last given."""

    class Wanted(Message):
        """A tab of a run has to be read."""

        def __init__(self, want: Want) -> None:
            super().__init__()
            self.want = want

    class TabChanged(Message):
        """Another tab is shown."""

    def __init__(self, *, ascii: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tab = Tab.CURVES
        self.row: RunRow | None = None
        self._chart = 0
        self._title = ""
        self._shown: Panel | None = None
        self._waiting: Timer | None = None
        # Held and not looked up: a panel may come while the pane is being taken down.
        self._facts = Facts(id="facts")
        self._strip = TabStrip()
        self._word = Static(id="nothing", markup=False)
        self._curves = CurvesView(ascii=ascii)
        self.log_view = LineView(styles.log_line, follow=True)
        """The Log tab's text."""
        self._config = LineView(styles.config_line)
        self._confusion = ConfusionView(ascii=ascii)
        self._tabs: dict[Tab, Widget] = {
            Tab.CURVES: self._curves,
            Tab.LOG: self.log_view,
            Tab.CONFIG: self._config,
            Tab.CONFUSION: self._confusion,
        }

    def compose(self) -> ComposeResult:
        """Heading, names of the tabs, and the tabs, of which one is seen."""
        yield self._facts
        yield self._strip
        yield Container(self._word, *self._tabs.values(), id="tabs")
        self._see(self._word)

    @property
    def content(self) -> Widget:
        """The widget of the tab that is shown."""
        return self._tabs[self.tab]

    def show_run(self, row: RunRow | None, now: float) -> None:
        """Show a run; of the run that is shown already, only what may have changed is asked for again."""
        before, self.row = self.row, row
        if row is None:
            self._shown = None
            self._entitle("")
            self._facts.show(None, now)
            self._say("")
            return
        self._entitle(f"{run_name(row.number)} {safe_line(row.name, limit=60)}")
        self._facts.show(row, now)
        if before is None or before.number != row.number:
            self._chart = 0
            self.log_view.follow = True
            self._ask(fresh=True)
        elif before != row or self.tab is Tab.LOG:
            self._ask(fresh=False)

    def _entitle(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.border_title = Text(title)

    def show_tab(self, tab: Tab) -> None:
        """Show a tab."""
        if tab is not self.tab:
            self.tab = tab
            self._ask(fresh=True)
            self.post_message(self.TabChanged())

    def next_chart(self, by: int) -> None:
        """Draw other metrics."""
        if self.tab is Tab.CURVES:
            self._chart += by
            self._ask(fresh=False)

    def show_panel(self, panel: Panel) -> None:
        """Draw what was read, unless something else is wanted by now."""
        if self.row is None or panel.want != self._want():
            return
        self._stop_waiting()
        fresh, self._shown = self._shown is None or panel.want != self._shown.want, panel
        match panel:
            case CurvesPanel():
                self._curves.show(panel.charts)
            case LogPanel():
                self.log_view.show(panel.lines, fresh=fresh)
            case ConfigPanel():
                self._config.show(panel.lines, fresh=fresh)
            case ConfusionPanel():
                self._confusion.show(panel.confusion)
            case EmptyPanel():
                self._say(panel.why)
        if not isinstance(panel, EmptyPanel):
            self._see(self.content)
        self._strip.show(self.tab, self._note(panel))

    def _note(self, panel: Panel) -> str:
        match panel:
            case CurvesPanel() if len(panel.titles) > 1:
                return f"m {panel.want.chart % len(panel.titles) + 1}/{len(panel.titles)}"
            case LogPanel():
                return f"{panel.name}{' following' if self.log_view.follow else ''}"
            case ConfusionPanel():
                return f"{panel.confusion.split} epoch {panel.confusion.epoch}"
        return ""

    @on(LineView.FollowChanged)
    def _follow_changed(self) -> None:
        if self._shown is not None:
            self._strip.show(self.tab, self._note(self._shown))

    def _want(self, *, again: bool = False) -> Want:
        number = self.row.number if self.row is not None else 0
        return Want(number, self.tab, self._chart if self.tab is Tab.CURVES else 0, again)

    def _ask(self, *, fresh: bool) -> None:
        if fresh:
            self._strip.show(self.tab)
        if self.row is None:
            return
        shown = self._shown is not None and self._shown.want == self._want()
        self.post_message(self.Wanted(self._want(again=shown)))
        if fresh and self.is_running:
            self._stop_waiting()
            self._waiting = self.set_timer(_PATIENCE, lambda: self._say("reading ..."))

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None

    def _see(self, chosen: Widget) -> None:
        for widget in (self._word, *self._tabs.values()):
            widget.display = widget is chosen

    def _say(self, line: str) -> None:
        self._word.update(Text(line, style=palette.MUTED))
        self._see(self._word)

    @on(TabStrip.Chosen)
    def _tab_chosen(self, event: TabStrip.Chosen) -> None:
        self.show_tab(event.tab)
