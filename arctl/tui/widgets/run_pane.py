"""One run: how it stands, and its tabs, of which the one that is seen is made and asked."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar, Protocol, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widget import Widget

from arctl.arranging import HeadLine
from arctl.registry.rows import RunRow
from arctl.rundir import run_name
from arctl.text import safe_line
from arctl.tui.look import Look
from arctl.tui.messages import TabNoted
from arctl.tui.snapshot import Snapshot
from arctl.tui.widgets import heads
from arctl.tui.widgets.heading import Facts, TabStrip

TABS = {
    "Curves": ("curves_tab", "CurvesTab"),
    "Log": ("log_tab", "LogTab"),
    "Confusion": ("confusion_tab", "ConfusionTab"),
    "Config": ("config_tab", "ConfigTab"),
    "System": ("system_tab", "SystemTab"),
    "Job": ("job_tab", "JobTab"),
    "Notes": ("notes_tab", "NotesTab"),
}
"""The tabs in order: module in this package, and class. A tab is imported when it is first seen."""


class Tab(Protocol):
    """What the pane wants of a tab, which is a widget besides."""

    note: str

    def show_run(self, row: RunRow, now: float, *, fresh: bool) -> None:
        """Show a run; `fresh` for another than before, else the same, which may have changed."""
        ...


class RunPane(Vertical):
    """Shows the run that it was last given."""

    class TabChanged(Message):
        """Another tab is shown."""

    titles: ClassVar[tuple[str, ...]] = tuple(TABS)

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tab = self.titles[0]
        """The tab that is shown."""
        self.row: RunRow | None = None
        """The run that is shown."""
        self.marked: int | None = None
        """The newest marked run, with which a tab may compare."""
        self._look = look
        self._now = 0.0
        self._title = ""
        self._made: dict[str, Widget] = {}
        self._told: dict[str, int] = {}
        # Held and not looked up: news may come while the pane is being taken down.
        self._facts = Facts(id="facts")
        self._strip = TabStrip(self.titles)
        self._tabs = Container(id="tabs")

    def compose(self) -> ComposeResult:
        """Heading, names of the tabs, and the tabs, of which one is seen."""
        yield self._facts
        yield self._strip
        yield self._tabs

    def on_mount(self) -> None:
        """Make the first tab once the first screen has been painted: it loads what draws curves."""
        self.call_after_refresh(self.show_tab, self.tab)

    @property
    def content(self) -> Widget | None:
        """The widget of the tab that is shown; None before the first paint."""
        return self._made.get(self.tab)

    def focus_content(self) -> None:
        """Give the tab the focus: itself, or the first thing in it that takes it."""
        content = self.content
        if content is None:
            return
        inside = [content, *content.query("*")]
        taker = next((widget for widget in inside if widget.focusable and widget.display), None)
        if taker is not None:
            taker.focus()

    def show_run(self, row: RunRow | None, snapshot: Snapshot) -> None:
        """Show a run; the tab decides what it has to ask for again."""
        self.row, self._now = row, snapshot.at
        self._entitle("" if row is None else f"{run_name(row.number)} {safe_line(row.name, limit=60)}")
        outlook = None if row is None else snapshot.outlooks.get(row.number)
        self._facts.show(row, snapshot.at, outlook)
        self._tabs.display = self._strip.display = row is not None
        self._show_content()

    def show_head(self, head: HeadLine) -> None:
        """Show a folded line: its runs, best first."""
        self.row = None
        self._entitle(safe_line(head.title, limit=60))
        self._tabs.display = self._strip.display = False
        self._facts.show_text(heads.summary(head))

    def _entitle(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.border_title = Text(title)

    def _show_content(self) -> None:
        content, row = self.content, self.row
        if content is None or row is None:
            return
        fresh = self._told.get(self.tab) != row.number
        self._told[self.tab] = row.number
        if hasattr(content, "marked"):
            content.marked = self.marked
        cast("Tab", content).show_run(row, self._now, fresh=fresh)
        self._show_strip()

    async def show_tab(self, title: str) -> None:
        """Show a tab, making it where it is seen for the first time."""
        before, self.tab = self.tab, title
        if title not in self._made:
            module, name = TABS[title]
            made: Widget = getattr(import_module(f"arctl.tui.widgets.{module}"), name)(self._look)
            self._made[title] = made
            await self._tabs.mount(made)
            if self.tab != title:
                made.display = False
                return  # another tab was asked for while this one was made
        for other, widget in self._made.items():
            widget.display = other == title
        self._show_content()
        self._show_strip()
        if before != title:
            self.post_message(self.TabChanged())

    async def step_tab(self, by: int) -> None:
        """Show the tab that is `by` places to the right, around the end."""
        await self.show_tab(self.titles[(self.titles.index(self.tab) + by) % len(self.titles)])

    def _show_strip(self) -> None:
        self._strip.show(self.tab, getattr(self.content, "note", ""))

    @on(TabNoted)
    def _noted(self) -> None:
        self._show_strip()

    @on(TabStrip.Chosen)
    async def _chosen(self, event: TabStrip.Chosen) -> None:
        await self.show_tab(event.tab)
